//! What a sweep found.

use super::{
    search::{Knee, Word},
    step::{Numbers, Step},
};
use crate::{
    clock,
    error::exit,
    files::{RunFile, Session},
    plan::Plan,
    report::{
        json::rounded,
        units::{count, latency},
    },
    signals::Stop,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// All of it, in the order in which it was measured.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Answers per second in the closed loop.
    pub ceiling: f64,
    pub ceiling_run: RunFile,
    /// Whether the client was the limit in the closed loop.
    pub client_bound: bool,
    /// What was wrong in the closed loop.
    pub problems: Vec<String>,
    pub slos: Vec<String>,
    pub steps: Vec<Step>,
    pub stop: Option<Stop>,
}

#[derive(Serialize)]
struct Report<'s> {
    schema: &'s str,
    version: &'s str,
    id: &'s str,
    argv: &'s [String],
    config: &'s str,
    labels: &'s BTreeMap<String, String>,
    target: String,
    connections: u32,
    threads: u32,
    pipeline_depth: u32,
    step_ns: u64,
    slo: &'s [String],
    achieved_min: f64,
    interrupted: bool,
    exit_status: u8,
    ceiling: Ceiling<'s>,
    knee: Found,
    /// By rate.
    steps: Vec<Row<'s>>,
}

#[derive(Serialize)]
struct Ceiling<'s> {
    rps: f64,
    client_bound: bool,
    result: &'s Value,
}

#[derive(Serialize)]
struct Found {
    /// The highest rate that was kept below the lowest that was not.
    rps: Option<f64>,
    share: Option<f64>,
    /// The lowest rate that was not kept, and why; without it the knee is at or above `rps`.
    missed_rps: Option<f64>,
    missed_verdict: Option<&'static str>,
    reasons: Vec<String>,
    sentence: String,
}

#[derive(Serialize)]
struct Row<'s> {
    #[serde(flatten)]
    numbers: Numbers,
    result: &'s Value,
}

impl Sweep {
    pub(super) fn points(&self) -> Vec<(f64, Word)> {
        self.steps
            .iter()
            .map(|step| (step.rate, step.word))
            .collect()
    }

    pub(super) fn knee(&self) -> Knee {
        Knee::of(&self.points())
    }

    /// The steps by their rate.
    pub(super) fn by_rate(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        steps
    }

    pub(super) fn exit_code(&self, strict: bool) -> u8 {
        let knee = self.knee();
        let missed = knee.missed.map(|missed| self.steps[missed].word);
        match (self.stop, knee.kept, missed) {
            (Some(stop), ..) => exit::SIGNAL_BASE + stop.number(),
            (None, Some(_), Some(Word::Invalid)) if strict => exit::INVALID,
            (None, Some(_), _) => exit::OK,
            (None, None, Some(Word::Missed)) => exit::GATE,
            (None, None, _) => exit::INVALID,
        }
    }

    /// The knee in a sentence.
    pub(super) fn sentence(&self) -> String {
        if self.ceiling <= 0.0 {
            return format!(
                "not found: there is no ceiling ({})",
                self.problems.join("; ")
            );
        }
        let knee = self.knee();
        let kept = knee.kept.map(|kept| {
            let step = &self.steps[kept];
            format!(
                "{}/s ({:.0}% of the ceiling) with p99 {}",
                count(step.rate),
                100.0 * step.rate / self.ceiling,
                latency(step.run.count("/latency/p99").unwrap_or(0))
            )
        });
        let missed = knee.missed.map(|missed| {
            let step = &self.steps[missed];
            (
                step.word,
                format!("at {}/s: {}", count(step.rate), step.reasons.join("; ")),
            )
        });
        match (kept, missed) {
            (Some(kept), Some((Word::Invalid, why))) => {
                format!("at or above {kept}; not measured further, {why}")
            }
            (Some(kept), Some((_, why))) => format!("{kept}; {why}"),
            (Some(kept), None) if self.stop.is_some() => {
                format!("at or above {kept}; interrupted")
            }
            (Some(kept), None) => format!("at or above {kept}; no step was missed"),
            (None, Some((Word::Invalid, why))) => format!("not found, {why}"),
            (None, Some((_, why))) => format!("below all that was held; {why}"),
            (None, None) if self.stop.is_some() => "not found: interrupted".into(),
            (None, None) => format!("not found: {}", self.unknown()),
        }
    }

    /// Why steps could not be judged.
    fn unknown(&self) -> String {
        let unknown = self.steps.iter().find(|step| step.word == Word::Unknown);
        let why = unknown.map_or_else(String::new, |step| step.reasons.join("; "));
        format!("the steps are too short to tell ({why}); give a longer --step-duration")
    }

    pub(super) fn value(
        &self,
        plan: &Plan,
        session: &Session,
        exit_status: u8,
    ) -> serde_json::Result<Value> {
        let knee = self.knee();
        let step = |number: Option<usize>| number.map(|number| &self.steps[number]);
        let (kept, missed) = (step(knee.kept), step(knee.missed));
        let steps = self.by_rate().into_iter().map(|step| Row {
            numbers: step.numbers(self.ceiling),
            result: &step.run.value,
        });
        serde_json::to_value(Report {
            schema: "loadgen-sweep/1",
            version: env!("CARGO_PKG_VERSION"),
            id: &session.id,
            argv: &session.argv,
            config: &session.config,
            labels: &session.labels,
            target: format!("{}{}", plan.target.authority, plan.target.path),
            connections: plan.connections,
            threads: plan.threads,
            pipeline_depth: plan.depth,
            step_ns: clock::nanos(plan.duration),
            slo: &self.slos,
            achieved_min: super::step::ACHIEVED,
            interrupted: self.stop.is_some(),
            exit_status,
            ceiling: Ceiling {
                rps: rounded(self.ceiling, 1e2),
                client_bound: self.client_bound,
                result: &self.ceiling_run.value,
            },
            knee: Found {
                rps: kept.map(|step| step.rate),
                share: kept.map(|step| rounded(step.rate / self.ceiling, 1e4)),
                missed_rps: missed.map(|step| step.rate),
                missed_verdict: missed.map(|step| step.word.name()),
                reasons: missed.map_or_else(Vec::new, |step| step.reasons.clone()),
                sentence: self.sentence(),
            },
            steps: steps.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sweep(words: &[Word]) -> Sweep {
        let run = || RunFile {
            path: "x".into(),
            value: json!({ "latency": { "p99": 2_000_000 } }),
        };
        let steps = words.iter().zip(1u32..).map(|(word, number)| Step {
            rate: f64::from(number) * 100.0,
            word: *word,
            reasons: vec!["because".into()],
            run: run(),
        });
        Sweep {
            ceiling: 400.0,
            ceiling_run: run(),
            client_bound: false,
            problems: Vec::new(),
            slos: Vec::new(),
            steps: steps.collect(),
            stop: None,
        }
    }

    #[test]
    fn the_knee_is_only_called_so_when_it_is_one() {
        use Word::{Invalid, Kept, Missed, Unknown};
        for (words, start, code, strict) in [
            (
                &[Kept, Kept, Missed][..],
                "200/s (50% of the ceiling) with p99 2.00ms; at 300/s: because",
                0,
                0,
            ),
            (&[Invalid, Kept, Invalid, Missed], "at or above 200/s", 0, 4),
            (
                &[Kept, Kept],
                "at or above 200/s (50% of the ceiling) with p99 2.00ms; no step",
                0,
                0,
            ),
            (
                &[Missed, Kept],
                "below all that was held; at 100/s: because",
                3,
                3,
            ),
            (&[Invalid, Missed], "not found, at 100/s", 4, 4),
            (
                &[Unknown],
                "not found: the steps are too short to tell (because)",
                4,
                4,
            ),
        ] {
            let sweep = sweep(words);
            let sentence = sweep.sentence();
            assert!(sentence.starts_with(start), "{words:?}: {sentence}");
            assert_eq!(sweep.exit_code(false), code, "{words:?}");
            assert_eq!(sweep.exit_code(true), strict, "{words:?}");
        }
        let mut cut = sweep(&[Kept, Word::Interrupted]);
        cut.stop = Some(Stop::Interrupted);
        assert_eq!(cut.exit_code(false), 130);
        assert!(
            cut.sentence().starts_with("at or above 100/s"),
            "{}",
            cut.sentence()
        );
    }
}
