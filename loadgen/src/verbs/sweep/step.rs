//! One rate that was held, and what it was worth.

use super::search::Word;
use crate::{files::RunFile, gates::Gate, run::Outcome, verdict::Verdict};
use serde::Serialize;

/// Part of the offered rate that has to be answered.
pub(super) const ACHIEVED: f64 = 0.99;
/// Requests that may be missing from a short step because they were in flight at its end.
const SLACK: f64 = 16.0;
/// From this part of its own ceiling on a client may be the limit.
const NEAR_CEILING: f64 = 0.9;

/// A step, in the order in which they were held.
#[derive(Debug)]
pub(super) struct Step {
    /// Asked for.
    pub rate: f64,
    pub word: Word,
    /// Why it is not kept.
    pub reasons: Vec<String>,
    /// The whole result.
    pub run: RunFile,
}

/// The numbers of a step. Times in nanoseconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Numbers {
    pub rate: f64,
    /// Of the ceiling, 0 to 1.
    pub share: f64,
    pub offered_rps: f64,
    pub achieved_ratio: f64,
    pub rps: f64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    /// `None` when too few answers lie beyond it.
    pub p99_9_ns: Option<u64>,
    pub max_ns: u64,
    /// Requests that got no acceptable answer, and connects that failed.
    pub errors: u64,
    /// Busy part of the busiest thread, or of all CPUs if that is more.
    pub client_busy: f64,
    pub verdict: &'static str,
    pub reasons: Vec<String>,
}

impl Step {
    /// Judges a run at this rate.
    pub(super) fn new(
        rate: f64,
        run: RunFile,
        outcome: &Outcome,
        verdict: &Verdict,
        slos: &[Gate],
    ) -> Self {
        let (word, reasons) = judge(&run, outcome, verdict, slos);
        Self {
            rate,
            word,
            reasons,
            run,
        }
    }

    pub(super) fn numbers(&self, ceiling: f64) -> Numbers {
        let number = |pointer: &str| self.run.number(pointer).unwrap_or(0.0);
        let count = |pointer: &str| self.run.count(pointer).unwrap_or(0);
        Numbers {
            rate: self.rate,
            share: crate::report::json::rounded(self.rate / ceiling, 1e4),
            offered_rps: number("/load/offered_rps"),
            achieved_ratio: number("/load/achieved_ratio"),
            rps: number("/rps"),
            p50_ns: count("/latency/p50"),
            p99_ns: count("/latency/p99"),
            p99_9_ns: self.run.count("/latency/p99_9"),
            max_ns: count("/latency/max"),
            errors: count("/counts/whole_run/bad")
                + count("/counts/whole_run/lost")
                + count("/errors/connect"),
            client_busy: number("/client/busy_max").max(number("/client/cpus_busy")),
            verdict: self.word.name(),
            reasons: self.reasons.clone(),
        }
    }
}

fn judge(
    run: &RunFile,
    outcome: &Outcome,
    verdict: &Verdict,
    slos: &[Gate],
) -> (Word, Vec<String>) {
    if outcome.stop.is_some() {
        return (Word::Interrupted, vec!["interrupted".into()]);
    }
    let (mut missed, mut unknown) = (Vec::new(), Vec::new());
    missed.extend(verdict.problems.iter().cloned());
    missed.extend(shortfall(run));
    for slo in slos {
        let passage = slo.judge(run);
        match passage.value {
            None => unknown.push(format!("{}: {}", passage.expr, passage.shown)),
            // As a gate it is a condition to fail under; here one to be kept.
            Some(_) if passage.pass => {
                missed.push(format!("not {}: {}", passage.expr, passage.shown));
            }
            Some(_) => {}
        }
    }
    let late = verdict
        .schedule
        .as_ref()
        .is_some_and(|schedule| schedule.client_late);
    let near = verdict
        .limits
        .as_ref()
        .is_some_and(|(_, part)| *part >= NEAR_CEILING);
    if late || (!missed.is_empty() && (verdict.client_bound() || near)) {
        let busy = run.number("/client/busy_max").unwrap_or(0.0);
        let why = if late {
            "it noticed late what was due".into()
        } else if verdict.client_bound() {
            format!("busy for {:.0}% of the time", busy * 100.0)
        } else {
            "it came near to its ceiling (loadgen calibrate)".into()
        };
        missed.insert(0, format!("the client was the limit: {why}"));
        return (Word::Invalid, missed);
    }
    match (missed.is_empty(), unknown.is_empty()) {
        (false, _) => (Word::Missed, missed),
        (true, false) => (Word::Unknown, unknown),
        (true, true) => (Word::Kept, Vec::new()),
    }
}

/// Whether too little of what was offered was answered.
fn shortfall(run: &RunFile) -> Option<String> {
    let achieved = run.number("/load/achieved_ratio")?;
    let missing = run.number("/load/due")? * (1.0 - achieved);
    let held = run.flag("/load/schedule_held") == Some(true);
    let short = achieved < ACHIEVED && missing > SLACK;
    (short || !held).then(|| format!("achieved {:.1}%", achieved * 100.0))
}
