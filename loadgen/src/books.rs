//! What became of every request.

use std::ops::AddAssign;

/// How requests ended. Each request that was sent ends in exactly one of these, or is still in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Requests sent.
    pub sent: u64,
    /// Answered as expected.
    pub ok: u64,
    /// Answered with a status of another class.
    pub wrong_status: u64,
    /// Answered without a header field that was expected.
    pub wrong_header: u64,
    /// Answered with another body than expected.
    pub wrong_body: u64,
    /// Answered with something that is not HTTP.
    pub malformed: u64,
    /// The connection ended inside the answer.
    pub cut_short: u64,
    /// The connection ended before the answer.
    pub lost: u64,
    /// The connection made no progress for too long.
    pub timed_out: u64,
}

impl Books {
    /// Requests that got an answer, expected or not.
    pub(crate) fn answered(&self) -> u64 {
        self.ok + self.wrong_status + self.wrong_header + self.wrong_body
    }

    /// Requests that got an answer which is not acceptable.
    pub(crate) fn bad(&self) -> u64 {
        self.wrong_status + self.wrong_header + self.wrong_body + self.malformed
    }

    /// Requests that will never get an answer.
    pub(crate) fn never_answered(&self) -> u64 {
        self.cut_short + self.lost + self.timed_out
    }

    /// Requests that have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.ok + self.bad() + self.never_answered()
    }

    /// Whether every request is accounted for, with the in-flight counts taken from the connections.
    pub(crate) fn balance(&self, in_flight_before: u64, in_flight_after: u64) -> bool {
        in_flight_before + self.sent == self.ended() + in_flight_after
    }
}

impl AddAssign for Books {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.wrong_status += other.wrong_status;
        self.wrong_header += other.wrong_header;
        self.wrong_body += other.wrong_body;
        self.malformed += other.malformed;
        self.cut_short += other.cut_short;
        self.lost += other.lost;
        self.timed_out += other.timed_out;
    }
}

/// The books of the three parts of a run, and what was in flight at their borders.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ledger {
    pub warmup: Books,
    pub window: Books,
    pub drain: Books,
    pub in_flight_at_start: u64,
    pub in_flight_at_end: u64,
    /// Still in flight when the run was over.
    pub unfinished: u64,
    /// In an open loop: due and not yet sent at the borders of the window.
    pub queued_at_start: u64,
    pub queued_at_end: u64,
}

impl Ledger {
    /// The whole run.
    pub(crate) fn total(&self) -> Books {
        let mut total = self.warmup;
        total += self.window;
        total += self.drain;
        total
    }

    /// Whether everything that was due in the window was sent, dropped, or left waiting.
    pub(crate) fn schedule_balances(&self, due: u64, shed: u64) -> bool {
        self.queued_at_start + due == self.window.sent + shed + self.queued_at_end
    }

    /// Whether each part accounts for every request.
    pub(crate) fn balances(&self) -> bool {
        self.warmup.balance(0, self.in_flight_at_start)
            && self
                .window
                .balance(self.in_flight_at_start, self.in_flight_at_end)
            && self.drain.balance(self.in_flight_at_end, self.unfinished)
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.warmup += other.warmup;
        self.window += other.window;
        self.drain += other.drain;
        self.in_flight_at_start += other.in_flight_at_start;
        self.in_flight_at_end += other.in_flight_at_end;
        self.unfinished += other.unfinished;
        self.queued_at_start += other.queued_at_start;
        self.queued_at_end += other.queued_at_end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_vanishes_is_noticed() {
        let mut ledger = Ledger {
            warmup: Books {
                sent: 10,
                ok: 8,
                ..Books::default()
            },
            window: Books {
                sent: 5,
                ok: 3,
                lost: 1,
                timed_out: 1,
                ..Books::default()
            },
            drain: Books {
                ok: 1,
                ..Books::default()
            },
            in_flight_at_start: 2,
            in_flight_at_end: 2,
            unfinished: 1,
            ..Ledger::default()
        };
        assert!(ledger.balances());
        assert_eq!(ledger.total().ended(), 14);
        ledger.window.ok -= 1;
        assert!(!ledger.balances());
    }
}
