//! CPU time and memory of a process tree while a load runs.

use crate::processes::{self, CpuTime};
use std::time::{Duration, Instant};

/// Between two readings; a reading costs some ten microseconds per thread.
pub const INTERVAL: Duration = Duration::from_millis(50);

/// CPU time used since the first reading, over time.
#[derive(Debug)]
struct Curve {
    start: Instant,
    /// Seconds since the start and nanoseconds of CPU used since the first one.
    points: Vec<(f64, u64)>,
}

impl Curve {
    fn new(start: Instant) -> Self {
        Self {
            start,
            points: vec![(start.elapsed().as_secs_f64(), 0)],
        }
    }

    fn push(&mut self, used: u64) {
        self.points.push((self.start.elapsed().as_secs_f64(), used));
    }

    /// Nanoseconds until the last reading.
    fn used(&self) -> u64 {
        self.points.last().map_or(0, |(_, used)| *used)
    }

    /// CPU seconds per second between two moments (seconds since the start).
    fn rate(&self, from: f64, to: f64) -> f64 {
        if to <= from {
            return 0.0;
        }
        (self.at(to) - self.at(from)) / 1e9 / (to - from)
    }

    fn span(&self) -> f64 {
        match (self.points.first(), self.points.last()) {
            (Some((first, _)), Some((last, _))) => last - first,
            _ => 0.0,
        }
    }

    /// Nanoseconds used until `moment`, on a straight line between readings.
    fn at(&self, moment: f64) -> f64 {
        let after = self.points.partition_point(|(time, _)| *time < moment);
        match (
            after.checked_sub(1).and_then(|i| self.points.get(i)),
            self.points.get(after),
        ) {
            (Some((t0, u0)), Some((t1, u1))) if t1 > t0 => {
                let part = (moment - t0) / (t1 - t0);
                *u0 as f64 + part * (*u1 as f64 - *u0 as f64)
            }
            (_, Some((_, used))) | (Some((_, used)), None) => *used as f64,
            (None, None) => 0.0,
        }
    }
}

/// Readings of one process tree over time.
#[derive(Debug)]
pub struct Track {
    root: u32,
    curve: Curve,
    last: CpuTime,
}

impl Track {
    /// Starts with a first reading.
    pub fn new(root: u32, start: Instant) -> Self {
        let last = CpuTime::of_tree(root);
        Self {
            root,
            curve: Curve::new(start),
            last,
        }
    }

    /// Takes a reading.
    pub fn sample(&mut self) {
        let now = CpuTime::of_tree(self.root);
        self.curve.push(self.curve.used() + now.since(&self.last));
        self.last = now;
    }

    /// CPU seconds per second between two moments (seconds since the start).
    pub fn rate(&self, from: f64, to: f64) -> f64 {
        self.curve.rate(from, to)
    }

    /// CPU seconds between the first and the last reading.
    pub fn used(&self) -> f64 {
        self.curve.used() as f64 / 1e9
    }

    /// Seconds between the first and the last reading.
    pub fn span(&self) -> f64 {
        self.curve.span()
    }

    /// The peak resident memory of the tree's processes so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        processes::peak_memory(self.root)
    }
}

/// Readings of some CPUs, whoever uses them; also what the kernel does there on
/// its own account, such as receiving.
#[derive(Debug)]
pub struct CpuTrack {
    cpus: Vec<usize>,
    curve: Curve,
    first: f64,
}

impl CpuTrack {
    /// Starts with a first reading.
    pub fn new(cpus: &[usize], start: Instant) -> Self {
        Self {
            cpus: cpus.to_vec(),
            curve: Curve::new(start),
            first: processes::busy_seconds(cpus),
        }
    }

    /// Takes a reading.
    pub fn sample(&mut self) {
        let used = processes::busy_seconds(&self.cpus) - self.first;
        self.curve.push((used * 1e9) as u64);
    }

    /// The part of their time, 0 to 1, that they were busy between two moments.
    pub fn busy(&self, from: f64, to: f64) -> f64 {
        self.curve.rate(from, to) / self.cpus.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(points: &[(f64, u64)]) -> Track {
        Track {
            root: std::process::id(),
            curve: Curve {
                start: Instant::now(),
                points: points.to_vec(),
            },
            last: CpuTime::default(),
        }
    }

    #[test]
    fn rates_are_read_between_the_points() {
        let track = track(&[(0.0, 0), (1.0, 500_000_000), (2.0, 1_500_000_000)]);
        assert!((track.rate(0.0, 1.0) - 0.5).abs() < 1e-9);
        assert!((track.rate(1.0, 2.0) - 1.0).abs() < 1e-9);
        assert!((track.rate(0.5, 1.5) - 0.75).abs() < 1e-9);
        assert!(track.rate(1.0, 1.0).abs() < 1e-9);
    }

    #[test]
    fn outside_of_the_points_nothing_is_used() {
        let track = track(&[(0.0, 0), (1.0, 1_000_000_000)]);
        assert!((track.rate(0.0, 2.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_busy_thread_shows() {
        let start = Instant::now();
        let mut track = Track::new(std::process::id(), start);
        let mut sum = 0_u64;
        while start.elapsed() < Duration::from_millis(200) {
            sum = std::hint::black_box(sum + 1);
        }
        track.sample();
        assert!(track.curve.points[1].1 > 0, "{:?}", track.curve.points);
        assert!(track.peak_memory() > 0);
    }

    #[test]
    fn busy_cpus_show() {
        let start = Instant::now();
        let all: Vec<usize> = (0..1024).collect();
        let mut one = CpuTrack::new(&all, start);
        let mut sum = 0_u64;
        while start.elapsed() < Duration::from_millis(300) {
            sum = std::hint::black_box(sum + 1);
        }
        one.sample();
        let end = start.elapsed().as_secs_f64();
        // Of 1024 CPUs a busy thread is one at most, and of none there is no part.
        let busy = one.busy(0.0, end) * 1024.0;
        assert!(busy > 0.0, "{one:?}");
        assert!(CpuTrack::new(&[], start).busy(0.0, end).abs() < 1e-9);
    }
}
