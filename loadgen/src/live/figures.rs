//! What the threads put up, summed.

use super::board::{Board, Counts, Errors};
use crate::{clock::Nanos, error::Failure, histogram::Latencies, report::units::per};
use std::collections::{BTreeMap, VecDeque};

/// How long back "now" reaches.
const RECENT: Nanos = 1_000_000_000;

/// The run so far.
#[derive(Debug)]
pub(crate) struct Figures {
    threads: Vec<Seen>,
    /// Answers per second now.
    pub rate: f64,
    pub peak: f64,
    pub bytes_per_second: f64,
    pub sent: u64,
    pub answers: u64,
    pub reconnects: u64,
    pub errors: Errors,
    pub codes: BTreeMap<usize, u64>,
    /// Answers of each template: in all, and per second now.
    pub templates: Vec<(u64, f64)>,
    /// Busy part of each thread.
    pub busy: Vec<f64>,
    /// Of the last second.
    pub latencies: Latencies,
    recent: VecDeque<(Nanos, Latencies)>,
    pub history: Vec<Point>,
}

/// A moment that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub rate: f64,
    pub p99: Nanos,
}

/// What one thread had put up when it was last looked at.
#[derive(Clone, Debug, Default)]
struct Seen {
    at: Nanos,
    counts: Counts,
    rates: Rates,
}

#[derive(Clone, Debug, Default)]
struct Rates {
    answers: f64,
    bytes: f64,
    templates: Vec<f64>,
}

impl Seen {
    /// Takes in newer counts. The time is the thread's own, so that it does not matter when it is looked at.
    fn update(&mut self, at: Nanos, counts: &Counts, start: Nanos) {
        let before = if self.at == 0 { start } else { self.at };
        let seconds = at.saturating_sub(before) as f64 / 1e9;
        let rate = |now: u64, before: u64| per(now.saturating_sub(before) as f64, seconds);
        let earlier = self
            .counts
            .templates
            .iter()
            .copied()
            .chain(std::iter::repeat(0));
        self.rates = Rates {
            answers: rate(counts.answers, self.counts.answers),
            bytes: rate(counts.bytes, self.counts.bytes),
            templates: counts
                .templates
                .iter()
                .zip(earlier)
                .map(|(now, before)| rate(*now, before))
                .collect(),
        };
        self.at = at;
        self.counts = counts.clone();
    }
}

impl Figures {
    pub(crate) fn new(board: &Board) -> Result<Self, Failure> {
        Ok(Self {
            threads: vec![Seen::default(); board.threads() as usize],
            rate: 0.0,
            peak: 0.0,
            bytes_per_second: 0.0,
            sent: 0,
            answers: 0,
            reconnects: 0,
            errors: Errors::default(),
            codes: BTreeMap::new(),
            templates: Vec::new(),
            busy: Vec::new(),
            latencies: Latencies::new()?,
            recent: VecDeque::new(),
            history: Vec::new(),
        })
    }

    /// Looks at what is put up; the window began at `start`.
    pub(crate) fn look(&mut self, board: &Board, start: Nanos, now: Nanos) -> Result<(), Failure> {
        let mut fresh = Latencies::new()?;
        self.busy.clear();
        for (number, seen) in (0..).zip(&mut self.threads) {
            let Some(mut slot) = board.slot(number) else {
                continue;
            };
            let packed = std::mem::take(&mut slot.latencies);
            self.busy.push(slot.busy);
            if slot.at > seen.at {
                seen.update(slot.at, &slot.counts, start);
            } else if now > seen.at + RECENT {
                // It hangs: what it did then says nothing about now.
                seen.rates = Rates::default();
            }
            drop(slot);
            for packed in &packed {
                fresh.add(packed).map_err(Failure::Machine)?;
            }
        }
        self.sum();
        self.peak = self.peak.max(self.rate);
        self.history.push(Point {
            rate: self.rate,
            p99: fresh.quantile(0.99),
        });
        self.recent.push_back((now, fresh));
        while self
            .recent
            .front()
            .is_some_and(|(at, _)| at + RECENT <= now)
        {
            self.recent.pop_front();
        }
        self.latencies.clear();
        for (_, latencies) in &self.recent {
            self.latencies.merge(latencies);
        }
        Ok(())
    }

    fn sum(&mut self) {
        (self.rate, self.bytes_per_second) = (0.0, 0.0);
        (self.sent, self.answers, self.reconnects) = (0, 0, 0);
        self.errors = Errors::default();
        self.codes.clear();
        self.templates.clear();
        for Seen { counts, rates, .. } in &self.threads {
            self.rate += rates.answers;
            self.bytes_per_second += rates.bytes;
            self.sent += counts.sent;
            self.answers += counts.answers;
            self.reconnects += counts.reconnects;
            self.errors.add(counts.errors);
            for (code, count) in &counts.codes {
                *self.codes.entry(*code).or_default() += count;
            }
            let rates = rates
                .templates
                .iter()
                .copied()
                .chain(std::iter::repeat(0.0));
            for (number, (answers, rate)) in counts.templates.iter().zip(rates).enumerate() {
                if self.templates.len() <= number {
                    self.templates.push((0, 0.0));
                }
                self.templates[number].0 += answers;
                self.templates[number].1 += rate;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn put(board: &Board, thread: u32, at: Nanos, answers: u64, latency: Nanos) {
        let mut latencies = Latencies::new().unwrap();
        latencies.record(latency, 100);
        let mut slot = board.slot(thread).unwrap();
        slot.at = at;
        slot.busy = 0.5;
        slot.counts.answers = answers;
        slot.counts.codes = vec![(200, answers)];
        slot.counts.templates = vec![answers, 0];
        slot.latencies.push(latencies.put_away());
    }

    #[test]
    fn rates_are_of_the_threads_own_times() {
        let board = Board::new(2);
        let mut figures = Figures::new(&board).unwrap();
        let start = 5 * SECOND;
        put(&board, 0, start + SECOND / 2, 1000, 1_000_000);
        put(&board, 1, start + SECOND, 1000, 9_000_000);
        figures.look(&board, start, start + SECOND).unwrap();
        assert_eq!(figures.rate, 3000.0);
        assert_eq!((figures.answers, figures.codes[&200]), (2000, 2000));
        assert_eq!(figures.templates, [(2000, 3000.0), (0, 0.0)]);
        assert_eq!(figures.latencies.count(), 200);
        assert_eq!(figures.busy, [0.5, 0.5]);
        put(&board, 0, start + SECOND, 1100, 1_000_000);
        figures
            .look(&board, start, start + SECOND + SECOND / 10)
            .unwrap();
        assert_eq!((figures.rate, figures.peak), (1200.0, 3000.0));
        assert_eq!(figures.latencies.count(), 300);
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let board = Board::new(1);
        let mut figures = Figures::new(&board).unwrap();
        put(&board, 0, SECOND, 1000, 1_000_000);
        figures.look(&board, 0, SECOND).unwrap();
        assert!(figures.rate > 0.0 && figures.latencies.count() > 0);
        figures.look(&board, 0, 3 * SECOND).unwrap();
        assert_eq!((figures.rate, figures.latencies.count()), (0.0, 0));
        assert_eq!((figures.answers, figures.history.len()), (1000, 2));
        assert_eq!(figures.history[1].p99, 0);
    }
}
