//! What went wrong, counted by kind over the whole run: warm-up, window and drain.

use std::{collections::BTreeMap, ops::AddAssign};
use sws_proto::http1::answer::AnswerError;

/// Events of the whole run. What they did to requests is in the [`Books`](crate::books::Books).
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble {
    /// Connections that could not be made, by errno; `ETIMEDOUT` stands for our own limit as well.
    pub connect: BTreeMap<i32, u64>,
    /// Connections that the server closed while it owed answers.
    pub closed_early: u64,
    /// Connections that broke while the server owed answers (reset, mostly).
    pub broken: u64,
    /// Sends that failed; the connection's end is counted as well.
    pub send_failed: u64,
    /// Connections without progress for too long.
    pub stuck: u64,
    /// Answers that no request had asked for, acceptable or not.
    pub unsolicited: u64,
    /// Malformed answers, by kind.
    pub malformed: [u64; AnswerError::ALL.len()],
    /// Not trouble, but good to know: sends that the socket took only in part.
    pub short_sends: u64,
    /// Receives that found no free buffer and were armed again.
    pub starved: u64,
}

impl Trouble {
    /// Connections that could not be made.
    pub(crate) fn connects_failed(&self) -> u64 {
        self.connect.values().sum()
    }

    /// Malformed answers of all kinds.
    pub(crate) fn malformed_total(&self) -> u64 {
        self.malformed.iter().sum()
    }

    /// Kinds of malformed answers that occurred, with their counts.
    pub(crate) fn malformed_kinds(&self) -> impl Iterator<Item = (AnswerError, u64)> {
        AnswerError::ALL
            .into_iter()
            .map(|kind| (kind, self.malformed[kind.index()]))
            .filter(|(_, count)| *count > 0)
    }
}

impl AddAssign<&Self> for Trouble {
    fn add_assign(&mut self, other: &Self) {
        for (errno, count) in &other.connect {
            *self.connect.entry(*errno).or_default() += count;
        }
        for (sum, count) in self.malformed.iter_mut().zip(other.malformed) {
            *sum += count;
        }
        self.closed_early += other.closed_early;
        self.broken += other.broken;
        self.send_failed += other.send_failed;
        self.stuck += other.stuck;
        self.unsolicited += other.unsolicited;
        self.short_sends += other.short_sends;
        self.starved += other.starved;
    }
}
