//! Timers.

use super::{Log, Loop};
use crate::{
    next,
    time::{interval, sleep, sleep_until, timeout},
};
use std::{
    cell::Cell,
    future::{pending, poll_fn, ready},
    pin::pin,
    rc::Rc,
    task::Poll,
    thread,
    time::{Duration, Instant},
};

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
