//! What was asked for, in the JSON report.

use super::rounded;
use crate::{
    plan::Plan,
    run::Outcome,
    verdict::{Law, Verdict},
};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Load<'a> {
    model: &'a str,
    #[serde(flatten)]
    open: Option<OpenLoad>,
    /// With -n.
    requests: Option<u64>,
    requests_per_connection: Option<u64>,
    expect_status: StatusSet<'a>,
    expect_body: bool,
    /// With two or more templates.
    rotate: Option<&'a str>,
    seed: u64,
    /// Only in a closed loop.
    #[serde(flatten)]
    law: Option<Law>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StatusSet<'a> {
    Class(u16),
    Other(&'a str),
}

/// Only in an open loop.
#[derive(Serialize)]
struct OpenLoad {
    arrival: String,
    /// Requests per second that were to fall due, and that did.
    rate: String,
    /// What the rate is this part of, when it was asked for like that.
    #[serde(skip_serializing_if = "Option::is_none")]
    highest_rps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest_part: Option<f64>,
    offered_rps: f64,
    /// Answers over requests that fell due.
    achieved_ratio: f64,
    schedule_held: bool,
    schedule_lag_p50_ns: u64,
    schedule_lag_p99_ns: u64,
    schedule_lag_max_ns: u64,
    due: u64,
    shed: u64,
    deadline_ns: Option<u64>,
    /// Requests for which no connection was free when they fell due, of those sent.
    waited: u64,
    longest_wait_ns: u64,
    /// Due and not sent at the borders of the window.
    queued_at_start: u64,
    queued_at_end: u64,
}

impl<'a> Load<'a> {
    pub(super) fn new(plan: &'a Plan, outcome: &Outcome, verdict: &Verdict) -> Self {
        Self {
            model: match &plan.open {
                Some(open) => open.rate.model(),
                None if plan.hold.is_some() => "hold",
                None => "closed",
            },
            open: OpenLoad::new(plan, outcome, verdict),
            requests: plan.requests,
            requests_per_connection: plan.has_quota().then_some(plan.quota),
            expect_status: match plan.expect_status.number() {
                Some(number) => StatusSet::Class(number),
                None => StatusSet::Other(plan.expect_status.text()),
            },
            expect_body: !plan.checks.bodies.is_empty(),
            rotate: (plan.templates.len() > 1).then(|| plan.rotation.rotate.name()),
            seed: plan.seed,
            law: verdict.law,
        }
    }
}

impl OpenLoad {
    fn new(plan: &Plan, outcome: &Outcome, verdict: &Verdict) -> Option<Self> {
        let (open, schedule) = (plan.open.as_ref()?, verdict.schedule.as_ref()?);
        let tally = outcome.tally.open.as_deref()?;
        Some(Self {
            arrival: open.arrival.to_string(),
            rate: open.rate.to_string(),
            highest_rps: plan.highest.map(|highest| rounded(highest.rps, 1e2)),
            highest_part: plan.highest.map(|highest| highest.part),
            offered_rps: rounded(schedule.offered, 1e2),
            achieved_ratio: rounded(schedule.achieved, 1e4),
            schedule_held: schedule.held,
            schedule_lag_p50_ns: tally.lag.quantile(0.5),
            schedule_lag_p99_ns: tally.lag.quantile(0.99),
            schedule_lag_max_ns: tally.lag.max(),
            due: tally.due,
            shed: tally.shed,
            deadline_ns: open.deadline.map(crate::clock::nanos),
            waited: tally.waited,
            longest_wait_ns: tally.longest_wait,
            queued_at_start: outcome.ledger.queued_at_start,
            queued_at_end: outcome.ledger.queued_at_end,
        })
    }
}
