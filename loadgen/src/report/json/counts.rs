//! Requests and what became of them, in the JSON report.

use crate::{books::Books, run::Outcome};
use serde::Serialize;

/// Requests of the window: in_flight_at_start + sent = ok + bad_status + bad_header + bad_body + malformed +
/// cut_short + lost + timed_out + in_flight_at_end.
#[derive(Serialize)]
pub(super) struct Counts {
    in_flight_at_start: u64,
    sent: u64,
    ok: u64,
    bad_status: u64,
    bad_header: u64,
    bad_body: u64,
    malformed: u64,
    cut_short: u64,
    lost: u64,
    timed_out: u64,
    in_flight_at_end: u64,
    answered_in_drain: u64,
    /// Still without an answer when the drain was over.
    unfinished: u64,
    bodies_checked: u64,
    body_bytes_checked: u64,
    /// Estimated from those comparisons that were timed.
    body_check_ns: u64,
    /// The same sums over warm-up, window and drain.
    whole_run: WholeRun,
}

#[derive(Serialize)]
struct WholeRun {
    sent: u64,
    ok: u64,
    bad: u64,
    lost: u64,
    unfinished: u64,
    bodies_checked: u64,
}

impl Counts {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let ledger = &outcome.ledger;
        let Books {
            sent,
            ok,
            wrong_status,
            wrong_header,
            wrong_body,
            malformed,
            cut_short,
            lost,
            timed_out,
        } = ledger.window;
        let total = ledger.total();
        Self {
            in_flight_at_start: ledger.in_flight_at_start,
            sent,
            ok,
            bad_status: wrong_status,
            bad_header: wrong_header,
            bad_body: wrong_body,
            malformed,
            cut_short,
            lost,
            timed_out,
            in_flight_at_end: ledger.in_flight_at_end,
            answered_in_drain: ledger.drain.answered(),
            unfinished: ledger.unfinished,
            bodies_checked: outcome.tally.checked.bodies,
            body_bytes_checked: outcome.tally.checked.bytes,
            body_check_ns: outcome.tally.checked.nanos(),
            whole_run: WholeRun {
                sent: total.sent,
                ok: total.ok,
                bad: total.bad(),
                lost: total.never_answered(),
                unfinished: ledger.unfinished,
                bodies_checked: outcome.trouble.checked.bodies,
            },
        }
    }
}
