//! Result files as far as pages show them. Fields that only some versions write
//! are optional; unknown ones are passed over.

use crate::bench::stats::{UNDECIDED, median};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything in `results/`.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// In the order of the profile table, then by connections.
    pub(super) cells: Vec<Cell>,
    /// Oldest first.
    pub(super) runs: Vec<Run>,
}

/// One profile of one generation with one number of connections.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) profile: String,
    /// Empty where it is not known.
    pub(super) generation: String,
    pub(super) connections: u32,
    /// The most successful answers first.
    pub(super) figures: Vec<Figures>,
}

/// One entry in one cell.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    pub(super) schema: Option<String>,
    /// The name of the file, or of the entry in a run's file.
    pub(super) entry: String,
    pub(super) generation: String,
    pub(super) language: String,
    pub(super) run: Option<String>,
    pub(super) rps: f64,
    pub(super) rps_median: Option<f64>,
    pub(super) server_cpu_us_per_request: Option<f64>,
    pub(super) peak_memory_bytes: Option<f64>,
    pub(super) p99_latency: String,
    pub(super) latency_us_median: BTreeMap<String, Option<f64>>,
    pub(super) errors_total: Option<u64>,
    pub(super) engine_said: Option<String>,
    pub(super) against: Option<Against>,
    pub(super) rounds: Vec<Round>,
    /// Why no round counts.
    pub(super) invalid: Option<String>,
}

/// Ratios to the base entry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Against {
    pub(super) base: String,
    pub(super) generator_limited: bool,
    pub(super) rps: Option<Ratio>,
    pub(super) server_cpu_us_per_request: Option<Ratio>,
}

/// A ratio and its confidence interval.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Ratio {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    #[serde(default)]
    pub(super) verdict: String,
}

impl Ratio {
    /// Whether a word was said of it: where rates show the load generator even
    /// an interval without 1 decides nothing.
    pub(super) fn is_decided(&self) -> bool {
        (self.low > 1.0 || self.high < 1.0) && self.verdict != UNDECIDED
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Round {
    pub(super) rps: f64,
    /// By percentile: `p50`, `p99_9` or `p99.9`, `max`.
    pub(super) latency_us: BTreeMap<String, f64>,
    /// CPUs that others used meanwhile.
    pub(super) foreign_cores: f64,
    pub(super) invalid: Option<String>,
}

/// A run of the benchmark command.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Run {
    pub(super) schema: Option<String>,
    pub(super) id: String,
    pub(super) started: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, Value>,
    pub(super) refused: Vec<Refused>,
    pub(super) cells: Vec<RunCell>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) entry: String,
    pub(super) why: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunCell {
    pub(super) profile: String,
    pub(super) generation: String,
    pub(super) connections: u32,
    pub(super) entries: Vec<Figures>,
}

impl RunCell {
    /// Whether a run measured the same load.
    pub(super) fn is_of(&self, cell: &Cell) -> bool {
        (&self.profile, self.connections) == (&cell.profile, cell.connections)
            && self.generation == cell.generation
    }
}

impl Cell {
    /// Whether all figures were measured together.
    pub(super) fn is_of_one_run(&self) -> bool {
        self.figures
            .windows(2)
            .all(|pair| pair[0].run == pair[1].run)
    }

    /// The most CPUs that processes of others used, of any entry's median.
    pub(super) fn foreign_cores(&self) -> f64 {
        let of =
            |figures: &Figures| median(figures.valid().map(|round| round.foreign_cores).collect());
        self.figures.iter().map(of).fold(0.0, f64::max)
    }
}

impl Figures {
    /// The median rate, or the best where only that is known.
    pub(super) fn rate(&self) -> f64 {
        self.rps_median.unwrap_or(self.rps)
    }

    pub(super) fn valid(&self) -> impl Iterator<Item = &Round> {
        self.rounds.iter().filter(|round| round.invalid.is_none())
    }

    /// The lowest and the highest rate of a round.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let low = self.valid().map(|round| round.rps).reduce(f64::min)?;
        let high = self.valid().map(|round| round.rps).reduce(f64::max)?;
        Some((low, high))
    }

    /// The latency curve: parts of all answers and their microseconds, the
    /// median of the rounds for each, in order. What not every round can state is
    /// left out: the median of some of them may lie below a lower percentile's.
    pub(super) fn curve(&self) -> Vec<(f64, f64)> {
        let mut points: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for round in self.valid() {
            for (name, us) in &round.latency_us {
                if let Some(part) = part(name) {
                    points
                        .entry((part * 1e8).round() as u64)
                        .or_default()
                        .push(*us);
                }
            }
        }
        let rounds = self.valid().count();
        let mut curve: Vec<(f64, f64)> = points
            .into_iter()
            .filter(|(_, us)| us.len() == rounds)
            .map(|(part, us)| (part as f64 / 1e8, median(us)))
            .collect();
        curve.sort_by(|one, two| one.0.total_cmp(&two.0));
        curve
    }
}

/// `p99.9` or `p99_9` as 0.999; other names are no percentiles.
fn part(name: &str) -> Option<f64> {
    let percent: f64 = name.strip_prefix('p')?.replace('_', ".").parse().ok()?;
    (0.0..100.0).contains(&percent).then_some(percent / 100.0)
}

impl Saved {
    /// The entry that others are compared with.
    pub(super) fn base(&self) -> Option<&str> {
        let mut figures = self.cells.iter().flat_map(|cell| &cell.figures);
        let against = figures.find_map(|figures| figures.against.as_ref());
        against.map(|against| against.base.as_str())
    }

    /// The number of an entry's colour, the same in all charts.
    pub(super) fn colour(&self, entry: &str) -> usize {
        let place = self.entries().iter().position(|name| *name == entry);
        place.unwrap_or(0)
    }

    /// Every entry: the base, then the others by name.
    pub(super) fn entries(&self) -> Vec<&str> {
        let in_cells = self.cells.iter().flat_map(|cell| &cell.figures);
        let in_runs = self
            .runs
            .iter()
            .flat_map(|run| &run.cells)
            .flat_map(|cell| &cell.entries);
        let mut names: Vec<&str> = in_cells
            .chain(in_runs)
            .map(|figures| figures.entry.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let base = self.base().unwrap_or_default();
        names.sort_by_key(|name| *name != base);
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_without_1_decides_unless_nothing_was_said() {
        let ratio = |low, high, verdict: &str| Ratio {
            value: 1.5,
            low,
            high,
            verdict: verdict.into(),
        };
        assert!(ratio(1.2, 1.8, "faster").is_decided());
        assert!(!ratio(0.9, 1.8, "not decided").is_decided());
        assert!(!ratio(1.2, 1.8, "not decided").is_decided());
    }

    #[test]
    fn a_curve_has_what_every_round_states() {
        let text = r#"{"rounds": [
            {"rps": 8, "latency_us": {"p50": 2, "p99": 9, "p99.9": 10, "max": 11}},
            {"rps": 7, "latency_us": {"p50": 4, "p99": 21}},
            {"rps": 1, "invalid": "lost"}]}"#;
        let figures: Figures = serde_json::from_str(text).unwrap();
        assert_eq!(figures.curve(), [(0.5, 3.0), (0.99, 15.0)]);
    }

    #[test]
    fn percentiles_have_two_spellings() {
        assert_eq!(part("p50"), Some(0.5));
        assert!(part("p99_9").is_some_and(|part| (part - 0.999).abs() < 1e-12));
        assert_eq!(part("p99.9"), part("p99_9"));
        assert_eq!((part("max"), part("p100")), (None, None));
    }
}
