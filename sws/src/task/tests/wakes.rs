//! Wakers, from this thread and others.

use super::{Loop, gives_waker};
use crate::next;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
};

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
