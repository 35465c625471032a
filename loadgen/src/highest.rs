//! The highest rate: what a server answers in a closed loop, where the next request waits for nothing but the last answer.

use crate::{
    error::Failure,
    plan::Plan,
    rate::Rate,
    report::{json::rounded, units::per},
    run::{self, Outcome},
    signals::Signals,
};
use std::{mem, time::Duration};

/// How long it is measured for, when a run asks for a part of it.
const TIME: Duration = Duration::from_secs(2);

/// What a part of the highest rate came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Highest {
    pub rps: f64,
    /// Asked for, 0 to 1.
    pub part: f64,
    /// How long it was measured for.
    pub time: Duration,
}

/// Runs the plan as a closed loop for this long.
pub(crate) fn measure(
    plan: &mut Plan,
    time: Duration,
    signals: &Signals,
) -> Result<Outcome, Failure> {
    let open = plan.open.take();
    let requests = plan.requests.take();
    let holds = mem::replace(&mut plan.holds, false);
    let duration = mem::replace(&mut plan.duration, time);
    let outcome = run::run(plan, signals, None);
    plan.open = open;
    plan.requests = requests;
    plan.holds = holds;
    plan.duration = duration;
    outcome
}

/// Answers per second, as expected ones.
pub(crate) fn rate_of(outcome: &Outcome) -> f64 {
    per(
        outcome.ledger.window.ok as f64,
        outcome.elapsed.as_secs_f64(),
    )
}

/// A part of a rate, not more exactly than it can be known.
pub(crate) fn part_of(rate: f64, part: f64) -> f64 {
    let rate = rate * part;
    let scale = if rate >= 1000.0 { 1.0 } else { 1e2 };
    rounded(rate, scale).max(0.01)
}

/// When the plan asks for a part of the highest rate, measures that and makes it a number. When it cannot be known (nothing
/// was answered, or a signal came), the plan is a closed loop afterwards, and its outcome is returned.
pub(crate) fn settle(plan: &mut Plan, signals: &Signals) -> Result<Option<Outcome>, Failure> {
    let Some(Rate::Part(part)) = plan.open.as_ref().map(|open| &open.rate) else {
        return Ok(None);
    };
    let (part, time) = (*part, TIME.min(plan.duration));
    let outcome = measure(plan, time, signals)?;
    let rps = rate_of(&outcome);
    if outcome.stop.is_some() || rps <= 0.0 {
        plan.open = None;
        plan.duration = time;
        return Ok(Some(outcome));
    }
    if let Some(open) = &mut plan.open {
        open.rate = Rate::Constant(part_of(rps, part));
    }
    plan.highest = Some(Highest { rps, part, time });
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_round() {
        assert_eq!(part_of(964_705.3, 0.5), 482_353.0);
        assert_eq!(part_of(33.337, 0.1), 3.33);
        assert_eq!(part_of(0.001, 0.1), 0.01);
    }
}
