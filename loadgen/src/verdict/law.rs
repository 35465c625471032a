//! Little's law: whether rate, latency and the connections that were up fit together.

use crate::{plan::Plan, report::json::rounded, report::units::per, run::Outcome};
use serde::Serialize;

/// How far it may be off.
const TOLERANCE: f64 = 0.05;
/// Fewer answers say nothing.
const ANSWERS_MIN: u64 = 100;
/// Batches up to this size go out with one send; what is larger goes in parts, and requests wait for each other.
const ONE_SEND: usize = 64 * 1024;

/// Averages over the window.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Law {
    connections_up_mean: f64,
    /// Requests in flight: rate times latency.
    in_flight_mean: f64,
    /// Requests that could have been in flight and were not, because this program had not yet sent them.
    turnaround_mean: f64,
    /// The sum of both over what connections had room for; 1 when nothing is missing.
    #[serde(skip)]
    ratio: Option<f64>,
    /// Whether it says anything if that is not 1.
    #[serde(skip)]
    can_break: bool,
}

impl Law {
    /// `None` where connections are not kept busy.
    pub(crate) fn of(plan: &Plan, outcome: &Outcome) -> Option<Self> {
        if plan.open.is_some() || plan.hold.is_some() {
            return None;
        }
        let slots = &outcome.slots;
        let seconds = outcome.elapsed.as_secs_f64();
        let mean = |nanos: f64| per(nanos / 1e9, seconds);
        // Latencies of answers in the window, and of what is in flight at its borders the part within it.
        let waited = outcome.tally.latencies.sum() as f64 - slots.age_at_start as f64
            + slots.age_at_end as f64;
        let room = slots.up as f64 * f64::from(plan.depth);
        let answers = outcome.ledger.window.answered();
        let is_known = plan.think.is_none() && room > 0.0 && answers > 0;
        let ratio = is_known.then(|| rounded((waited + slots.own as f64) / room, 1e4));
        let may_judge = answers >= ANSWERS_MIN && no_loss(outcome);
        let can_break =
            may_judge && (fills_its_room(plan, outcome) || ratio.is_some_and(|ratio| ratio > 1.0));
        Some(Self {
            connections_up_mean: rounded(mean(slots.up as f64), 1e3),
            in_flight_mean: rounded(mean(waited), 1e3),
            turnaround_mean: rounded(mean(slots.own as f64), 1e3),
            ratio,
            can_break,
        })
    }

    /// Requests in flight by rate and latency over those that there should be.
    pub(crate) fn ratio(self) -> Option<f64> {
        self.ratio
    }

    /// The same where it had to be 1.
    pub(crate) fn judged(self) -> Option<f64> {
        self.ratio.filter(|_| self.can_break)
    }

    /// What to say when it does not hold.
    pub(crate) fn complaint(&self, plan: &Plan) -> Option<String> {
        let is_off = |ratio: &f64| (ratio - 1.0).abs() > TOLERANCE;
        let ratio = self.judged().filter(is_off)?;
        Some(format!(
            "Little's law does not hold: by rate and latency {:.1} requests were in flight on average (and {:.1} about to be \
             sent), but {:.1} connections with {} each were up, which is {:.0}% off; do not believe the latencies",
            self.in_flight_mean,
            self.turnaround_mean,
            self.connections_up_mean,
            plan.depth,
            (ratio - 1.0).abs() * 100.0
        ))
    }
}

/// Requests that are lost were in flight, but nobody knows for how long.
fn no_loss(outcome: &Outcome) -> bool {
    let window = &outcome.ledger.window;
    window.never_answered() == 0 && window.malformed == 0
}

/// Whether connections send a request for each answer, at once and to the end.
fn fills_its_room(plan: &Plan, outcome: &Outcome) -> bool {
    let slots = &outcome.slots;
    let depth = plan.depth as usize;
    let in_one = |len: usize| len.saturating_mul(depth) <= ONE_SEND;
    let whole_sends = plan.templates.iter().all(|one| in_one(one.request_len()));
    plan.requests.is_none()
        && (plan.depth == 1 || !plan.has_quota())
        && plan.tls.is_none()
        && whole_sends
        && !slots.tracked
        && slots.controls == 0
        && outcome.trouble.short_sends == 0
        && outcome.trouble.sends_failed() == 0
}
