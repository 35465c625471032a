//! What several rounds allow to say.

use crate::rng::Rng;

/// Of the bootstrap.
const RESAMPLES: usize = 10_000;
/// From here on a bootstrap of pairs can reach 95 %: five pairs have 3125
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
/// from five pairs on a bootstrap over pairs with expanded percentiles, below
/// that Student's on the logarithms. `None` with fewer than two pairs.
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
    let (low, high) = if logs.len() < BOOTSTRAP_FROM {
        let half = student(logs.len() - 1) * deviation(&logs) / (logs.len() as f64).sqrt();
        (middle - half, middle + half)
    } else {
        bootstrap(&logs, resamples)
    };
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
mod tests {
    use super::*;

    #[test]
    fn medians_and_spreads() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median(vec![]).abs() < 1e-9);
        assert!((spread(vec![900.0, 1000.0, 1100.0]) - 20.0).abs() < 1e-9);
        assert!(spread(vec![]).abs() < 1e-9);
    }

    #[test]
    fn words_need_an_interval_without_1() {
        let word = |low, high| {
            let value = f64::midpoint(low, high);
            Interval { value, low, high }.word("faster", "slower")
        };
        assert_eq!(word(1.01, 1.2), "faster");
        assert_eq!(word(0.7, 0.99), "slower");
        assert_eq!(word(0.99, 1.2), "not decided");
        assert_eq!(word(1.0, 1.2), "not decided");
    }

    #[test]
    fn one_pair_says_nothing_and_zeros_are_no_ratio() {
        assert_eq!(ratio_of_pairs(&[(1.0, 2.0)]), None);
        assert_eq!(ratio_of_pairs(&[(1.0, 2.0), (0.0, 1.0)]), None);
    }

    #[test]
    fn three_pairs_have_students_interval() {
        let found = ratio_of_pairs(&[(100.0, 100.0), (100.0, 110.0), (100.0, 121.0)]).unwrap();
        assert!((found.value - 1.1).abs() < 1e-9, "{found:?}");
        // ln 1.1 = 0.09531 is the deviation as well; 4.303 / sqrt(3) = 2.4843.
        let half = 2.4843 * 1.1_f64.ln();
        assert!(
            (found.high.ln() - 1.1_f64.ln() - half).abs() < 1e-4,
            "{found:?}"
        );
        assert_eq!(found.word("faster", "slower"), "not decided");
    }

    #[test]
    fn what_disturbs_both_sides_of_a_pair_does_not_count() {
        let pairs = [
            (100.0, 150.0),
            (50.0, 75.1),
            (10.0, 14.9),
            (80.0, 120.2),
            (33.0, 49.4),
        ];
        let found = ratio_of_pairs(&pairs).unwrap();
        assert!(found.low > 1.48 && found.high < 1.52, "{found:?}");
        assert!(found.low < found.value && found.value < found.high);
    }

    #[test]
    fn quantiles() {
        for (freedom, known) in [(9, 2.262), (14, 2.145), (29, 2.045)] {
            assert!((student(freedom) - known).abs() < 0.01, "{freedom}");
        }
        assert!((upper_tail(Z) - 0.025).abs() < 1e-6);
        assert!((upper_tail(3.1) - 0.000_967_6).abs() < 1e-6);
    }

    /// A bell curve: the sum of twelve uniform numbers.
    fn noise(rng: &mut Rng) -> f64 {
        let sum: u64 = (0..12).map(|_| rng.within(0, 1_000_000)).sum();
        sum as f64 / 1e6 - 6.0
    }

    /// The point of it all: an interval of 95 % holds the truth about as often,
    /// with as few rounds as people make.
    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let mut rng = Rng::new(7);
        for count in [2, 3, 4, 5, 6, 9] {
            let held = (0..400)
                .filter(|_| {
                    let pairs: Vec<(f64, f64)> = (0..count)
                        .map(|_| (1000.0, 1200.0 * (0.05 * noise(&mut rng)).exp()))
                        .collect();
                    let found = with_resamples(&pairs, 1000).unwrap();
                    found.low <= 1.2 && 1.2 <= found.high
                })
                .count();
            assert!((366..=396).contains(&held), "{held} of 400 with {count}");
        }
    }
}
