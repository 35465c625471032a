//! Single requests on one connection, where more is to be known of each than when its batch was sent.

use crate::clock::Nanos;
use std::collections::VecDeque;

/// One request that was given to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Single {
    /// When it was to be sent.
    pub due: Nanos,
    /// When it was; 0 before that.
    pub sent: Nanos,
    /// What it was made from.
    pub template: u32,
}

/// Requests without an answer, oldest first: those in flight, then those that are to be sent next.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    queue: VecDeque<Single>,
    /// How many of the last are not sent.
    pub unsent: u32,
}

impl Pending {
    /// Adds a request that is to be sent next.
    pub(crate) fn add(&mut self, due: Nanos, template: u32) {
        let sent = 0;
        self.queue.push_back(Single {
            due,
            sent,
            template,
        });
        self.unsent += 1;
    }

    /// The first `count` of those that are to be sent are, now.
    pub(crate) fn sent(&mut self, count: u32, now: Nanos) {
        debug_assert!(count <= self.unsent);
        let first = self.queue.len() - self.unsent as usize;
        for single in self.queue.range_mut(first..first + count as usize) {
            single.sent = now;
        }
        self.unsent -= count;
    }

    /// The template of a request that is to be sent, counted from the first of those.
    pub(crate) fn next_template(&self, number: u32) -> Option<u32> {
        let first = self.queue.len() as u32 - self.unsent;
        self.template(first + number)
    }

    /// The template of a request, counted from the oldest.
    pub(crate) fn template(&self, number: u32) -> Option<u32> {
        self.queue
            .get(number as usize)
            .map(|single| single.template)
    }

    /// Takes the `count` oldest.
    pub(crate) fn answered(&mut self, count: u32) -> impl Iterator<Item = Single> {
        let count = (count as usize).min(self.queue.len());
        self.queue.drain(..count)
    }

    /// Forgets all; returns those that were not sent, the latest first.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = Single> {
        let unsent = std::mem::take(&mut self.unsent) as usize;
        self.queue.drain(..).rev().take(unsent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_sent_is_given_back() {
        let mut pending = Pending::default();
        for due in 1..=4 {
            pending.add(due, 0);
        }
        pending.sent(2, 9);
        pending.add(5, 7);
        assert_eq!(pending.next_template(2), Some(7));
        assert_eq!(pending.next_template(3), None);
        let first: Vec<Single> = pending.answered(1).collect();
        assert_eq!((first[0].due, first[0].sent), (1, 9));
        assert_eq!(
            pending.clear().map(|one| one.due).collect::<Vec<_>>(),
            [5, 4, 3]
        );
        assert_eq!((pending.unsent, pending.template(0)), (0, None));
    }
}
