//! What the runs say, and which word they allow.

use crate::{
    files::RunFile,
    statistics::{Interval, holm, median, median_ratio, noise_floor, signed_rank},
};
use serde::Serialize;

/// What is wrong at most once in 20.
const SIGNIFICANT: f64 = 0.05;

/// Something that both have a number for.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    pointer: &'static str,
    unit: Unit,
    more_is_better: bool,
    better: &'static str,
    worse: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    PerSecond,
    Nanoseconds,
    Microseconds,
}

const KINDS: [Kind; 6] = [
    Kind {
        name: "throughput",
        pointer: "/rps",
        unit: Unit::PerSecond,
        more_is_better: true,
        better: "faster",
        worse: "slower",
    },
    latency("p50", "/latency/p50"),
    latency("p99", "/latency/p99"),
    latency("p99.9", "/latency/p99_9"),
    cost("client cpu/answer", "/client/cpu_us_per_answer"),
    cost("server cpu/answer", "/server/cpu_us_per_answer"),
];

const fn latency(name: &'static str, pointer: &'static str) -> Kind {
    Kind {
        name,
        pointer,
        unit: Unit::Nanoseconds,
        more_is_better: false,
        better: "faster",
        worse: "slower",
    }
}

const fn cost(name: &'static str, pointer: &'static str) -> Kind {
    Kind {
        name,
        pointer,
        unit: Unit::Microseconds,
        more_is_better: false,
        better: "cheaper",
        worse: "dearer",
    }
}

/// The outcome for all metrics.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub a: String,
    pub b: String,
    pub pairs: usize,
    /// How p is computed.
    pub test: &'static str,
    pub interval: &'static str,
    /// The smallest difference that matters, as a part.
    pub relevant: f64,
    /// Where the noise floor comes from.
    pub noise: &'static str,
    pub metrics: Vec<Metric>,
    pub notes: Vec<String>,
}

/// The outcome for one metric.
#[derive(Debug, Serialize)]
pub(super) struct Metric {
    pub name: &'static str,
    pub unit: Unit,
    pub runs_a: Vec<f64>,
    pub runs_b: Vec<f64>,
    pub median_a: f64,
    pub median_b: f64,
    /// B over A, with 95 % confidence.
    pub ratio: Interval,
    pub p: f64,
    /// Corrected for the number of metrics.
    pub p_holm: f64,
    pub noise_floor: Option<f64>,
    /// Whether the word says more than that nothing is known.
    pub decided: bool,
    /// About how many pairs would decide it.
    pub pairs_needed: Option<u64>,
    pub verdict: String,
}

impl Comparison {
    pub(super) fn new(a: &[RunFile], b: &[RunFile], aa: &[RunFile], relevant: f64) -> Self {
        let kinds: Vec<(Kind, Vec<f64>, Vec<f64>)> = KINDS
            .into_iter()
            .filter_map(|kind| Some((kind, numbers(a, kind)?, numbers(b, kind)?)))
            .collect();
        let probabilities = kinds.iter().map(|(_, a, b)| signed_rank(&logs(a, b)));
        let probabilities: Vec<f64> = probabilities.collect();
        let corrected = holm(&probabilities);
        let metrics = kinds
            .into_iter()
            .zip(probabilities.into_iter().zip(corrected))
            .map(|((kind, runs_a, runs_b), (p, p_holm))| {
                let control = numbers(aa, kind);
                let noise_floor = floor(&runs_a, &runs_b, control.as_deref());
                let mut metric = Metric {
                    name: kind.name,
                    unit: kind.unit,
                    median_a: median(&runs_a),
                    median_b: median(&runs_b),
                    ratio: median_ratio(&runs_a, &runs_b),
                    p,
                    p_holm,
                    noise_floor,
                    decided: false,
                    pairs_needed: None,
                    verdict: String::new(),
                    runs_a,
                    runs_b,
                };
                metric.judge(kind, relevant);
                metric
            });
        Self {
            metrics: metrics.collect(),
            a: name(a),
            b: name(b),
            pairs: a.len(),
            test: "Wilcoxon signed-rank on log ratios of pairs, exact, two-sided; Holm-corrected",
            interval: "95 %, percentile bootstrap of the ratio of medians over pairs, 10000 resamples",
            relevant,
            noise: if aa.is_empty() {
                "random halves of the runs of A, and of B"
            } else {
                "runs of A against runs of A"
            },
            notes: notes(a, b),
        }
    }
}

impl Metric {
    fn judge(&mut self, kind: Kind, relevant: f64) {
        let Interval { value, low, high } = self.ratio;
        let floor = self.noise_floor.unwrap_or(0.0);
        let least = relevant.max(floor);
        let differs = self.p_holm < SIGNIFICANT && !(low..=high).contains(&1.0);
        let far = (value.ln()).abs() >= least.ln_1p();
        let same = low >= 1.0 / (1.0 + relevant) && high <= 1.0 + relevant;
        let percent = relevant * 100.0;
        (self.decided, self.verdict) = if same && self.runs_a.len() >= 6 {
            (true, format!("same within ±{percent}%"))
        } else if differs && far {
            let word = if (value > 1.0) == kind.more_is_better {
                kind.better
            } else {
                kind.worse
            };
            (true, word.into())
        } else if differs && value.ln().abs() < floor.ln_1p() {
            (false, "not decided: below the noise floor".into())
        } else {
            self.pairs_needed = self.needed(relevant);
            let more = match self.pairs_needed {
                Some(pairs) => format!(" (±{percent}% needs about {pairs} pairs)"),
                None => String::new(),
            };
            (false, format!("not decided{more}"))
        };
    }

    /// The width of an interval shrinks with the root of the number of pairs.
    fn needed(&self, relevant: f64) -> Option<u64> {
        let half = (self.ratio.high / self.ratio.low).ln() / 2.0;
        if !half.is_finite() || relevant <= 0.0 {
            return None;
        }
        let times = (half / relevant.ln_1p()).powi(2).max(1.0);
        let pairs = (times * self.runs_a.len() as f64).ceil() as u64;
        Some(pairs.max(6).max(self.runs_a.len() as u64 + 1))
    }
}

/// The numbers of all runs; `None` when one has none, or no positive one.
fn numbers(runs: &[RunFile], kind: Kind) -> Option<Vec<f64>> {
    if runs.is_empty() {
        return None;
    }
    let numbers = runs.iter().map(|run| {
        let number = run.number(kind.pointer)?;
        (number > 0.0).then_some(number)
    });
    numbers.collect()
}

fn logs(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| (b / a).ln()).collect()
}

fn floor(a: &[f64], b: &[f64], control: Option<&[f64]>) -> Option<f64> {
    if let Some(control) = control {
        let Interval { low, high, .. } = median_ratio(a, control);
        return Some(high.ln().abs().max(low.ln().abs()).exp_m1());
    }
    Some(noise_floor(a)?.max(noise_floor(b)?))
}

/// The label `server`, else the target.
fn name(runs: &[RunFile]) -> String {
    let first = runs.first();
    let name = first.and_then(|run| run.text("/labels/server").or_else(|| run.text("/target")));
    name.unwrap_or("?").into()
}

fn notes(a: &[RunFile], b: &[RunFile]) -> Vec<String> {
    let mut notes = Vec::new();
    if a.len() < 6 {
        notes.push(format!(
            "nothing can be decided at 5 % with fewer than 6 pairs, and there are {}",
            a.len()
        ));
    }
    let first = a.first().and_then(|run| run.text("/client/host"));
    if a.iter()
        .chain(b)
        .any(|run| run.text("/client/host") != first)
    {
        notes.push("the runs are of different hosts".into());
    }
    let turns = a.iter().zip(b).collect::<Vec<_>>();
    let start = |run: &RunFile| run.count("/phases/start_unix_ns").unwrap_or(0);
    let apart = turns.windows(2).any(|pair| {
        let (one, next) = (pair[0], pair[1]);
        start(next.0).min(start(next.1)) < start(one.0).max(start(one.1))
    });
    if apart {
        notes.push(
            "the pairs were not measured one after the other, so drift of the host may look like a difference".into(),
        );
    }
    let limited = a
        .iter()
        .chain(b)
        .filter(|run| run.text("/verdict/bound") == Some("client"))
        .count();
    if limited > 0 {
        notes.push(format!(
            "in {limited} runs the client was at its limit, which makes servers look alike"
        ));
    }
    notes
}
