//! What is submitted waits for its turn, is done once, or is refused.

use super::{
    super::{Load, SubmitError, Submitted},
    Door, LONG, block_on, occupy, workers,
};
use crate::next;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
    time::Instant,
};

#[test]
fn work_is_done_elsewhere_in_order() {
    let workers = workers(1, 100);
    let order = Arc::new(Mutex::new(Vec::new()));
    let all: Vec<Submitted<ThreadId>> = (0..50)
        .map(|number| {
            let order = Arc::clone(&order);
            workers.submit(move || {
                order.lock().unwrap().push(number);
                thread::current().id()
            })
        })
        .collect();
    for one in all {
        assert_ne!(block_on(one).unwrap(), thread::current().id());
    }
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
    assert!(workers.stop(Instant::now() + LONG));
}

#[test]
fn threads_work_side_by_side() {
    let workers = workers(3, 100);
    let door = Door::default();
    // Each has begun while the others are there: three threads.
    let all = [(); 3].map(|()| occupy(&workers, &door));
    assert_eq!(
        workers.load(),
        Load {
            queued: 0,
            begun: 0,
            running: 3
        }
    );
    door.open();
    for one in all {
        block_on(one).unwrap();
    }
}

#[test]
fn a_full_queue_refuses_at_once() {
    let workers = workers(1, 2);
    let door = Door::default();
    let first = occupy(&workers, &door);
    let (second, third) = (workers.submit(|| 2), workers.submit(|| 3));
    let error = block_on(workers.submit(|| 4)).unwrap_err();
    assert_eq!(
        (error.clone(), error.status()),
        (SubmitError::QueueFull, 503)
    );
    let refused = workers.submit_async(async || 5);
    assert_eq!(refused.detach(), Err(SubmitError::QueueFull));
    // Taking one back makes room.
    drop(third);
    let fourth = workers.submit(|| 4);
    door.open();
    assert_eq!(block_on(first), Ok(()));
    assert_eq!((block_on(second), block_on(fourth)), (Ok(2), Ok(4)));
}

#[test]
fn futures_that_wait_count_as_queued() {
    let workers = workers(1, 2);
    let go = Arc::new(AtomicBool::new(false));
    let wait = |_| {
        let go = Arc::clone(&go);
        workers.submit_async(move || next::worker_yield(move || go.load(Ordering::Relaxed)))
    };
    let all = [0, 1].map(wait);
    assert_eq!(block_on(workers.submit(|| ())), Err(SubmitError::QueueFull));
    go.store(true, Ordering::Relaxed);
    for one in all {
        assert_eq!(block_on(one), Ok(()));
    }
    // What is over does not count when it is known to be over.
    for number in 0..1000 {
        let all = [0, 1].map(|add| workers.submit_async(move || async move { number + add }));
        for (add, one) in (0..).zip(all) {
            assert_eq!(block_on(one), Ok(number + add));
        }
    }
}

#[test]
fn what_is_dropped_before_it_begins_is_never_done() {
    let workers = workers(1, 10);
    let door = Door::default();
    let first = occupy(&workers, &door);
    let done = Arc::new(AtomicUsize::new(0));
    let add = |amount| {
        let done = Arc::clone(&done);
        move || done.fetch_add(amount, Ordering::Relaxed)
    };
    drop(workers.submit(add(1)));
    let kept = workers.submit(add(10));
    workers.submit(add(100)).detach().unwrap();
    drop(workers.submit(add(1000)));
    assert_eq!(
        Arc::strong_count(&done),
        3,
        "what was taken back is dropped"
    );
    // It has begun: it goes on, and its result is dropped.
    drop(first);
    door.open();
    assert_eq!(block_on(kept), Ok(0));
    assert!(workers.stop(Instant::now() + LONG));
    assert_eq!(done.load(Ordering::Relaxed), 110);
}

#[test]
fn a_panic_ends_nothing_but_the_work() {
    let workers = workers(1, 10);
    let error = block_on(workers.submit(|| -> u8 { panic!("bad {}", 1) })).unwrap_err();
    assert_eq!(error, SubmitError::Panicked("bad 1".to_owned()));
    assert_eq!(error.status(), 500);
    let error = block_on(workers.submit_async(async || -> u8 {
        next::yield_now().await;
        panic!("later")
    }));
    assert_eq!(error, Err(SubmitError::Panicked("later".to_owned())));
    assert_eq!(block_on(workers.submit(|| 1)), Ok(1));
}

#[test]
fn a_worker_may_submit_but_others_may_not() {
    let error = block_on(next::submit(|| ())).unwrap_err();
    assert_eq!((error.clone(), error.status()), (SubmitError::NoPool, 500));
    assert!(error.to_string().contains("at least one worker"));
    let workers = workers(1, 100);
    let submitted = workers.submit_async(|| async {
        let one = next::submit(|| 1).await?;
        let two = next::submit_async(async || 2).await?;
        Ok::<_, SubmitError>(one + two)
    });
    assert_eq!(block_on(submitted), Ok(Ok(3)));
}
