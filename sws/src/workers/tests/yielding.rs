//! Futures that wait on a worker, which does other work meanwhile or rests.

use super::{
    super::{SubmitError, Submitted, Workers, WorkersConfig},
    Door, block_on, occupy, workers,
};
use crate::{next, task::panic_message};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

#[test]
fn ten_waits_on_one_worker_pass_together() {
    let workers = workers(1, 100);
    let wait = Duration::from_millis(100);
    // The waits begin when the worker has shown that it is free meanwhile.
    let started = Arc::new(OnceLock::<Instant>::new());
    let all: Vec<Submitted<Duration>> = (0..10)
        .map(|_| {
            let started = Arc::clone(&started);
            workers.submit_async(move || async move {
                let elapsed = || started.get().map_or(Duration::ZERO, Instant::elapsed);
                next::worker_yield(|| elapsed() >= wait).await;
                elapsed()
            })
        })
        .collect();
    while workers.load().begun < 10 {
        thread::yield_now();
    }
    assert_eq!(block_on(workers.submit(|| 1)), Ok(1));
    started.set(Instant::now()).unwrap();
    for one in all {
        let took = block_on(one).unwrap();
        assert!(took >= wait, "{took:?}");
    }
}

#[test]
fn busy_workers_hand_over_the_watch_of_those_that_wait() {
    let workers = workers(2, 100);
    for round in 0..50 {
        let go = Arc::new(AtomicBool::new(false));
        let see = Arc::clone(&go);
        let waits =
            workers.submit_async(move || next::worker_yield(move || see.load(Ordering::Relaxed)));
        // Both are idle, one of them for as long as it may be.
        while workers.load().begun == 0 || workers.load().running > 0 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(round * 37));
        // Whichever of the two looks after it, the other one can take that over.
        let door = Door::default();
        let occupied = occupy(&workers, &door);
        go.store(true, Ordering::Relaxed);
        assert_eq!(block_on(waits), Ok(()));
        door.open();
        block_on(occupied).unwrap();
    }
}

#[test]
fn a_device_may_wake_by_itself() {
    let workers = workers(1, 100);
    for _ in 0..200 {
        let (device, wakers) = mpsc::channel::<Waker>();
        let callback = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let submitted = workers.submit_async(move || async move {
            let mut left = 20;
            std::future::poll_fn(|cx| {
                if left == 0 {
                    return Poll::Ready(left);
                }
                left -= 1;
                device.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await
        });
        assert_eq!(block_on(submitted), Ok(0));
        callback.join().unwrap();
    }
    assert_eq!(workers.load().begun, 0);
}

#[test]
fn worker_yield_elsewhere_says_what_to_do() {
    fn panic_of(code: impl FnOnce()) -> String {
        panic_message(std::panic::catch_unwind(std::panic::AssertUnwindSafe(code)).unwrap_err())
    }
    let said = panic_of(|| block_on(next::worker_yield(|| true)));
    assert!(said.contains("given to `next::submit_async`"), "{said}");
    // Nor in a closure, which cannot give its thread back.
    let workers = workers(1, 10);
    block_on(workers.submit_async(async || ())).unwrap();
    match block_on(workers.submit(|| block_on(next::worker_yield(|| true)))) {
        Err(SubmitError::Panicked(said)) => {
            assert!(said.contains("given to `next::submit_async`"), "{said}");
        }
        other => panic!("{other:?}"),
    }
}

/// This process's threads whose names begin with `name`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Threads {
    count: usize,
    /// Those that sleep in the kernel.
    sleeping: usize,
    /// Processor time, in clock ticks.
    ticks: u64,
    /// How often they have begun to wait.
    waits: u64,
}

fn threads_called(name: &str) -> Threads {
    let mut threads = Threads::default();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let read = |file| std::fs::read_to_string(task.as_ref().unwrap().path().join(file));
        // A thread of another test may have ended.
        let (Ok(stat), Ok(status)) = (read("stat"), read("status")) else {
            continue;
        };
        if !stat.contains(&format!("({name}")) {
            continue;
        }
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"));
        let number = |text: &str| text.parse::<u64>().unwrap();
        threads.count += 1;
        threads.sleeping += usize::from(fields[0] == "S");
        threads.ticks += number(fields[11]) + number(fields[12]);
        threads.waits += number(line.unwrap().rsplit('\t').next().unwrap());
    }
    threads
}

#[test]
fn an_idle_pool_does_nothing() {
    let config = WorkersConfig {
        threads: 3,
        name: "idle-".to_owned(),
        ..WorkersConfig::default()
    };
    let workers = Workers::new(&config).unwrap();
    // It has worked, and one of its threads has looked after somebody.
    let end = Instant::now() + Duration::from_millis(3);
    let waits = workers.submit_async(move || next::worker_yield(move || Instant::now() >= end));
    block_on(waits).unwrap();
    // All have come to rest when they sleep and no longer change.
    let mut before = threads_called("idle-");
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(50));
        let after = threads_called("idle-");
        if after.sleeping == 3 && after == before {
            break;
        }
        before = after;
    }
    thread::sleep(Duration::from_millis(200));
    assert_eq!(threads_called("idle-"), before);
    assert_eq!((before.count, before.sleeping), (3, 3));
}
