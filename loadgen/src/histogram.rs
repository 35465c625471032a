//! Latencies.

use crate::{clock::Nanos, error::Failure};
use hdrhistogram::Histogram;

/// Smaller values share one bucket; nothing over a socket is faster.
const LOWEST: u64 = 100;
/// Larger values are recorded as this; a request times out long before.
const HIGHEST: u64 = 3600 * 1_000_000_000;
const DIGITS: u8 = 3;

/// Latencies in nanoseconds: any value to three digits, and their exact sum.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
    sum: u128,
}

impl Latencies {
    /// An empty histogram of about 210 KiB, of which only the pages in use are resident.
    pub(crate) fn new() -> Result<Self, Failure> {
        let histogram = Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS)
            .map_err(|error| Failure::Machine(format!("no histogram could be made: {error}")))?;
        Ok(Self { histogram, sum: 0 })
    }

    /// Records `count` answers that took the same time.
    #[inline]
    pub(crate) fn record(&mut self, latency: Nanos, count: u64) {
        self.histogram.saturating_record_n(latency, count);
        self.sum += u128::from(latency) * u128::from(count);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.histogram.reset();
        self.sum = 0;
    }

    /// Adds what another histogram holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so every value fits.
        if self.histogram.add(&other.histogram).is_ok() {
            self.sum += other.sum;
        }
    }

    /// Latencies recorded.
    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The exact mean, 0 when empty.
    pub(crate) fn mean(&self) -> Nanos {
        let mean = self.sum.checked_div(u128::from(self.count()));
        Nanos::try_from(mean.unwrap_or(0)).unwrap_or(Nanos::MAX)
    }

    /// The value that this part (0 to 1) of all answers did not exceed; 0 when empty.
    pub(crate) fn quantile(&self, part: f64) -> Nanos {
        if self.histogram.is_empty() {
            return 0;
        }
        self.histogram.value_at_quantile(part)
    }

    /// A quantile when at least ten answers lie beyond it; fewer would make it an accident.
    pub(crate) fn supported_quantile(&self, part: f64) -> Option<Nanos> {
        ((1.0 - part) * self.count() as f64 >= 10.0).then(|| self.quantile(part))
    }

    /// The smallest value, 0 when empty.
    pub(crate) fn min(&self) -> Nanos {
        self.quantile(0.0)
    }

    /// The largest value, 0 when empty.
    pub(crate) fn max(&self) -> Nanos {
        if self.histogram.is_empty() {
            return 0;
        }
        self.histogram.max()
    }

    /// The standard deviation, 0 when empty.
    pub(crate) fn stdev(&self) -> f64 {
        if self.histogram.is_empty() {
            return 0.0;
        }
        self.histogram.stdev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_exact_and_quantiles_have_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1000 {
            latencies.record(micros * 1000, 1);
        }
        assert_eq!(latencies.count(), 1000);
        assert_eq!(latencies.mean(), 500_500);
        let median = latencies.quantile(0.5) as f64;
        assert!((median / 500_000.0 - 1.0).abs() < 0.002, "{median}");
        assert!(latencies.supported_quantile(0.99).is_some());
        assert!(latencies.supported_quantile(0.999).is_none());
    }

    #[test]
    fn an_empty_histogram_is_all_zero() {
        let latencies = Latencies::new().unwrap();
        let values = [
            latencies.mean(),
            latencies.quantile(0.99),
            latencies.min(),
            latencies.max(),
        ];
        assert_eq!(values, [0; 4]);
    }

    #[test]
    fn any_value_can_be_recorded_and_merged() {
        let mut latencies = Latencies::new().unwrap();
        latencies.record(0, 1);
        latencies.record(u64::MAX, 2);
        let mut other = Latencies::new().unwrap();
        other.merge(&latencies);
        other.merge(&latencies);
        assert_eq!(other.count(), 6);
        other.clear();
        assert_eq!((other.count(), other.mean()), (0, 0));
    }
}
