//! One cell of the table against that of the base entry.

use super::cell::Cell;
use super::measure::Figures;
use super::result::rounded;
use super::stats::{Interval, UNDECIDED, ratio_of_pairs};
use serde_json::{Value, json};

/// A side is at its limit from here on.
const SATURATED: f64 = 0.95;

/// Ratios of an entry's figures to the base's, round by round.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The base entry's name.
    pub base: String,
    /// Rounds in which both count.
    pub pairs: usize,
    /// Successful answers per second.
    pub rps: Option<Interval>,
    /// Server CPU time per answer.
    pub server_cpu: Option<Interval>,
    /// 99th percentile of the latency.
    pub p99: Option<Interval>,
    /// The generator was at its limit with both: rates and latencies show it and
    /// not them.
    pub limited: bool,
}

impl Comparison {
    /// Of `other` with `base`; `None` for the base itself.
    pub fn of(base: &Cell<'_>, other: &Cell<'_>) -> Option<Self> {
        if base.entry.name == other.entry.name {
            return None;
        }
        let both: Vec<(&Figures, &Figures)> = base
            .rounds
            .iter()
            .zip(&other.rounds)
            .filter(|(one, two)| one.objection.is_none() && two.objection.is_none())
            .collect();
        let ratio = |figure: &dyn Fn(&Figures) -> Option<f64>| {
            let pairs: Option<Vec<(f64, f64)>> = both
                .iter()
                .map(|(one, two)| Some((figure(one)?, figure(two)?)))
                .collect();
            ratio_of_pairs(&pairs?)
        };
        Some(Self {
            base: base.entry.name.clone(),
            pairs: both.len(),
            rps: ratio(&|round| Some(round.report.rps())),
            server_cpu: ratio(&|round| round.server_cpu_us),
            p99: ratio(&|round| round.report.percentile(1)),
            limited: is_limited(base) && is_limited(other),
        })
    }

    /// What the rates allow to say.
    pub fn rate_word(&self) -> &'static str {
        self.unless_limited(self.rps, "faster", "slower")
    }

    /// What the latencies allow to say.
    pub fn latency_word(&self) -> &'static str {
        self.unless_limited(self.p99, "slower", "faster")
    }

    fn unless_limited(
        &self,
        ratio: Option<Interval>,
        above: &'static str,
        below: &'static str,
    ) -> &'static str {
        match ratio {
            Some(interval) if !self.limited => interval.word(above, below),
            _ => UNDECIDED,
        }
    }

    /// What the server's CPU time per answer allows to say.
    pub fn cost_word(&self) -> &'static str {
        self.server_cpu
            .map_or(UNDECIDED, |interval| interval.word("dearer", "cheaper"))
    }

    /// As result files have it.
    pub fn to_json(&self) -> Value {
        let interval = |interval: Option<Interval>, verdict: &str| {
            interval.map(|interval| {
                json!({
                    "value": fine(interval.value),
                    "low": fine(interval.low),
                    "high": fine(interval.high),
                    "verdict": verdict,
                })
            })
        };
        json!({
            "base": self.base,
            "pairs": self.pairs,
            "confidence": 0.95,
            "generator_limited": self.limited,
            "rps": interval(self.rps, self.rate_word()),
            "server_cpu_us_per_request": interval(self.server_cpu, self.cost_word()),
            "p99_us": interval(self.p99, self.latency_word()),
        })
    }
}

/// The ends of a hopeless interval lie many orders of magnitude apart.
fn fine(number: f64) -> f64 {
    if number < 100.0 {
        (number * 1e5).round() / 1e5
    } else {
        rounded(number.min(1e9))
    }
}

/// Whether the generator had nothing left to give: its threads, or its CPUs. The
/// kernel's own work there (interrupts, connections that end) is nobody's time.
pub(super) fn is_limited(cell: &Cell<'_>) -> bool {
    let threads = cell.threads.max(1) as f64;
    let busy = |round: &Figures| {
        let side = round.client_side_busy.unwrap_or(0.0);
        side.max(round.client_cores / threads)
    };
    cell.median(busy) > SATURATED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::samples::{cell, entry, figures};

    #[test]
    fn rounds_are_paired_and_invalid_ones_left_out() {
        let entries = [entry("sws"), entry("hyper")];
        let base = [1000, 900, 1100, 1].map(|rps| figures(rps, None)).to_vec();
        let mut other = [505, 448, 551].map(|rps| figures(rps, None)).to_vec();
        other.push(figures(9999, Some("lost: 1")));
        let base = cell(&entries[0], "json", base);
        let found = Comparison::of(&base, &cell(&entries[1], "json", other)).unwrap();
        assert_eq!((found.pairs, found.rate_word()), (3, "slower"));
        assert!((found.rps.unwrap().value - 0.5).abs() < 0.01);
        // The same CPU time in all rounds: nothing is decided at exactly 1.
        assert_eq!(found.cost_word(), "not decided");
        assert_eq!(Comparison::of(&base, &base), None);
        let json = found.to_json();
        assert_eq!(json["rps"]["verdict"], "slower");
        assert_eq!(json["base"], "sws");
    }

    #[test]
    fn one_round_decides_nothing() {
        let entries = [entry("sws"), entry("hyper")];
        let base = cell(&entries[0], "json", vec![figures(1000, None)]);
        let other = cell(&entries[1], "json", vec![figures(10, None)]);
        let found = Comparison::of(&base, &other).unwrap();
        assert_eq!((found.rps, found.rate_word()), (None, "not decided"));
        assert!(found.to_json()["rps"].is_null());
    }

    #[test]
    fn rates_that_show_the_generator_decide_nothing() {
        let entries = [entry("sws"), entry("hyper")];
        let rounds = |rps: u64, busy: f64| {
            let mut rounds = vec![figures(rps, None); 3];
            rounds
                .iter_mut()
                .for_each(|round| round.client_cores = busy);
            rounds
        };
        let base = cell(&entries[0], "json", rounds(1000, 0.99));
        let words = |busy| {
            let mut later = rounds(900, busy);
            for round in &mut later {
                round.report.latency_us[1] *= 2.0;
            }
            let other = cell(&entries[1], "json", later);
            let found = Comparison::of(&base, &other).unwrap();
            (found.rate_word(), found.latency_word())
        };
        assert_eq!(words(0.99), ("not decided", "not decided"));
        assert_eq!(words(0.8), ("slower", "slower"));
    }
}
