//! What the numbers are worth where connections are held.

use super::listed;
use crate::{hold::Hold, plan::Plan, run::Outcome};

/// Why nothing was measured, when nothing was.
pub(super) fn nothing(plan: &Plan, outcome: &Outcome) -> Option<&'static str> {
    let due = outcome.tally.open.as_ref().map_or(0, |open| open.due);
    match plan.hold {
        Some(Hold::Push) if outcome.tally.pushed == 0 => {
            Some("the server sent no message in the window")
        }
        Some(_) if outcome.hold.up_at_end == 0 => Some("no connection was held to the end"),
        // So slow a rate that none fell due.
        Some(_) if due == 0 => None,
        _ if outcome.ledger.window.answered() == 0 => Some("no request was answered in the window"),
        _ => None,
    }
}

/// Connections that the server has ended although they were to be held.
pub(super) fn drops(outcome: &Outcome, problems: &mut Vec<String>) {
    let dropped = &outcome.trouble.dropped;
    if dropped.total() > 0 {
        let kinds = dropped.kinds.iter().map(|(kind, count)| (*kind, count));
        problems.push(format!(
            "the server ended {} connections on which nothing was owed ({})",
            dropped.total(),
            listed(kinds)
        ));
    }
}
