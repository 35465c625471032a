//! Flags that say which percentiles are reported.

use std::fmt;

/// What -l shows.
const FULL: &str = "1,5,10,25,50,75,90,95,99,99.5,99.9,99.95,99.99,99.999,100";

/// Percentiles beside those that every report has.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Spectrum {
    /// Report more percentiles of the latency, from the first to the last, with how many answers took longer. All values
    /// that were recorded are in --hgrm
    #[arg(short, long)]
    latency: bool,

    /// The same for these percentiles, like 50,95,99.5; 100 is the largest value. Those with fewer than ten answers beyond
    /// them have none
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Percentile::parse)]
    percentiles: Vec<Percentile>,
}

/// More than 0, at most 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percentile(f64);

impl Percentile {
    /// Reads `99.5` or `p99.5`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('p').unwrap_or(text);
        let plain = number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value = number
            .parse()
            .ok()
            .filter(|value| plain && *value > 0.0 && *value <= 100.0);
        value
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no percentile; write it like 50, 99.5 or 100"))
    }

    /// As a part of 1.
    pub(crate) fn part(self) -> f64 {
        self.0 / 100.0
    }

    pub(crate) fn value(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Spectrum {
    /// In ascending order; none when none were asked for.
    pub(crate) fn percentiles(&self) -> Vec<Percentile> {
        let mut list = self.percentiles.clone();
        if list.is_empty() && self.latency {
            list = FULL.split(',').flat_map(Percentile::parse).collect();
        }
        list.sort_by(|a, b| a.0.total_cmp(&b.0));
        list.dedup();
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numbers_up_to_100() {
        assert_eq!(Percentile::parse("p99.5"), Ok(Percentile(99.5)));
        assert_eq!(Percentile::parse("100").unwrap().part(), 1.0);
        for text in ["", "p", "0", "100.1", "-5", "x", "inf", "1e1"] {
            assert!(Percentile::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_comes_before_the_full_one() {
        let percentiles = vec![Percentile(99.0), Percentile(50.0), Percentile(99.0)];
        let mut flags = Spectrum {
            latency: true,
            percentiles,
        };
        assert_eq!(flags.percentiles(), [Percentile(50.0), Percentile(99.0)]);
        flags.percentiles.clear();
        assert_eq!(flags.percentiles().len(), 15);
        flags.latency = false;
        assert!(flags.percentiles().is_empty());
    }
}
