//! What is due later for single connections.

use crate::clock::Nanos;
use std::{cmp::Reverse, collections::BinaryHeap};

/// A connection that something is due for. It is void when the slot has another generation by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub at: Nanos,
    pub index: u32,
    pub generation: u32,
}

/// Dues in the order of their time.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Due>>,
}

impl Timers {
    pub(crate) fn add(&mut self, due: Due) {
        self.heap.push(Reverse(due));
    }

    /// When the next one is due, if any is.
    pub(crate) fn next(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse(due)| due.at)
    }

    /// The next one that is due at `now`.
    pub(crate) fn pop(&mut self, now: Nanos) -> Option<Due> {
        let Reverse(first) = self.heap.peek()?;
        if first.at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dues_come_in_order_and_not_before_their_time() {
        let mut timers = Timers::default();
        for at in [30, 10, 20] {
            timers.add(Due {
                at,
                index: 0,
                generation: 1,
            });
        }
        assert_eq!(timers.pop(5), None);
        assert_eq!(timers.pop(25).map(|due| due.at), Some(10));
        assert_eq!(timers.pop(25).map(|due| due.at), Some(20));
        assert_eq!(timers.pop(25), None);
    }
}
