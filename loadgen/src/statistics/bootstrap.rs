//! How sure a ratio of medians is.

use super::{median, median_in_place, sorted_quantile};
use crate::rng::Rng;

const RESAMPLES: usize = 10_000;
/// Fixed, so that the same files give the same answer.
const SEED: u64 = 0x0010_ad9e_4b00;

/// A value, and the bounds between which it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// The median of `b` over that of `a`, which are paired; percentile bootstrap over the pairs. The values are above 0.
pub(crate) fn median_ratio(a: &[f64], b: &[f64]) -> Interval {
    let count = a.len().min(b.len());
    let ratio = |a: f64, b: f64| if a > 0.0 { b / a } else { f64::NAN };
    let value = ratio(median(a), median(b));
    if count == 0 {
        return Interval {
            value,
            low: value,
            high: value,
        };
    }
    let mut rng = Rng::new(SEED, count as u64);
    let (mut from_a, mut from_b) = (vec![0.0; count], vec![0.0; count]);
    let mut ratios = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for (left, right) in from_a.iter_mut().zip(&mut from_b) {
            let pair = rng.between(0, count as u64 - 1) as usize;
            (*left, *right) = (a[pair], b[pair]);
        }
        ratios.push(ratio(
            median_in_place(&mut from_a),
            median_in_place(&mut from_b),
        ));
    }
    ratios.sort_unstable_by(f64::total_cmp);
    Interval {
        value,
        low: sorted_quantile(&ratios, 0.025),
        high: sorted_quantile(&ratios, 0.975),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// About normal, mean 0 and deviation 1.
    fn noise(rng: &mut Rng) -> f64 {
        let sum: u64 = (0..12).map(|_| rng.between(0, 1_000_000)).sum();
        sum as f64 / 1e6 - 6.0
    }

    fn sample(rng: &mut Rng, count: usize, ratio: f64) -> (Vec<f64>, Vec<f64>) {
        (0..count)
            .map(|_| {
                // What both of a pair share, then what each has.
                let block = 1000.0 + 50.0 * noise(rng);
                (
                    block + 10.0 * noise(rng),
                    (block + 10.0 * noise(rng)) * ratio,
                )
            })
            .unzip()
    }

    #[test]
    fn an_exact_ratio_has_no_width() {
        let a = [100.0, 110.0, 90.0, 105.0, 95.0];
        let b = a.map(|value| value * 1.25);
        let found = median_ratio(&a, &b);
        for value in [found.value, found.low, found.high] {
            assert!((value - 1.25).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn units_do_not_matter_and_the_inverse_is_the_inverse() {
        let (a, b) = sample(&mut Rng::new(1, 1), 10, 1.1);
        let found = median_ratio(&a, &b);
        assert!(found.low < found.value && found.value < found.high);
        let times = |values: &[f64]| values.iter().map(|value| value * 8.0).collect::<Vec<_>>();
        assert_eq!(median_ratio(&times(&a), &times(&b)), found);
        let back = median_ratio(&b, &a);
        assert!(
            (back.low * found.high - 1.0).abs() < 1e-3,
            "{back:?} {found:?}"
        );
    }

    #[test]
    fn the_truth_is_inside_about_19_times_in_20() {
        let mut rng = Rng::new(7, 7);
        let inside = (0..100)
            .filter(|_| {
                let (a, b) = sample(&mut rng, 12, 1.05);
                let found = median_ratio(&a, &b);
                found.low <= 1.05 && 1.05 <= found.high
            })
            .count();
        assert!((88..=100).contains(&inside), "{inside}");
    }
}
