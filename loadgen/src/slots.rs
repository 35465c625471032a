//! Where the time went for which requests could have been in flight: what Little's law is checked with.
//!
//! Over the window, for each place in the pipeline of a connection that is up, either a request is in flight, or this
//! program is at work between an answer and the next request. The first follows from the latencies (and how old the requests
//! were that were in flight at the borders), the second is counted once a turn, and both together must be the time for
//! which connections were up, which is counted where they come and go. What does not add up was measured wrongly.

use crate::clock::{NEVER, Nanos};
use std::ops::AddAssign;

/// Of one thread, over the part of the run under way. Times are sums over connections or requests, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slots {
    /// When the part began.
    start: Nanos,
    /// For how long connections were up.
    pub up: u64,
    /// For how long this program kept answers until it sent the next requests.
    pub own: u64,
    /// How old the requests were that were in flight when the part began, and when it ended.
    pub age_at_start: u64,
    pub age_at_end: u64,
    /// Sends of something other than requests, behind which requests wait.
    pub controls: u64,
    /// Sends that are tracked, behind which requests wait as well.
    pub tracked: bool,
}

impl Slots {
    /// Of a thread that tracks its sends, or does not.
    pub(crate) fn new(tracked: bool) -> Self {
        Self {
            tracked,
            ..Self::default()
        }
    }

    /// The part begins, with requests in flight that are this old.
    pub(crate) fn begin(&mut self, now: Nanos, age: u64) {
        *self = Self {
            start: now,
            age_at_start: age,
            tracked: self.tracked,
            ..Self::default()
        };
    }

    /// The part is over, with requests in flight that are this old; those that are still up came up at these times.
    pub(crate) fn end(&mut self, now: Nanos, age: u64, up: impl Iterator<Item = Nanos>) {
        self.age_at_end = age;
        for mut since in up {
            self.down(&mut since, now);
        }
    }

    /// A connection is up no longer that came up at `since`.
    pub(crate) fn down(&mut self, since: &mut Nanos, now: Nanos) {
        if *since != NEVER {
            self.up += now.saturating_sub((*since).max(self.start));
            *since = NEVER;
        }
    }
}

impl AddAssign for Slots {
    fn add_assign(&mut self, other: Self) {
        self.up += other.up;
        self.own += other.own;
        self.age_at_start += other.age_at_start;
        self.age_at_end += other.age_at_end;
        self.controls += other.controls;
        self.tracked |= other.tracked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_within_the_part_counts() {
        let mut slots = Slots::default();
        slots.begin(100, 7);
        let (mut before, mut within) = (50, 120);
        slots.down(&mut before, 150);
        slots.down(&mut within, 150);
        assert_eq!((slots.up, before, within), (80, NEVER, NEVER));
        slots.down(&mut within, 160);
        assert_eq!((slots.up, slots.age_at_start), (80, 7));
    }
}
