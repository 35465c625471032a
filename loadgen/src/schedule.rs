//! Whether an open loop sent what it should have, and if not, who was to blame.

use crate::{
    duration, plan::Plan, record::OpenTally, report::units::latency, run::Outcome,
    worker::QUEUE_MAX,
};

/// A schedule counts as held when at least this part of what was due was sent and is not overdue.
const HELD: f64 = 0.99;
/// Requests that may be missing from a short run by where its borders fall.
const SLACK: u64 = 2;
/// The same for answers: what is in flight varies.
const IN_FLIGHT_SLACK: u64 = 16;
/// This program is late when the 99th percentile of its own lateness is above this, in nanoseconds...
const LATE: u64 = 1_000_000;
/// ...and above this part of the response time's.
const LATE_PART: f64 = 0.1;

/// How well a schedule was held.
#[derive(Debug)]
pub(crate) struct Held {
    /// Requests that fell due in the window, by second.
    pub offered: f64,
    /// Answers in the window over requests that fell due in it.
    pub achieved: f64,
    /// Nothing that was due was left over.
    pub held: bool,
    /// This program was late by so much that it is a good part of what was measured.
    pub client_late: bool,
    /// Why it was not held, and what to know of it if it was.
    pub notes: Vec<String>,
}

impl Held {
    /// Of an open loop.
    pub(crate) fn of(plan: &Plan, outcome: &Outcome) -> Option<Self> {
        let open = outcome.tally.open.as_deref()?;
        let ledger = &outcome.ledger;
        let seconds = outcome.elapsed.as_secs_f64();
        let part = |count: u64| count as f64 / (open.due.max(1)) as f64;
        let (due, sent) = (open.due, ledger.window.sent);
        // What was left over from the warm-up is made up for in the window and hides as much of a shortfall.
        let unsent = (open.shed + ledger.queued_at_end).saturating_sub(ledger.queued_at_start);
        let behind = ledger
            .in_flight_at_end
            .saturating_sub(ledger.in_flight_at_start);
        let all_sent = part(unsent) <= 1.0 - HELD || unsent <= SLACK;
        let all_answered = part(behind) <= 1.0 - HELD || behind <= IN_FLIGHT_SLACK;
        let client_late = is_late(open);
        let mut notes = Vec::new();
        if !all_sent {
            notes.push(format!(
                "the schedule was not held: {sent} of {due} requests that were due were sent"
            ));
            notes.extend(reasons(plan, outcome, open));
        } else if !all_answered {
            notes.push(format!(
                "the server fell behind: requests in flight grew from {} to {}",
                ledger.in_flight_at_start, ledger.in_flight_at_end
            ));
        }
        if client_late {
            notes.push(format!(
                "this client noticed late what was due (p99 {}, at worst {}): part of the response time is its own",
                latency(open.lag.quantile(0.99)),
                latency(open.lag.max())
            ));
        }
        Some(Self {
            offered: if seconds > 0.0 {
                due as f64 / seconds
            } else {
                0.0
            },
            achieved: part(ledger.window.answered()),
            held: all_sent && all_answered,
            client_late,
            notes,
        })
    }
}

fn is_late(open: &OpenTally) -> bool {
    let lag = open.lag.quantile(0.99);
    lag > LATE && lag as f64 > LATE_PART * open.response.quantile(0.99) as f64
}

/// What kept requests from being sent.
fn reasons(plan: &Plan, outcome: &Outcome, open: &OpenTally) -> Vec<String> {
    let mut reasons = Vec::new();
    if outcome.connected == 0 {
        return reasons;
    }
    if open.shed > 0 {
        let deadline = plan.open.as_ref().and_then(|open| open.deadline);
        reasons.push(match deadline {
            Some(deadline) => format!(
                "{} requests were dropped after they had waited for more than {}",
                open.shed,
                duration::display(deadline)
            ),
            None => format!(
                "{} requests were dropped because {QUEUE_MAX} others were waiting already; ask for less (--rate)",
                open.shed
            ),
        });
    }
    if outcome.ledger.queued_at_end + open.waited + open.shed > 0 {
        let room = u64::from(plan.connections) * u64::from(plan.depth);
        reasons.push(format!(
            "no connection was free for {} requests, which waited for up to {}: the server had {room} requests at a \
             time and answered them after {} on average; give more connections (-c) if it can take more",
            open.waited + open.shed + outcome.ledger.queued_at_end,
            latency(open.longest_wait),
            latency(outcome.tally.latencies.mean()),
        ));
    }
    reasons
}
