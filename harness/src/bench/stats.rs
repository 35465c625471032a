//! What several rounds allow to say.

use crate::rng::Rng;

/// Of the bootstrap.
const RESAMPLES: usize = 10_000;
/// From here on a bootstrap of pairs says something: five pairs have 3125
/// resamples, three have 27, and a quarter of the time all three lie on the
/// same side of the truth.
const BOOTSTRAP_FROM: usize = 5;
/// What 95 % of the normal distribution lie within.
const Z: f64 = 1.959_964;

/// An estimate and where the truth lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// The word for what is above 1, that for what is below, or that nothing
    /// is decided.
    pub fn word(&self, above: &'static str, below: &'static str) -> &'static str {
        if self.low > 1.0 {
            above
        } else if self.high < 1.0 {
            below
        } else {
            UNDECIDED
        }
    }
}

/// Said where an interval holds 1.
pub const UNDECIDED: &str = "not decided";

/// The geometric mean of the ratios `pair.1 / pair.0`, with a 95 % interval:
/// Student's on the logarithms, and from five pairs on no end of it nearer than
/// that of a bootstrap over pairs, which knows when the pairs are lopsided but
/// by itself reaches 92 % with five and 95 % not before ten. `None` with fewer
/// than two pairs.
///
/// Pairs rather than medians, because what disturbs a round disturbs both
/// sides of its pair.
pub fn ratio_of_pairs(pairs: &[(f64, f64)]) -> Option<Interval> {
    with_resamples(pairs, RESAMPLES)
}

fn with_resamples(pairs: &[(f64, f64)], resamples: usize) -> Option<Interval> {
    let logs: Vec<f64> = pairs
        .iter()
        .filter(|(base, other)| *base > 0.0 && *other > 0.0)
        .map(|(base, other)| (other / base).ln())
        .collect();
    if logs.len() < 2 {
        return None;
    }
    let middle = mean(&logs);
    let half = student(logs.len() - 1) * deviation(&logs) / (logs.len() as f64).sqrt();
    let (mut low, mut high) = (middle - half, middle + half);
    if logs.len() >= BOOTSTRAP_FROM {
        let (left, right) = bootstrap(&logs, resamples);
        (low, high) = (low.min(left), high.max(right));
    }
    Some(Interval {
        value: middle.exp(),
        low: low.exp(),
        high: high.exp(),
    })
}

/// The ends of the interval of a mean. Plain percentiles are too narrow for a
/// few values, because a resample varies less than a sample and the normal
/// distribution has thinner tails than Student's: both are made up for by
/// percentiles further out (Hesterberg 2015, section 5.2).
fn bootstrap(values: &[f64], resamples: usize) -> (f64, f64) {
    let count = values.len();
    // A fixed seed: the same rounds always give the same interval.
    let mut rng = Rng::new(count as u64);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| (0..count).map(|_| rng.pick(values)).sum::<f64>() / count as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let size = count as f64;
    let tail = upper_tail(student(count - 1) * (size / (size - 1.0)).sqrt());
    let last = resamples - 1;
    let index = ((tail * resamples as f64) as usize).min(last);
    (means[index], means[last - index])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The standard deviation of what the values are a sample of.
fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

/// The 97.5 % quantile of Student's distribution: a table where its expansion
/// at the normal distribution is not good enough.
fn student(freedom: usize) -> f64 {
    match freedom {
        0 => f64::INFINITY,
        1 => 12.706,
        2 => 4.303,
        3 => 3.182,
        4 => 2.776,
        5 => 2.571,
        6 => 2.447,
        7 => 2.365,
        8 => 2.306,
        _ => {
            let n = freedom as f64;
            let first = (Z.powi(3) + Z) / (4.0 * n);
            let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * n * n);
            Z + first + second
        }
    }
}

/// The part of the normal distribution above `x` (Abramowitz and Stegun
/// 26.2.17; off by less than 1e-7).
fn upper_tail(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x);
    let factors = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let sum = factors
        .iter()
        .rev()
        .fold(0.0, |sum, factor| (sum + factor) * t);
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}

/// The middle value; 0 without values.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        count if count.is_multiple_of(2) => f64::midpoint(numbers[middle - 1], numbers[middle]),
        _ => numbers[middle],
    }
}

/// (max − min) / median, in percent.
pub fn spread(numbers: Vec<f64>) -> f64 {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(0.0, f64::max);
    let middle = median(numbers);
    if middle > 0.0 {
        (high - low) / middle * 100.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod coverage;
#[cfg(test)]
mod tests;
