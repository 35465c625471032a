//! What went wrong, counted by kind over the whole run: warm-up, window and drain.

use crate::{checks::Checked, hold::Dropped, mismatch::Mismatches, stuck::StuckList};
use std::{collections::BTreeMap, ops::AddAssign};
use sws_proto::{
    http1::answer::AnswerError,
    ws::{self, handshake::client::Rejected},
};

/// Events of the whole run. What they did to requests is in the [`Books`](crate::books::Books).
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble {
    /// Connections that could not be made, by errno; `ETIMEDOUT` stands for our own limit as well.
    pub connect: BTreeMap<i32, u64>,
    /// Connections that the server closed while it owed answers.
    pub closed_early: u64,
    /// Connections that broke while the server owed answers (reset, mostly).
    pub broken: u64,
    /// Handshakes of TLS that failed; its own tally has the kinds.
    pub handshakes_failed: u64,
    /// Connections that ended because of TLS later than that.
    pub tls: u64,
    /// The connections that broke, by errno.
    pub receive: BTreeMap<i32, u64>,
    /// Sends that failed, by errno; the connection's end is counted as well.
    pub send: BTreeMap<i32, u64>,
    /// Connections without progress for too long.
    pub stuck: u64,
    /// The first of them.
    pub stuck_first: StuckList,
    /// Answers that no request had asked for, acceptable or not.
    pub unsolicited: u64,
    /// Malformed answers, by kind.
    pub malformed: [u64; AnswerError::ALL.len()],
    /// Answers to the opening handshake that were none, by what was wrong.
    pub rejected: BTreeMap<String, u64>,
    /// Connections that ended before that answer was complete.
    pub upgrades_cut: u64,
    /// Frames that no server may send, by kind.
    pub bad_frames: BTreeMap<&'static str, u64>,
    /// Echoes as binary messages; what was sent was text.
    pub wrong_opcode: u64,
    /// Echoes that came before those of older messages.
    pub out_of_order: u64,
    /// Close frames that the server sent, by code. What they did to messages is in the books.
    pub close_frames: BTreeMap<Option<u16>, u64>,
    /// Where connections are held: those that the server has ended while nothing was owed.
    pub dropped: Dropped,
    /// Not trouble, but good to know: upgrades that succeeded.
    pub upgrades: u64,
    /// The same: bodies that were compared.
    pub checked: Checked,
    /// The first wrong answers, as they came.
    pub mismatches: Mismatches,
    /// Sends that the socket took only in part.
    pub short_sends: u64,
    /// Receives that found no free buffer and were armed again.
    pub starved: u64,
}

impl Trouble {
    /// Connections that could not be made.
    pub(crate) fn connects_failed(&self) -> u64 {
        self.connect.values().sum::<u64>() + self.handshakes_failed
    }

    /// Sends that failed.
    pub(crate) fn sends_failed(&self) -> u64 {
        self.send.values().sum()
    }

    /// An answer to the opening handshake was none.
    pub(crate) fn reject(&mut self, why: Rejected) {
        *self.rejected.entry(why.to_string()).or_default() += 1;
    }

    /// A frame was none.
    pub(crate) fn bad_frame(&mut self, error: ws::Error) {
        *self.bad_frames.entry(error.reason()).or_default() += 1;
    }

    /// Upgrades that were answered with something else.
    pub(crate) fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Upgrades that failed.
    pub(crate) fn upgrades_failed(&self) -> u64 {
        self.rejected_total() + self.upgrades_cut
    }

    /// Frames that no server may send, of all kinds.
    pub(crate) fn bad_frames_total(&self) -> u64 {
        self.bad_frames.values().sum()
    }

    /// What the arena's generator counts as read errors.
    pub(crate) fn read_errors(&self) -> u64 {
        self.closed_early
            + self.broken
            + self.tls
            + self.malformed_total()
            + self.bad_frames_total()
            + self.upgrades_failed()
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
        for (why, count) in &other.rejected {
            *self.rejected.entry(why.clone()).or_default() += count;
        }
        for (kind, count) in &other.bad_frames {
            *self.bad_frames.entry(kind).or_default() += count;
        }
        for (code, count) in &other.close_frames {
            *self.close_frames.entry(*code).or_default() += count;
        }
        self.dropped += &other.dropped;
        self.upgrades_cut += other.upgrades_cut;
        self.wrong_opcode += other.wrong_opcode;
        self.out_of_order += other.out_of_order;
        self.upgrades += other.upgrades;
        for (sum, count) in self.malformed.iter_mut().zip(other.malformed) {
            *sum += count;
        }
        self.closed_early += other.closed_early;
        self.broken += other.broken;
        self.handshakes_failed += other.handshakes_failed;
        self.tls += other.tls;
        for (errno, count) in &other.receive {
            *self.receive.entry(*errno).or_default() += count;
        }
        for (errno, count) in &other.send {
            *self.send.entry(*errno).or_default() += count;
        }
        self.stuck += other.stuck;
        self.stuck_first += &other.stuck_first;
        self.unsolicited += other.unsolicited;
        self.checked += other.checked;
        self.mismatches += &other.mismatches;
        self.short_sends += other.short_sends;
        self.starved += other.starved;
    }
}
