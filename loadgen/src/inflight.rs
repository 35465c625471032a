//! When the requests that wait for their answer were sent.

use crate::clock::Nanos;
use std::collections::VecDeque;

/// Requests that went out with one send and so share one start.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    start: Nanos,
    count: u32,
}

/// The requests in flight on one connection, oldest first, as runs with one start each. The oldest run lies
/// in place, so a connection with one run (always, at depth 1) touches no other memory.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    count: u32,
    oldest: Run,
    /// Boxed because few connections ever have more than one run.
    #[expect(
        clippy::box_collection,
        reason = "8 bytes in place instead of 32; see above"
    )]
    later: Option<Box<VecDeque<Run>>>,
}

impl InFlight {
    /// Requests in flight.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Adds `count` requests that are sent at `now`.
    #[inline]
    pub(crate) fn push(&mut self, now: Nanos, count: u32) {
        if self.count == 0 {
            self.oldest = Run { start: now, count };
        } else {
            self.push_later(Run { start: now, count });
        }
        self.count += count;
    }

    fn push_later(&mut self, run: Run) {
        self.later.get_or_insert_default().push_back(run);
    }

    /// Takes the `count` oldest requests, which were answered at `now`, and hands each group with the same
    /// latency to `record`. `count` is at most [`count`](Self::count).
    #[inline]
    pub(crate) fn answered(&mut self, count: u32, now: Nanos, mut record: impl FnMut(Nanos, u64)) {
        debug_assert!(count <= self.count);
        self.count -= count;
        if count < self.oldest.count || self.count == 0 && count == self.oldest.count {
            self.oldest.count -= count;
            record(now.saturating_sub(self.oldest.start), u64::from(count));
        } else {
            self.answered_runs(count, now, record);
        }
    }

    fn answered_runs(&mut self, mut count: u32, now: Nanos, mut record: impl FnMut(Nanos, u64)) {
        while count > 0 {
            let part = count.min(self.oldest.count);
            self.oldest.count -= part;
            count -= part;
            if part > 0 {
                record(now.saturating_sub(self.oldest.start), u64::from(part));
            }
            if self.oldest.count == 0 {
                match self.later.as_mut().and_then(|later| later.pop_front()) {
                    Some(run) => self.oldest = run,
                    None => return,
                }
            }
        }
    }

    /// How long ago they were sent, all together.
    pub(crate) fn age(&self, now: Nanos) -> u64 {
        if self.count == 0 {
            return 0;
        }
        let runs = self.later.iter().flat_map(|later| later.iter());
        std::iter::once(&self.oldest)
            .chain(runs)
            .map(|run| u64::from(run.count) * now.saturating_sub(run.start))
            .sum()
    }

    /// Forgets all requests; returns how many there were.
    pub(crate) fn clear(&mut self) -> u32 {
        if let Some(later) = &mut self.later {
            later.clear();
        }
        self.oldest = Run::default();
        std::mem::take(&mut self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(in_flight: &mut InFlight, count: u32, now: Nanos) -> Vec<(Nanos, u64)> {
        let mut seen = Vec::new();
        in_flight.answered(count, now, |latency, count| seen.push((latency, count)));
        seen
    }

    #[test]
    fn each_request_has_its_own_start() {
        let mut in_flight = InFlight::default();
        in_flight.push(100, 3);
        in_flight.push(200, 1);
        assert_eq!(answered(&mut in_flight, 1, 300), [(200, 1)]);
        in_flight.push(300, 2);
        assert_eq!(in_flight.count(), 5);
        assert_eq!(in_flight.age(400), 2 * 300 + 200 + 2 * 100);
        assert_eq!(
            answered(&mut in_flight, 4, 400),
            [(300, 2), (200, 1), (100, 1)]
        );
        assert_eq!(answered(&mut in_flight, 1, 500), [(200, 1)]);
        assert_eq!(in_flight.count(), 0);
        in_flight.push(600, 1);
        assert_eq!(answered(&mut in_flight, 1, 601), [(1, 1)]);
    }

    #[test]
    fn an_exhausted_run_gives_way_to_the_next() {
        let mut in_flight = InFlight::default();
        in_flight.push(10, 2);
        in_flight.push(20, 2);
        assert_eq!(answered(&mut in_flight, 2, 30), [(20, 2)]);
        in_flight.push(30, 1);
        assert_eq!(answered(&mut in_flight, 3, 40), [(20, 2), (10, 1)]);
    }

    #[test]
    fn clearing_says_how_many_were_lost() {
        let mut in_flight = InFlight::default();
        in_flight.push(1, 2);
        in_flight.push(2, 3);
        assert_eq!(in_flight.clear(), 5);
        assert_eq!(in_flight.clear(), 0);
        in_flight.push(5, 1);
        assert_eq!(answered(&mut in_flight, 1, 9), [(4, 1)]);
    }
}
