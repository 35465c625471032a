//! Whose turn it is, and how many may wait for theirs.

use super::{Log, Loop};
use crate::{next, time::sleep};
use std::{
    cell::Cell,
    future::{pending, poll_fn, ready},
    rc::Rc,
    sync::mpsc,
    task::{Poll, Waker},
    thread,
    time::Duration,
};

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
