//! How a pool ends.

use super::{
    super::{Load, SubmitError, Submitted},
    Door, LONG, block_on, occupy, workers,
};
use crate::next;
use std::{
    sync::{Arc, mpsc},
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

#[test]
fn a_clean_stop_does_what_there_is() {
    // Often, because threads that wait, look out for others or end have to be told in time.
    for _ in 0..50 {
        clean_stop();
    }
}

fn clean_stop() {
    let workers = workers(2, 1000);
    let all: Vec<Submitted<u32>> = (0..20)
        .map(|number| {
            workers.submit_async(move || async move {
                let mut polls = 0;
                next::worker_yield(|| {
                    polls += 1;
                    polls > 3
                })
                .await;
                number
            })
        })
        .collect();
    let start = Instant::now();
    assert!(workers.stop(start + LONG));
    assert!(start.elapsed() < LONG, "a thread has not been told");
    assert_eq!(workers.load(), Load::default());
    for (number, one) in (0..).zip(all) {
        assert_eq!(block_on(one), Ok(number));
    }
    let late = block_on(workers.submit(|| ())).unwrap_err();
    assert_eq!((late.clone(), late.status()), (SubmitError::Stopped, 503));
}

#[test]
fn a_stop_at_its_deadline_leaves_nobody_waiting() {
    let workers = workers(2, 100);
    let door = Door::default();
    let held = Arc::new(());
    let (one, two) = (occupy(&workers, &door), Arc::clone(&held));
    // Waits for a waker that is kept but not used; one that yields for ever; one that never begins.
    let (keep, kept) = mpsc::channel();
    let lost = workers.submit_async(move || async move {
        let _held = two;
        std::future::poll_fn::<(), _>(|cx| {
            keep.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
        .await;
    });
    let waker: Waker = kept.recv_timeout(LONG).unwrap();
    let yields = workers.submit_async(|| next::worker_yield(|| false));
    while workers.load().begun < 2 || workers.load().running > 1 {
        thread::yield_now();
    }
    let also = occupy(&workers, &door);
    let three = Arc::clone(&held);
    let queued = workers.submit(move || drop(three));
    assert!(!workers.stop(Instant::now() + Duration::from_millis(5)));
    for left in [one, lost, yields, also, queued] {
        assert_eq!(block_on(left), Err(SubmitError::Stopped));
    }
    assert_eq!(Arc::strong_count(&held), 1);
    waker.wake();
    door.open();
}

#[test]
fn dropping_the_pool_stops_it() {
    let workers = workers(1, 100);
    let door = Door::default();
    let running = occupy(&workers, &door);
    let queued = workers.submit(|| ());
    drop(workers);
    assert_eq!(block_on(queued), Err(SubmitError::Stopped));
    assert_eq!(block_on(running), Err(SubmitError::Stopped));
    door.open();
}
