//! Connections that owe an answer and do not move: which, for how long, and how far they had come.

use crate::clock::Nanos;
use std::ops::AddAssign;

/// As many are named.
pub(crate) const NAMED: usize = 5;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Stuck {
    /// Its number in the whole run.
    pub connection: u32,
    /// Of its oldest request.
    pub template: u32,
    /// Waits for the answer to the opening handshake of WebSocket.
    pub is_upgrading: bool,
    pub in_flight: u32,
    /// Bytes that it had received since it was opened.
    pub bytes: u64,
    /// Whether a part of the answer had come that is owed.
    pub inside: bool,
    pub silent: Nanos,
    /// When that was noticed: first of the monotonic clock, in the end since the begin of the window.
    pub at: i64,
    /// Whether that was because the run was over; then it was not given up for its silence.
    pub at_end: bool,
}

/// The first ones of a thread, or of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct StuckList(pub Vec<Stuck>);

impl StuckList {
    /// Keeps it if it is one of the first.
    pub(crate) fn add(&mut self, stuck: Stuck) {
        if self.0.len() < NAMED {
            self.0.push(stuck);
        }
    }

    /// Counts time from `start`, and keeps the first ones of all threads.
    pub(crate) fn settle(&mut self, start: Nanos) {
        let start = i64::try_from(start).unwrap_or(i64::MAX);
        for stuck in &mut self.0 {
            stuck.at -= start;
        }
        self.0.sort_by_key(|stuck| (stuck.at, stuck.connection));
        self.0.truncate(NAMED);
    }
}

impl AddAssign<&Self> for StuckList {
    fn add_assign(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }
}
