//! One cell of the table: the rounds of one entry under one load, and what they
//! amount to.

use super::measure::Figures;
use super::stats::{self, median};
use crate::entries::Entry;
use crate::profiles::Profile;
use std::time::Duration;

/// Everything about one entry in one cell of the table.
#[derive(Debug)]
pub struct Cell<'a> {
    /// The server.
    pub entry: &'a Entry,
    /// The load.
    pub profile: &'a Profile,
    /// Concurrent connections.
    pub connections: u32,
    /// Measured time per round.
    pub window: Duration,
    /// Threads of the generator.
    pub threads: usize,
    /// Mean template size; `None` without templates.
    pub template_size: Option<f64>,
    /// One per round, in order.
    pub rounds: Vec<Figures>,
}

impl Cell<'_> {
    /// The rounds that count.
    pub fn valid(&self) -> impl Iterator<Item = &Figures> {
        self.rounds.iter().filter(|round| round.objection.is_none())
    }

    /// The round with the most successful answers per second: the arena stores
    /// every figure of that one.
    pub fn best(&self) -> Option<&Figures> {
        self.valid()
            .max_by(|one, two| one.report.rps().total_cmp(&two.report.rps()))
    }

    /// The median of a figure over the rounds that count.
    pub fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.valid().map(figure).collect())
    }

    /// The median of a percentile, by its place in a report; `None` where a round
    /// that counts has too few answers to state it.
    pub fn percentile(&self, place: usize) -> Option<f64> {
        let known: Option<Vec<f64>> = self
            .valid()
            .map(|round| round.report.percentile(place))
            .collect();
        known.filter(|list| !list.is_empty()).map(median)
    }

    /// The median of the server's CPU microseconds per answer.
    pub fn server_cpu_us(&self) -> Option<f64> {
        let known: Option<Vec<f64>> = self.valid().map(|round| round.server_cpu_us).collect();
        known.filter(|list| !list.is_empty()).map(median)
    }

    /// The median of context switches per request: voluntary, involuntary.
    pub fn switches(&self) -> Option<[f64; 2]> {
        let of = |index: usize| {
            let known: Vec<f64> = self
                .valid()
                .filter_map(|round| {
                    let count = round.report.server?.switches.get(index).copied()?;
                    Some(count as f64 / round.report.responses.max(1) as f64)
                })
                .collect();
            (!known.is_empty()).then(|| median(known))
        };
        Some([of(0)?, of(1)?])
    }

    /// (max − min) / median of the rates, in percent.
    pub fn spread(&self) -> f64 {
        stats::spread(self.valid().map(|round| round.report.rps()).collect())
    }

    /// Answers other than 2xx, and connections or requests that failed, in all
    /// rounds.
    pub fn errors(&self) -> u64 {
        let of = |round: &Figures| {
            let [_, refusals @ ..] = round.report.status;
            let failures = round.report.errors.iter().map(|(_, count)| count);
            refusals.iter().sum::<u64>() + failures.sum::<u64>()
        };
        self.rounds.iter().map(of).sum()
    }

    /// Why no round counts, if none does.
    pub fn objection(&self) -> Option<String> {
        match self.rounds.iter().find_map(|round| round.objection.clone()) {
            Some(why) if self.valid().next().is_none() => Some(why),
            None if self.rounds.is_empty() => Some("not measured".into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::samples::{cell, entry, figures};

    #[test]
    fn a_percentile_that_a_round_cannot_state_is_not_known() {
        let entry = entry("sws");
        let mut rounds = vec![figures(1, None), figures(1, Some("lost")), figures(1, None)];
        rounds[1].report.curve = vec![("p50", 1.0)];
        let full = cell(&entry, "json", rounds.clone());
        assert_eq!(
            (full.percentile(0), full.percentile(2)),
            (Some(110.0), Some(4000.0))
        );
        rounds[2].report.curve = vec![("p50", 1.0), ("p99", 2.0)];
        let few = cell(&entry, "json", rounds);
        assert_eq!((few.percentile(1), few.percentile(2)), (Some(2730.0), None));
        assert_eq!(cell(&entry, "json", vec![]).percentile(0), None);
    }
}
