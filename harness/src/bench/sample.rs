//! CPU time and memory of a process tree while a load runs.

use crate::processes::{self, CpuTime};
use std::time::{Duration, Instant};

/// Between two readings; a reading costs some ten microseconds per thread.
pub const INTERVAL: Duration = Duration::from_millis(50);

/// Readings of one process tree over time.
#[derive(Debug)]
pub struct Track {
    root: u32,
    start: Instant,
    /// Seconds since the start and nanoseconds of CPU used since the first one.
    points: Vec<(f64, u64)>,
    last: CpuTime,
}

impl Track {
    /// Starts with a first reading.
    pub fn new(root: u32, start: Instant) -> Self {
        let last = CpuTime::of_tree(root);
        Self {
            root,
            start,
            points: vec![(start.elapsed().as_secs_f64(), 0)],
            last,
        }
    }

    /// Takes a reading.
    pub fn sample(&mut self) {
        let now = CpuTime::of_tree(self.root);
        let used = self.points.last().map_or(0, |(_, used)| *used) + now.since(&self.last);
        self.points.push((self.start.elapsed().as_secs_f64(), used));
        self.last = now;
    }

    /// CPU seconds per second between two moments (seconds since the start).
    pub fn rate(&self, from: f64, to: f64) -> f64 {
        if to <= from {
            return 0.0;
        }
        (self.at(to) - self.at(from)) / 1e9 / (to - from)
    }

    /// CPU seconds between the first and the last reading.
    pub fn used(&self) -> f64 {
        self.points
            .last()
            .map_or(0.0, |(_, used)| *used as f64 / 1e9)
    }

    /// Seconds between the first and the last reading.
    pub fn span(&self) -> f64 {
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

    /// The peak resident memory of the tree's processes so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        processes::peak_memory(self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(points: &[(f64, u64)]) -> Track {
        Track {
            root: std::process::id(),
            start: Instant::now(),
            points: points.to_vec(),
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
        assert!(track.points[1].1 > 0, "{:?}", track.points);
        assert!(track.peak_memory() > 0);
    }
}
