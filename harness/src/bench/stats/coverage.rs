//! The point of it all: an interval of 95 % holds the truth about as often, with
//! as few rounds as people make and on machines as they are. Rates come from a
//! model of such a machine, their order and pairs from the benchmark.

use super::with_resamples;
use crate::bench::rounds::order;
use crate::bench::schedule::{Schedule, Task};
use crate::rng::Rng;
use std::time::Duration;

/// What one entry is faster than the other, in truth.
const TRUTH: f64 = 1.2;
const RUNS: u32 = 400;

/// How a machine varies; all of it as parts of the rate.
#[derive(Debug, Clone, Copy)]
struct Machine {
    /// From run to run, independently.
    noise: f64,
    /// What is gained or lost between the first run and the last.
    drift: f64,
    /// What comes and goes slowly: nine tenths of it are still there in the
    /// next run.
    wander: f64,
}

/// What follows each other: who is measured how often.
#[derive(Debug, Clone, Copy)]
struct Course {
    rounds: u32,
    entries: usize,
    /// Runs of other profiles between two rounds of this one.
    others: usize,
}

/// A bell curve: the sum of twelve uniform numbers.
fn bell(rng: &mut Rng) -> f64 {
    let sum: u64 = (0..12).map(|_| rng.within(0, 1_000_000)).sum();
    sum as f64 / 1e6 - 6.0
}

impl Machine {
    /// The logarithms of its speed in each of so many runs.
    fn speeds(self, runs: usize, rng: &mut Rng) -> Vec<f64> {
        let kept = 0.9_f64;
        let mut wander = self.wander * bell(rng);
        (0..runs)
            .map(|run| {
                let speed = wander + self.noise * bell(rng) + self.drift * run as f64 / runs as f64;
                wander = kept * wander + (1.0 - kept * kept).sqrt() * self.wander * bell(rng);
                speed
            })
            .collect()
    }
}

/// In how many of `RUNS` benchmarks the interval of the last entry against the
/// first holds the truth.
fn held<I: Iterator<Item = usize>>(
    machine: Machine,
    course: Course,
    order: impl Fn(u32, usize) -> I,
    seed: u64,
) -> usize {
    let mut rng = Rng::new(seed);
    let (entries, round) = (course.entries, course.entries + course.others);
    let benchmark = |_: &u32| {
        let speeds = machine.speeds(round * course.rounds as usize, &mut rng);
        let pairs: Vec<(f64, f64)> = speeds
            .chunks(round)
            .zip(1..)
            .map(|(speeds, number)| {
                let turns: Vec<usize> = order(number, entries).collect();
                let rate = |entry: usize| {
                    let turn = turns.iter().position(|one| *one == entry).unwrap();
                    1000.0 * speeds[turn].exp()
                };
                (rate(0), TRUTH * rate(entries - 1))
            })
            .collect();
        let found = with_resamples(&pairs, 300).unwrap();
        found.low <= TRUTH && TRUTH <= found.high
    };
    (0..RUNS).filter(benchmark).count()
}

/// As few as the benchmark ever makes, and as many: of a quick run and of a
/// thorough one.
fn rounds() -> Vec<u32> {
    let mut all = vec![3, 4];
    for quick in [true, false] {
        let chosen = Schedule::choose(&Task {
            budget: Duration::from_secs(900),
            spent: Duration::ZERO,
            runs_all: 10,
            runs_one: 10,
            quick,
            rounds: None,
            window: None,
            whole_seconds: false,
        });
        all.extend([chosen.at_least, chosen.at_most]);
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn courses() -> Vec<Course> {
    let all = rounds().into_iter().flat_map(|rounds| {
        [(2, 0), (8, 0), (8, 16)].map(|(entries, others)| Course {
            rounds,
            entries,
            others,
        })
    });
    all.collect()
}

const STEADY: Machine = Machine {
    noise: 0.05,
    drift: 0.0,
    wander: 0.0,
};
const WARMING: Machine = Machine {
    noise: 0.01,
    drift: -0.1,
    wander: 0.0,
};
const SHARED: Machine = Machine {
    noise: 0.01,
    drift: 0.0,
    wander: 0.05,
};
const EVERYTHING: Machine = Machine {
    noise: 0.05,
    drift: -0.1,
    wander: 0.05,
};

#[test]
fn independent_noise_has_the_coverage_that_is_stated() {
    for course in courses() {
        let held = held(STEADY, course, order, 7);
        assert!((366..=396).contains(&held), "{held} of {RUNS}: {course:?}");
    }
}

#[test]
fn drift_and_slow_changes_leave_nine_tenths() {
    for course in courses() {
        for machine in [WARMING, SHARED, EVERYTHING] {
            let held = held(machine, course, order, 8);
            assert!(held >= 360, "{held} of {RUNS}: {machine:?} {course:?}");
        }
    }
}

/// Why rounds go forwards and backwards.
#[test]
fn the_same_order_in_every_round_would_mistake_drift_for_a_difference() {
    let course = Course {
        rounds: 5,
        entries: 8,
        others: 0,
    };
    let held = held(WARMING, course, |_, entries| 0..entries, 9);
    assert!(held < 300, "{held} of {RUNS}");
}
