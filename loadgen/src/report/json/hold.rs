//! Connections that are held, in the JSON report.

use crate::{hold::Named, plan::Plan, run::Outcome};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(super) struct Held<'a> {
    mode: &'static str,
    up_at_start: u64,
    up_at_end: u64,
    /// The whole run, as what follows.
    touched: u64,
    dropped: &'a BTreeMap<&'static str, u64>,
    first_dropped: &'a [Named],
    /// In the window, when the mode is push.
    pushed: Option<u64>,
    /// Of this process, before there were connections and at the end of the window.
    rss_before_bytes: u64,
    rss_bytes: u64,
    bytes_per_connection: u64,
}

impl<'a> Held<'a> {
    pub(super) fn new(plan: &Plan, outcome: &'a Outcome) -> Option<Self> {
        let hold = plan.hold?;
        let (tally, memory) = (&outcome.hold, &outcome.memory);
        let pushes = plan.upgrade.as_ref().is_some_and(|upgrade| upgrade.pushes);
        Some(Self {
            mode: hold.name(),
            up_at_start: tally.up_at_start,
            up_at_end: tally.up_at_end,
            touched: tally.touched,
            dropped: &outcome.trouble.dropped.kinds,
            first_dropped: &outcome.trouble.dropped.first,
            pushed: pushes.then_some(outcome.tally.pushed),
            rss_before_bytes: memory.before,
            rss_bytes: memory.with_connections,
            bytes_per_connection: memory.per_connection(plan.connections.into()),
        })
    }
}
