//! Several threads submit, wait, drop and detach at random.

use super::{
    super::{Load, SubmitError, Workers},
    LONG, block_on, workers,
};
use crate::next;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What can become of work in [`at_random`]. Returns whether it was certainly done.
fn random_work(workers: &Workers, random: u64, token: &Arc<AtomicUsize>) -> bool {
    let count = Arc::clone(token);
    let add = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let submitted = match random % 4 {
        0 => workers.submit(add),
        1 => workers.submit(move || {
            add();
            std::panic::resume_unwind(Box::new("on purpose"))
        }),
        2 => workers.submit_async(move || async move {
            for _ in 0..random >> 8 & 3 {
                next::yield_now().await;
            }
            add();
        }),
        _ => workers.submit_async(move || async move {
            let mut polls = random >> 8 & 3;
            next::worker_yield(|| {
                polls = polls.saturating_sub(1);
                polls == 0
            })
            .await;
            add();
        }),
    };
    match random >> 4 & 7 {
        0 => drop(submitted),
        1 => {
            let _refused = submitted.detach();
        }
        _ => match block_on(submitted) {
            Ok(()) => {
                assert!(random % 4 != 1);
                return true;
            }
            Err(SubmitError::Panicked(said)) => {
                assert!(random % 4 == 1 && said == "on purpose");
                return true;
            }
            Err(SubmitError::QueueFull) => thread::yield_now(),
            Err(SubmitError::Stopped) => {}
            Err(error) => panic!("{error}"),
        },
    }
    false
}

/// Several threads submit, wait, drop and detach; everything is resolved and dropped, stopped in the middle or not.
fn at_random(seed: u64, stopped: bool) {
    let workers = workers(1 + seed as usize % 3, 3);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let workers = Arc::clone(&workers);
            thread::spawn(move || {
                let mut random = (seed * 4 + thread).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let token = Arc::new(AtomicUsize::new(0));
                let mut done = 0;
                for _ in 0..200 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    done += usize::from(random_work(&workers, random, &token));
                }
                (token, done)
            })
        })
        .collect();
    if stopped {
        thread::sleep(Duration::from_micros(seed * 131 % 4000));
        workers.stop(Instant::now() + Duration::from_micros(seed * 17 % 300));
    }
    let tokens: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert!(workers.stop(Instant::now() + LONG));
    assert_eq!(workers.load(), Load::default(), "seed {seed}");
    for (token, done) in tokens {
        // A thread that was left alone at a deadline may still be at its last work.
        let end = Instant::now() + LONG;
        while Arc::strong_count(&token) > 1 {
            assert!(Instant::now() < end, "seed {seed}: something is kept");
            thread::yield_now();
        }
        let ran = token.load(Ordering::Relaxed);
        assert!((done..=200).contains(&ran), "seed {seed}: {ran} for {done}");
    }
}

#[test]
fn whatever_is_submitted_is_resolved() {
    for seed in 0..60 {
        at_random(seed, seed % 2 == 1);
    }
}
