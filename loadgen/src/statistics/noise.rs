//! How much a server seems to differ from itself.

use super::{median_in_place, sorted_quantile};
use crate::rng::Rng;

const SPLITS: usize = 2_000;
const SEED: u64 = 0xa_a;
const RUNS_MIN: usize = 4;

/// The difference between medians of two sets of runs of the same thing that chance exceeds once in 20, as a part of them:
/// the runs are split in two halves again and again. Halves are noisier than the whole, which is accounted for. `None` for
/// fewer than four runs.
pub(crate) fn noise_floor(runs: &[f64]) -> Option<f64> {
    if runs.len() < RUNS_MIN {
        return None;
    }
    let mut rng = Rng::new(SEED, runs.len() as u64);
    let mut shuffled = runs.to_vec();
    let half = runs.len() / 2;
    let mut differences = Vec::with_capacity(SPLITS);
    for _ in 0..SPLITS {
        for last in (1..shuffled.len()).rev() {
            shuffled.swap(last, rng.between(0, last as u64) as usize);
        }
        let (first, rest) = shuffled.split_at_mut(half);
        let (first, rest) = (median_in_place(first), median_in_place(&mut rest[..half]));
        differences.push((rest / first).ln().abs());
    }
    differences.sort_unstable_by(f64::total_cmp);
    let floor = sorted_quantile(&differences, 0.95) / std::f64::consts::SQRT_2;
    Some(floor.exp_m1())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_the_spread() {
        let spread = |width: f64| {
            let runs: Vec<f64> = (0..10).map(|run| 100.0 + width * f64::from(run)).collect();
            noise_floor(&runs).unwrap()
        };
        assert_eq!(noise_floor(&[5.0; 10]), Some(0.0));
        assert!(spread(0.1) < spread(1.0) && spread(1.0) < spread(5.0));
        assert!((0.001..0.05).contains(&spread(0.5)), "{}", spread(0.5));
        assert_eq!(noise_floor(&[1.0, 2.0, 3.0]), None);
    }
}
