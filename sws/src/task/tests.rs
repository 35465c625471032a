//! The executor, driven by hand.

use super::*;
use crate::{
    next,
    time::{interval, sleep, sleep_until, timeout},
};
#[cfg(debug_assertions)]
use std::task::Wake;
use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

/// Stands for the reactor: waits as it does, until a deadline or a notice.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<usize>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() += 1;
        self.heard.notify_all();
    }

    fn wait(&self, deadline: Option<Instant>) {
        let rung = self.rung.lock().unwrap();
        let long = Duration::from_secs(20);
        let left = deadline.map_or(long, |at| at.saturating_duration_since(Instant::now()));
        let (mut rung, waited) = self
            .heard
            .wait_timeout_while(rung, left, |rung| *rung == 0)
            .unwrap();
        assert!(
            deadline.is_some() || !waited.timed_out(),
            "a wake has been lost"
        );
        *rung = 0;
    }

    fn count(&self) -> usize {
        *self.rung.lock().unwrap()
    }
}

pub(super) struct Loop {
    pub(super) executor: Rc<Executor>,
    pub(super) bell: Arc<Bell>,
    _entered: Entered,
}

impl Loop {
    pub(super) fn new(tasks_max: usize) -> Self {
        let bell = Arc::new(Bell::default());
        let ring = Arc::clone(&bell);
        let executor = Executor::new(Arc::new(move || ring.ring()), tasks_max);
        Self {
            _entered: enter(Rc::clone(&executor)),
            executor,
            bell,
        }
    }

    fn turn(&self) {
        self.executor.run(usize::MAX);
    }

    /// As a reactor does, until `future` is over.
    pub(super) fn until<F: Future<Output: 'static> + 'static>(&self, future: F) -> F::Output {
        let output = Rc::new(RefCell::new(None));
        let to = Rc::clone(&output);
        self.executor
            .spawn_detached(async move {
                let value = future.await;
                *to.borrow_mut() = Some(value);
            })
            .unwrap();
        loop {
            self.executor.run(64);
            if let Some(output) = output.take() {
                return output;
            }
            if !self.executor.is_ready() {
                self.bell.wait(self.executor.next_deadline());
            }
        }
    }
}

#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<u32>>>);

impl Log {
    fn note(&self, number: u32) {
        self.0.borrow_mut().push(number);
    }

    fn take(&self) -> Vec<u32> {
        self.0.take()
    }
}

/// Notes when it is dropped.
struct OnDrop(Log, u32);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

/// Gives its waker away and waits to be woken.
fn gives_waker() -> (impl Future<Output = ()>, Rc<Cell<Option<Waker>>>) {
    let place = Rc::new(Cell::new(None));
    let to = Rc::clone(&place);
    let mut polls = 0;
    let future = poll_fn(move |cx| {
        polls += 1;
        to.set(Some(cx.waker().clone()));
        if polls > 1 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    (future, place)
}

#[test]
fn tasks_run_in_the_order_in_which_they_were_started() {
    let l = Loop::new(100);
    let log = Log::default();
    for number in 0..10 {
        let log = log.clone();
        drop(next::go(async move { log.note(number) }).unwrap());
    }
    assert!(l.executor.is_ready());
    assert!(log.take().is_empty());
    l.executor.run(4);
    assert_eq!(log.take(), [0, 1, 2, 3]);
    l.turn();
    assert_eq!(log.take(), [4, 5, 6, 7, 8, 9]);
    assert!(!l.executor.is_ready());
    assert_eq!((l.executor.len(), l.bell.count()), (0, 0));
}

#[test]
fn a_task_that_keeps_itself_ready_starves_nobody() {
    let l = Loop::new(100);
    let turns = Rc::new(Cell::new(0));
    let count = Rc::clone(&turns);
    l.executor
        .spawn_detached(async move {
            loop {
                count.set(count.get() + 1);
                next::yield_now().await;
            }
        })
        .unwrap();
    let log = Log::default();
    let note = log.clone();
    l.executor
        .spawn_detached(async move {
            for number in 0..3 {
                note.note(number);
                next::yield_now().await;
            }
        })
        .unwrap();
    l.executor.run(6);
    assert_eq!((turns.get(), log.take()), (3, vec![0, 1, 2]));
    // Timers and wakes of other threads come up as well, however busy it is.
    let note = log.clone();
    l.until(async move {
        sleep(Duration::from_millis(1)).await;
        note.note(7);
    });
    assert_eq!(log.take(), [7]);
    assert_eq!(l.bell.count(), 0);
}

#[test]
fn spawn_now_runs_to_the_first_await_at_once() {
    let l = Loop::new(1);
    let log = Log::default();
    let note = log.clone();
    let task = async move {
        note.note(1);
        next::yield_now().await;
        note.note(2);
    };
    assert!(l.executor.spawn_now_detached(task).unwrap().is_some());
    assert_eq!(log.take(), [1]);
    l.turn();
    assert_eq!(log.take(), [2]);
    // One that needs no second poll leaves nothing behind, not even in the queue.
    assert_eq!(l.executor.spawn_now_detached(ready(())).unwrap(), None);
    let handle = l.executor.spawn_now(ready(5)).unwrap();
    assert!(handle.is_finished() && !l.executor.is_ready() && l.executor.len() == 0);
    assert_eq!(l.until(handle), Ok(5));
}

#[test]
fn too_many_tasks_are_refused() {
    let l = Loop::new(2);
    let first = next::go(pending::<()>()).unwrap();
    let _second = l.executor.spawn_now(pending::<()>()).unwrap();
    let error = next::go(pending::<()>()).unwrap_err();
    assert_eq!(error.status(), 503);
    assert!(error.to_string().contains("2 tasks"), "{error}");
    assert!(l.executor.spawn_detached(pending::<()>()).is_err());
    assert!(l.executor.spawn_now_detached(pending::<()>()).is_err());
    first.abort();
    next::go(pending::<()>()).unwrap();
    assert!(next::go(pending::<()>()).is_err());
}

#[test]
fn wakes_are_counted_once_and_quietly_on_the_own_thread() {
    let l = Loop::new(10);
    let polls = Rc::new(Cell::new(0));
    let count = Rc::clone(&polls);
    let place = Rc::new(RefCell::new(None));
    let to = Rc::clone(&place);
    l.executor
        .spawn_detached(poll_fn(move |cx| {
            count.set(count.get() + 1);
            to.replace(Some(cx.waker().clone()));
            Poll::<()>::Pending
        }))
        .unwrap();
    l.turn();
    let waker: Waker = place.take().unwrap();
    for _ in 0..5 {
        waker.wake_by_ref();
    }
    l.turn();
    assert_eq!((polls.get(), l.bell.count()), (2, 0));
    // From elsewhere: one notice for all that happens before it is heeded.
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| waker.wake_by_ref());
        }
    });
    assert_eq!(l.bell.count(), 1);
    assert!(l.executor.is_ready());
    l.turn();
    assert_eq!(polls.get(), 3);
    assert!(!l.executor.is_ready());
}

#[test]
fn a_waker_that_outlives_its_task_wakes_no_other() {
    let l = Loop::new(10);
    let (future, place) = gives_waker();
    let id = l.executor.spawn_now_detached(future).unwrap().unwrap();
    let stale = place.take().unwrap();
    l.executor.abort(id);
    let polls = Rc::new(Cell::new(0));
    let count = Rc::clone(&polls);
    let next_id = l
        .executor
        .spawn_now_detached(poll_fn(move |_| {
            count.set(count.get() + 1);
            Poll::<()>::Pending
        }))
        .unwrap()
        .unwrap();
    assert_eq!(id.index, next_id.index);
    assert_ne!(id, next_id);
    stale.wake_by_ref();
    thread::scope(|scope| {
        scope.spawn(|| stale.wake());
    });
    l.turn();
    assert_eq!(polls.get(), 1);
    // Nor does the old name mean the new task.
    l.executor.abort(id);
    assert_eq!(l.executor.len(), 1);
}

#[test]
fn no_wake_from_another_thread_is_lost() {
    const THREADS: usize = 8;
    const WAKES: usize = 20_000;
    let l = Loop::new(100);
    let mut handles = Vec::new();
    for _ in 0..THREADS {
        // The other side adds one and wakes; if one wake were lost the last one could be.
        let count = Arc::new(AtomicUsize::new(0));
        let (to, wakers) = mpsc::channel::<Waker>();
        let add = Arc::clone(&count);
        let thread = thread::spawn(move || {
            let mut waker = wakers.recv().unwrap();
            for _ in 0..WAKES {
                add.fetch_add(1, Ordering::Relaxed);
                waker.wake_by_ref();
                if let Ok(newer) = wakers.try_recv() {
                    waker = newer;
                }
            }
        });
        handles.push(
            next::go(async move {
                poll_fn(|cx| {
                    let _ = to.send(cx.waker().clone());
                    if count.load(Ordering::Relaxed) == WAKES {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                thread.join().unwrap();
            })
            .unwrap(),
        );
    }
    l.until(async move {
        for handle in handles {
            handle.await.unwrap();
        }
    });
    assert_eq!(l.executor.len(), 0);
}

#[test]
fn one_wake_at_a_time_from_another_thread() {
    // Each wake is waited for, so each finds an executor that is about to wait or waits.
    let l = Loop::new(10);
    let (to, wakers) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    l.until(async move {
        for _ in 0..20_000 {
            let mut sent = false;
            poll_fn(|cx| {
                if sent {
                    return Poll::Ready(());
                }
                sent = true;
                to.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
        }
    });
    thread.join().unwrap();
}

#[test]
fn abort_in_every_state() {
    let l = Loop::new(10);
    let log = Log::default();
    let start = |number| {
        let guard = OnDrop(log.clone(), number);
        next::go(async move {
            let _guard = guard;
            next::yield_now().await;
            pending::<()>().await;
        })
        .unwrap()
    };
    // Not yet polled.
    let handle = start(1);
    handle.abort();
    assert!(handle.is_finished());
    assert_eq!(log.take(), [1]);
    assert_eq!(l.until(handle), Err(JoinError::Cancelled));
    // Woken and waiting for its turn.
    let handle = start(2);
    l.executor.run(1);
    assert!(l.executor.is_ready());
    handle.abort();
    handle.abort();
    assert_eq!(l.until(handle), Err(JoinError::Cancelled));
    // Asleep.
    let handle = start(3);
    l.turn();
    assert!(!l.executor.is_ready());
    handle.abort();
    assert_eq!(log.take(), [2, 3]);
    assert_eq!(l.until(handle), Err(JoinError::Cancelled));
    // Over: nothing changes.
    let handle = next::go(ready(3)).unwrap();
    l.turn();
    handle.abort();
    assert_eq!(l.until(handle), Ok(3));
    assert_eq!((l.executor.len(), l.executor.panics()), (0, 0));
}

#[test]
fn a_task_may_abort_itself_and_others() {
    let l = Loop::new(10);
    let log = Log::default();
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let (me, guard, note) = (Rc::clone(&own), OnDrop(log.clone(), 9), log.clone());
    let handle = next::go(async move {
        let _guard = guard;
        me.borrow().as_ref().unwrap().abort();
        note.note(1);
        next::yield_now().await;
        note.note(2);
    })
    .unwrap();
    own.replace(Some(handle));
    l.turn();
    assert_eq!(log.take(), [1, 9]);
    assert_eq!(l.until(own.take().unwrap()), Err(JoinError::Cancelled));
    // One that ends in the same poll has an output all the same.
    let (me, other) = (Rc::clone(&own), next::go(pending::<()>()).unwrap());
    let handle = next::go(async move {
        other.abort();
        me.borrow().as_ref().unwrap().abort();
    })
    .unwrap();
    own.replace(Some(handle));
    l.turn();
    assert_eq!(l.until(own.take().unwrap()), Ok(()));
    assert_eq!(l.executor.len(), 0);
}

#[test]
fn a_guard_aborts_its_task() {
    let l = Loop::new(10);
    let log = Log::default();
    let guard = OnDrop(log.clone(), 1);
    let id = l
        .executor
        .spawn_now_detached(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .unwrap()
        .unwrap();
    drop(AbortOnDrop::new(&l.executor, id));
    assert_eq!((log.take(), l.executor.len()), (vec![1], 0));
}

#[test]
fn dropping_a_handle_lets_the_task_run_on() {
    let l = Loop::new(10);
    let log = Log::default();
    let note = log.clone();
    drop(
        next::go(async move {
            next::yield_now().await;
            note.note(1);
        })
        .unwrap(),
    );
    l.turn();
    assert_eq!((log.take(), l.executor.len()), (vec![1], 0));
}

#[test]
fn a_panic_ends_one_task() {
    let l = Loop::new(10);
    let log = Log::default();
    let guard = OnDrop(log.clone(), 1);
    let bad = next::go(async move {
        let _guard = guard;
        next::yield_now().await;
        panic!("no {}", 7);
    })
    .unwrap();
    let good = next::go(async { 1 }).unwrap();
    l.turn();
    assert_eq!((log.take(), l.executor.panics()), (vec![1], 1));
    assert_eq!(l.until(bad), Err(JoinError::Panicked("no 7".to_owned())));
    assert_eq!(l.until(good), Ok(1));
    // Inline, and without anybody to tell.
    let now = l.executor.spawn_now(async { panic!("at once") }).unwrap();
    assert_eq!(
        l.until(now),
        Err::<(), _>(JoinError::Panicked("at once".to_owned()))
    );
    let task = async { std::panic::panic_any(5) };
    assert_eq!(l.executor.spawn_now_detached(task).unwrap(), None);
    assert_eq!((l.executor.panics(), l.executor.len()), (3, 0));
}

#[test]
fn a_panic_while_a_task_is_dropped_is_caught() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let l = Loop::new(10);
    let handle = next::go(async {
        let _bad = Bad;
        pending::<()>().await;
    })
    .unwrap();
    l.turn();
    handle.abort();
    assert_eq!(l.executor.panics(), 1);
    assert_eq!(l.until(handle), Err(JoinError::Cancelled));
}

#[test]
fn a_task_is_dropped_before_its_end_is_told() {
    let l = Loop::new(10);
    let log = Log::default();
    for abort in [false, true] {
        let guard = OnDrop(log.clone(), 1);
        let (first, second) = (OnDrop(log.clone(), 3), OnDrop(log.clone(), 2));
        let task = next::go(async move {
            let _guard = guard;
            let _first = first;
            let _second = second;
            next::yield_now().await;
            if abort {
                pending::<()>().await;
            }
        })
        .unwrap();
        l.turn();
        if abort {
            task.abort();
        }
        let note = log.clone();
        drop(
            next::go(async move {
                let _ = task.await;
                note.note(4);
            })
            .unwrap(),
        );
        l.turn();
        // Locals are dropped last first, as everywhere.
        assert_eq!(log.take(), [2, 3, 1, 4], "{abort}");
    }
}

#[test]
fn what_a_destructor_does_is_harmless() {
    /// Starts and aborts tasks while it is dropped.
    struct Busy(Option<JoinHandle<()>>);
    impl Drop for Busy {
        fn drop(&mut self) {
            self.0.take().unwrap().abort();
            let _refused_while_all_are_aborted = next::go(async {});
        }
    }
    let l = Loop::new(10);
    for _ in 0..3 {
        let busy = Busy(Some(next::go(pending()).unwrap()));
        drop(
            next::go(async move {
                let _busy = busy;
                pending::<()>().await;
            })
            .unwrap(),
        );
    }
    l.turn();
    assert_eq!(l.executor.len(), 6);
    l.executor.abort_all();
    assert_eq!((l.executor.len(), l.executor.panics()), (0, 0));
    // What is left in the queue refers to nothing; new tasks are as good as ever.
    assert_eq!(l.until(async { 4 }), 4);
}

#[test]
fn the_executors_end_is_the_tasks_end() {
    let log = Log::default();
    let (handle, waker) = {
        let l = Loop::new(10);
        let guard = OnDrop(log.clone(), 1);
        let (future, place) = gives_waker();
        let handle = next::go(async move {
            let _guard = guard;
            future.await;
            sleep(Duration::from_secs(60)).await;
        })
        .unwrap();
        l.turn();
        (handle, place.take().unwrap())
    };
    assert_eq!(log.take(), [1]);
    assert!(handle.is_finished());
    handle.abort();
    waker.wake();
    let mut handle = pin!(handle);
    let polled = handle
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Err(JoinError::Cancelled)));
}

#[test]
fn join_handles_follow_who_polls_them() {
    let l = Loop::new(10);
    let task = next::go(async {
        sleep(Duration::from_millis(2)).await;
        3
    })
    .unwrap();
    // Polled by one task, then awaited by another.
    let passed = Rc::new(RefCell::new(Some(task)));
    let here = Rc::clone(&passed);
    l.until(poll_fn(move |cx| {
        let mut task = here.borrow_mut();
        assert!(pin!(task.as_mut().unwrap()).poll(cx).is_pending());
        Poll::Ready(())
    }));
    let task = passed.take().unwrap();
    assert_eq!(l.until(task), Ok(3));
}

#[test]
fn timers_come_in_order_and_never_early() {
    let l = Loop::new(100);
    let log = Log::default();
    let start = Instant::now();
    let mut handles = Vec::new();
    for millis in [9, 3, 7, 0, 5, 3] {
        let log = log.clone();
        handles.push(
            next::go(async move {
                sleep_until(start + Duration::from_millis(u64::from(millis))).await;
                assert!(start.elapsed() >= Duration::from_millis(u64::from(millis)));
                log.note(millis);
            })
            .unwrap(),
        );
    }
    l.until(async move {
        for handle in handles {
            handle.await.unwrap();
        }
        sleep_until(start).await;
    });
    assert_eq!(log.take(), [0, 3, 3, 5, 7, 9]);
    assert_eq!(l.executor.timers().len(), 0);
    assert_eq!(l.executor.next_deadline(), None);
}

#[test]
fn a_cancelled_timer_is_gone() {
    let l = Loop::new(100);
    let handle = next::go(sleep(Duration::from_secs(30))).unwrap();
    // One poll, and that has not woken it.
    l.executor.run(1);
    assert!(!l.executor.is_ready());
    assert!(l.executor.next_deadline().unwrap() > Instant::now() + Duration::from_secs(20));
    handle.abort();
    assert_eq!(
        (l.executor.timers().len(), l.executor.next_deadline()),
        (0, None)
    );
    // Never polled: it was never there.
    drop(sleep(Duration::from_secs(30)));
    // Fired but not polled again.
    let handle = next::go(async {
        let mut sleep = sleep(Duration::ZERO);
        poll_fn(|cx| {
            assert!(pin!(&mut sleep).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        pending::<()>().await;
    })
    .unwrap();
    l.turn();
    l.turn();
    assert_eq!(l.executor.next_deadline(), None);
    handle.abort();
    assert_eq!(l.executor.timers().len(), 0);
}

#[test]
fn a_timeout_ends_both_ways() {
    let l = Loop::new(100);
    l.until(async {
        let long = Duration::from_secs(30);
        assert_eq!(timeout(long, async { 1 }).await, Ok(1));
        let slower = async {
            sleep(Duration::from_millis(1)).await;
            2
        };
        assert_eq!(timeout(long, slower).await, Ok(2));
        let error = timeout(Duration::from_millis(1), pending::<()>())
            .await
            .unwrap_err();
        assert_eq!(error.status(), 504);
        // Both at once: the output counts.
        assert_eq!(timeout(Duration::ZERO, ready(3)).await, Ok(3));
    });
    assert_eq!(l.executor.timers().len(), 0);
}

#[test]
fn an_interval_does_not_burst() {
    let l = Loop::new(100);
    l.until(async {
        let period = Duration::from_millis(4);
        let start = Instant::now();
        let mut ticks = interval(period);
        let first = ticks.tick().await;
        let heard = Instant::now();
        assert!(first >= start && heard >= first);
        let second = ticks.tick().await;
        assert!(second >= first + period && second <= heard + period);
        let heard = Instant::now();
        assert!(heard >= second);
        // Several are missed: one comes at once, the next a period after that.
        thread::sleep(period * 4);
        let late = ticks.tick().await;
        assert!(late >= second + period && late <= heard + period);
        let after = Instant::now();
        let following = ticks.tick().await;
        assert!(following >= heard + period * 5, "a burst");
        assert!(following <= after + period && Instant::now() >= following);
        // Dropping a tick that has not come loses nothing.
        let due = following + period;
        assert!(timeout(Duration::ZERO, ticks.tick()).await.is_err() || Instant::now() >= due);
        assert!(ticks.tick().await >= due);
    });
    assert_eq!(l.executor.timers().len(), 0);
}

#[test]
fn many_sleeps() {
    const SLEEPS: u64 = 100_000;
    let l = Loop::new(200_000);
    let done = Rc::new(Cell::new(0));
    for number in 0..SLEEPS {
        let done = Rc::clone(&done);
        let task = async move {
            sleep(Duration::from_micros(number * 7919 % 50_000)).await;
            done.set(done.get() + 1);
        };
        l.executor.spawn_now_detached(task).unwrap();
    }
    assert_eq!(l.executor.timers().len() as u64, SLEEPS);
    l.until(sleep(Duration::from_millis(60)));
    while l.executor.len() > 0 {
        l.turn();
    }
    assert_eq!((done.get(), l.executor.timers().len()), (SLEEPS, 0));
}

#[test]
fn a_turn_is_bounded_also_when_many_timers_are_due() {
    let l = Loop::new(100);
    for _ in 0..10 {
        l.executor
            .spawn_now_detached(sleep(Duration::ZERO))
            .unwrap();
    }
    l.executor.run(3);
    assert_eq!((l.executor.len(), l.executor.timers().len()), (7, 7));
    assert!(l.executor.next_deadline().unwrap() <= Instant::now());
}

#[test]
fn executors_of_two_threads_do_not_disturb_each_other() {
    // Each thread's tasks stay there, though they wake each other all the time.
    let (to_a, for_a) = mpsc::channel::<Waker>();
    let (to_b, for_b) = mpsc::channel::<Waker>();
    let side = |to: mpsc::Sender<Waker>, from: mpsc::Receiver<Waker>| {
        move || {
            let l = Loop::new(5);
            let here = thread::current().id();
            let mut all = Vec::new();
            for _ in 0..4 {
                all.push(
                    next::go(async move {
                        for _ in 0..50 {
                            next::yield_now().await;
                            sleep(Duration::from_micros(50)).await;
                            assert_eq!(thread::current().id(), here);
                        }
                    })
                    .unwrap(),
                );
            }
            l.until(async move {
                for _ in 0..200 {
                    let mut sent = false;
                    poll_fn(|cx| {
                        if !std::mem::replace(&mut sent, true) {
                            to.send(cx.waker().clone()).unwrap();
                            return Poll::Pending;
                        }
                        Poll::Ready(())
                    })
                    .await;
                    from.recv_timeout(Duration::from_secs(10)).unwrap().wake();
                }
            });
            l.executor.len()
        }
    };
    // In between, a thread for each side wakes the waker that it gets and passes it on to the other side, which wakes it
    // again.
    let (relay_a, from_a) = mpsc::channel::<Waker>();
    let (relay_b, from_b) = mpsc::channel::<Waker>();
    let passing = [(from_a, to_b), (from_b, to_a)].map(|(from, to)| {
        thread::spawn(move || {
            for waker in from {
                waker.wake_by_ref();
                let _ = to.send(waker);
            }
        })
    });
    let a = thread::spawn(side(relay_a, for_a));
    let b = thread::spawn(side(relay_b, for_b));
    assert!(a.join().is_ok() && b.join().is_ok());
    for thread in passing {
        thread.join().unwrap();
    }
}

/// What the panic of `code` says.
fn panic_of(code: impl FnOnce()) -> String {
    panic_message(catch_unwind(AssertUnwindSafe(code)).unwrap_err())
}

#[test]
fn off_an_io_thread_there_is_a_message() {
    for said in [
        panic_of(|| drop(next::go(async {}))),
        panic_of(|| drop(sleep(Duration::ZERO))),
        panic_of(|| drop(sleep_until(Instant::now()))),
        panic_of(|| drop(interval(Duration::ZERO))),
        panic_of(|| drop(timeout(Duration::ZERO, async {}))),
    ] {
        assert!(said.contains("off an I/O thread: call it in"), "{said}");
    }
}

/// The simplest `block_on` that gives up.
#[cfg(debug_assertions)]
fn block_on<F: Future>(future: F) {
    struct Thread(thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Thread(thread::current())));
    let mut future = pin!(future);
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

#[test]
#[cfg(debug_assertions)]
fn blocking_an_io_thread_is_noticed() {
    let l = Loop::new(10);
    let task = next::go(pending::<()>()).unwrap();
    let said = panic_of(|| block_on(sleep(Duration::from_secs(1))));
    assert!(said.contains("and `.await`"), "{said}");
    let said = panic_of(|| block_on(task));
    assert!(
        said.contains("JoinHandle was waited for on an I/O thread"),
        "{said}"
    );
    // Within a task it can only be suspected, because combinators have wakers of their own too.
    assert!(!context::take_suspected());
    l.until(async { block_on(sleep(Duration::from_secs(1))) });
    assert!(context::take_suspected());
}

#[test]
#[cfg(debug_assertions)]
fn combinators_with_wakers_of_their_own_are_not_suspected() {
    /// Wakes two wakers.
    struct Both(Waker, AtomicUsize);
    impl Wake for Both {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.wake_by_ref();
        }
    }
    let l = Loop::new(10);
    l.until(async {
        let mut sleep = sleep(Duration::from_millis(1));
        poll_fn(|cx| {
            let own = Waker::from(Arc::new(Both(cx.waker().clone(), AtomicUsize::new(0))));
            pin!(&mut sleep).poll(&mut Context::from_waker(&own))
        })
        .await;
    });
    assert!(!context::take_suspected());
}
