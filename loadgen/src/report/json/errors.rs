//! What went wrong, in the JSON report.

use crate::{errno, plan::Plan, report::errors, run::Outcome, verdict::close_name};
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole run; `timeout` counts requests, the others connections.
#[derive(Serialize)]
pub(super) struct Errors {
    connect: u64,
    read: u64,
    timeout: u64,
}

/// Events of the whole run.
#[derive(Serialize)]
pub(super) struct ErrorsDetail {
    connect: BTreeMap<String, u64>,
    closed_early: u64,
    broken: u64,
    send_failed: u64,
    stuck: u64,
    stuck_at_end: usize,
    unsolicited: u64,
    /// Wrong, malformed and unsolicited answers.
    mismatches: u64,
    malformed: BTreeMap<&'static str, u64>,
    never_connected: u64,
    /// All errors by what was being done, then by kind.
    by_phase: errors::ByPhase,
    /// Only with WebSocket.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    websocket: Option<SocketErrors>,
    /// No errors: sends that the socket took in part, and receives that found no free buffer.
    short_sends: u64,
    receives_without_buffer: u64,
}

#[derive(Serialize)]
pub(super) struct SocketErrors {
    upgrades_failed: u64,
    upgrades_rejected: BTreeMap<String, u64>,
    upgrades_cut: u64,
    bad_frames: BTreeMap<&'static str, u64>,
    wrong_opcode: u64,
    out_of_order: u64,
    close_frames: BTreeMap<String, u64>,
}

impl Errors {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let trouble = &outcome.trouble;
        Self {
            connect: trouble.connects_failed(),
            read: trouble.read_errors(),
            timeout: outcome.ledger.total().timed_out,
        }
    }
}

impl ErrorsDetail {
    pub(super) fn new(plan: &Plan, outcome: &Outcome) -> Self {
        let trouble = &outcome.trouble;
        let connect = trouble
            .connect
            .iter()
            .map(|(errno, count)| (errno::text(*errno), *count));
        Self {
            connect: connect.collect(),
            closed_early: trouble.closed_early,
            broken: trouble.broken,
            send_failed: trouble.sends_failed(),
            stuck: trouble.stuck,
            stuck_at_end: outcome.silent,
            unsolicited: trouble.unsolicited,
            mismatches: trouble.mismatches.count,
            malformed: trouble
                .malformed_kinds()
                .map(|(kind, count)| (kind.reason(), count))
                .collect(),
            never_connected: u64::from(plan.connections).saturating_sub(outcome.connected as u64),
            by_phase: errors::by_phase(outcome),
            websocket: plan.upgrade.as_ref().map(|_| SocketErrors::new(outcome)),
            short_sends: trouble.short_sends,
            receives_without_buffer: trouble.starved,
        }
    }
}

impl SocketErrors {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let trouble = &outcome.trouble;
        let closes = trouble.close_frames.iter();
        Self {
            upgrades_failed: trouble.upgrades_failed(),
            upgrades_rejected: trouble.rejected.clone(),
            upgrades_cut: trouble.upgrades_cut,
            bad_frames: trouble.bad_frames.clone(),
            wrong_opcode: trouble.wrong_opcode,
            out_of_order: trouble.out_of_order,
            close_frames: closes
                .map(|(code, count)| (close_name(*code), *count))
                .collect(),
        }
    }
}
