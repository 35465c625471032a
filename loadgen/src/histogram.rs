//! Latencies.

use crate::{clock::Nanos, error::Failure};
use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer},
};

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

    /// HdrHistogram V2, not compressed: what a window is put away as. Empty when there is nothing to put away.
    pub(crate) fn put_away(&self) -> Packed {
        let mut bytes = Vec::new();
        if !self.histogram.is_empty() {
            // Writing to memory does not fail.
            let _ = V2Serializer::new().serialize(&self.histogram, &mut bytes);
        }
        Packed {
            bytes: bytes.into_boxed_slice(),
            sum: self.sum,
        }
    }

    /// Adds what was put away.
    pub(crate) fn add(&mut self, packed: &Packed) -> Result<(), String> {
        if packed.bytes.is_empty() {
            return Ok(());
        }
        let histogram = read(&packed.bytes)?;
        self.histogram
            .add(&histogram)
            .map_err(|error| error.to_string())?;
        self.sum += packed.sum;
        Ok(())
    }

    /// HdrHistogram V2, deflated, as base64; the unit is ns.
    pub(crate) fn to_base64(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        let _ = V2DeflateSerializer::new().serialize(&self.histogram, &mut bytes);
        STANDARD.encode(bytes)
    }

    /// Reads what [`to_base64`](Self::to_base64) writes. The format has no exact mean, so that is given beside it.
    pub(crate) fn from_base64(text: &str, mean: Nanos) -> Result<Self, String> {
        let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
        let histogram = read(&bytes)?;
        let sum = u128::from(mean) * u128::from(histogram.len());
        Ok(Self { histogram, sum })
    }

    /// The histogram itself, for its iterators.
    pub(crate) fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
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

    /// The exact sum.
    pub(crate) fn sum(&self) -> u128 {
        self.sum
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

/// Latencies that are no longer recorded to.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    bytes: Box<[u8]>,
    sum: u128,
}

fn read(bytes: &[u8]) -> Result<Histogram<u64>, String> {
    let histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut &*bytes)
        .map_err(|error| error.to_string())?;
    let bounds = (histogram.low(), histogram.high(), histogram.sigfig());
    if bounds == (LOWEST, HIGHEST, DIGITS) {
        Ok(histogram)
    } else {
        Err(format!(
            "its bounds are {bounds:?} and not {:?}",
            (LOWEST, HIGHEST, DIGITS)
        ))
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
    fn latencies_of_many_seconds_are_kept() {
        let mut latencies = Latencies::new().unwrap();
        let second = 1_000_000_000;
        latencies.record(second, 50);
        latencies.record(7 * second, 49);
        latencies.record(1800 * second, 1);
        let near = |value: u64, seconds: u64| value.abs_diff(seconds * second) < value / 500;
        assert!(
            near(latencies.quantile(0.9), 7),
            "{}",
            latencies.quantile(0.9)
        );
        assert!(near(latencies.max(), 1800), "{}", latencies.max());
    }

    #[test]
    fn what_was_written_reads_the_same() {
        let mut latencies = Latencies::new().unwrap();
        for value in [0, 99, 5_000, 1_234_567, HIGHEST, u64::MAX / 2] {
            latencies.record(value, 3);
        }
        let mean = latencies.mean();
        let read = Latencies::from_base64(&latencies.to_base64(), mean).unwrap();
        assert_eq!(read.histogram(), latencies.histogram());
        assert_eq!((read.mean(), read.max()), (mean, latencies.max()));

        let mut sum = Latencies::new().unwrap();
        sum.add(&latencies.put_away()).unwrap();
        sum.add(&Latencies::new().unwrap().put_away()).unwrap();
        sum.add(&read.put_away()).unwrap();
        assert_eq!((sum.count(), sum.mean()), (36, mean));
        latencies.merge(&read);
        assert_eq!(sum.histogram(), latencies.histogram());
    }

    #[test]
    fn what_is_no_histogram_of_ours_is_refused() {
        assert!(Latencies::from_base64("?", 0).is_err());
        assert!(Latencies::from_base64("AAAA", 0).is_err());
        let mut bytes = Vec::new();
        let other = Histogram::<u64>::new_with_bounds(1, 1000, 2).unwrap();
        V2DeflateSerializer::new()
            .serialize(&other, &mut bytes)
            .unwrap();
        let error = Latencies::from_base64(&STANDARD.encode(bytes), 0).unwrap_err();
        assert!(error.contains("bounds"), "{error}");
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
