//! How tasks end, and what is left of them then.

use super::{
    super::{AbortOnDrop, JoinError, JoinHandle},
    Log, Loop, gives_waker,
};
use crate::{next, time::sleep};
use std::{
    cell::RefCell,
    future::{pending, poll_fn, ready},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Notes when it is dropped.
struct OnDrop(Log, u32);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
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
