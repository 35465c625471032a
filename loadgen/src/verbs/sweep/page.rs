//! The page of a sweep: its curve, its steps and what they are worth.

use super::{result::Sweep, search::Word};
use crate::{
    files::RunFile,
    html::{self, Curve, Point, Step},
};

pub(super) fn page(sweep: &Sweep) -> String {
    let knee = sweep.knee();
    let steps = sweep.by_rate().into_iter().map(|step| {
        let numbers = step.numbers(sweep.ceiling);
        Step {
            point: (!matches!(step.word, Word::Invalid | Word::Interrupted)).then_some(Point {
                offered: numbers.offered_rps,
                answered: numbers.rps,
                times: [
                    Some(numbers.p50_ns),
                    Some(numbers.p99_ns),
                    numbers.p99_9_ns,
                    Some(numbers.max_ns),
                ],
            }),
            cells: cells(&numbers),
            kept: step.word == Word::Kept,
            verdict: numbers.verdict,
            reasons: numbers.reasons.join("; "),
        }
    });
    let runs: Vec<RunFile> = std::iter::once(&sweep.ceiling_run)
        .chain(sweep.by_rate().into_iter().map(|step| &step.run))
        .cloned()
        .collect();
    html::sweep_page(&Curve {
        sentence: sweep.sentence(),
        ceiling: sweep.ceiling,
        slos: &sweep.slos,
        knee: knee.kept.map(|kept| sweep.steps[kept].rate),
        steps: steps.collect(),
        runs: &runs,
    })
}

fn cells(numbers: &super::step::Numbers) -> [String; 9] {
    use crate::report::units::{count, latency};
    [
        format!("{:.1}%", numbers.share * 100.0),
        count(numbers.offered_rps),
        format!("{:.1}%", numbers.achieved_ratio * 100.0),
        latency(numbers.p50_ns),
        latency(numbers.p99_ns),
        numbers.p99_9_ns.map_or_else(|| "n/a".into(), latency),
        latency(numbers.max_ns),
        numbers.errors.to_string(),
        format!("{:.0}%", numbers.client_busy * 100.0),
    ]
}
