//! Wilcoxon's signed-rank test, exact for any number of pairs and with ties.

/// The probability that pairs which do not differ look at least as different as these, in either direction. Pairs that are
/// equal are left out; without any other the answer is 1.
pub(crate) fn signed_rank(differences: &[f64]) -> f64 {
    let mut unequal: Vec<f64> = differences
        .iter()
        .copied()
        .filter(|difference| *difference != 0.0 && difference.is_finite())
        .collect();
    unequal.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = doubled_ranks(&unequal);
    let positive: usize = unequal
        .iter()
        .zip(&ranks)
        .filter(|(difference, _)| **difference > 0.0)
        .map(|(_, rank)| *rank)
        .sum();
    let distribution = distribution(&ranks);
    let below: f64 = distribution[..=positive].iter().sum();
    let above: f64 = distribution[positive..].iter().sum();
    (2.0 * below.min(above)).min(1.0)
}

/// Twice the rank of each, so that the mean rank of equal values is a whole number.
fn doubled_ranks(sorted: &[f64]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    for group in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        let first = ranks.len() + 1;
        let last = ranks.len() + group.len();
        ranks.resize(last, first + last);
    }
    ranks
}

/// The probability of each sum of the ranks when every sign is as likely as the other.
fn distribution(ranks: &[usize]) -> Vec<f64> {
    let total: usize = ranks.iter().sum();
    let mut probabilities = vec![0.0; total + 1];
    probabilities[0] = 1.0;
    let mut reached = 0;
    for rank in ranks {
        reached += rank;
        for sum in (0..=reached).rev() {
            let with = sum
                .checked_sub(*rank)
                .map_or(0.0, |rest| probabilities[rest]);
            probabilities[sum] = f64::midpoint(probabilities[sum], with);
        }
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// All signs, one after the other.
    fn enumerated(differences: &[f64]) -> f64 {
        let mut sorted: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
        sorted.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
        let ranks = doubled_ranks(&sorted);
        let sum = |signs: u32| -> usize {
            let chosen = ranks
                .iter()
                .enumerate()
                .filter(|(bit, _)| signs >> bit & 1 == 1);
            chosen.map(|(_, rank)| *rank).sum()
        };
        let observed: u32 = sorted
            .iter()
            .enumerate()
            .map(|(bit, difference)| u32::from(*difference > 0.0) << bit)
            .sum();
        let all = 1u32 << ranks.len();
        let part = |keep: &dyn Fn(usize) -> bool| {
            (0..all).filter(|signs| keep(sum(*signs))).count() as f64 / f64::from(all)
        };
        let seen = sum(observed);
        (2.0 * part(&|sum| sum <= seen).min(part(&|sum| sum >= seen))).min(1.0)
    }

    #[test]
    fn all_in_one_direction_is_as_rare_as_tossing_heads_only() {
        let rising = |count: i32| (1..=count).map(f64::from).collect::<Vec<_>>();
        assert_eq!(signed_rank(&rising(5)), 0.0625);
        assert_eq!(signed_rank(&rising(6)), 0.03125);
        assert_eq!(signed_rank(&rising(10)), 2.0 / 1024.0);
        let falling: Vec<f64> = rising(6).iter().map(|value| -value).collect();
        assert_eq!(signed_rank(&falling), 0.03125);
        assert!(signed_rank(&rising(300)) < 1e-80);
    }

    #[test]
    fn published_tables_are_met() {
        // The two-sided 5 % limits of the tables for 8, 10 and 15 pairs: a rank sum of 3, 8 and 25.
        for (count, limit) in [(8, 3), (10, 8), (15, 25)] {
            let with_sum = |mut rest: i32| -> Vec<f64> {
                let mut signs = vec![1.0; count as usize];
                for rank in (1..=count).rev() {
                    if rank <= rest {
                        rest -= rank;
                        signs[rank as usize - 1] = -1.0;
                    }
                }
                (1..=count)
                    .zip(signs)
                    .map(|(rank, sign)| f64::from(rank) * sign)
                    .collect()
            };
            assert!(signed_rank(&with_sum(limit)) <= 0.05, "{count}");
            assert!(signed_rank(&with_sum(limit + 1)) > 0.05, "{count}");
        }
    }

    #[test]
    fn it_is_the_enumeration_of_all_signs() {
        let mut rng = Rng::new(3, 3);
        for round in 0..200 {
            let count = 1 + round % 11;
            // Few different values, so that there are ties and zeros.
            let values: Vec<f64> = (0..count)
                .map(|_| rng.between(0, 10) as f64 - 5.0)
                .collect();
            let (found, expected) = (signed_rank(&values), enumerated(&values));
            assert!(
                (found - expected).abs() < 1e-12,
                "{values:?}: {found} {expected}"
            );
        }
    }

    #[test]
    fn nothing_differs_from_nothing() {
        assert_eq!(signed_rank(&[]), 1.0);
        assert_eq!(signed_rank(&[0.0; 8]), 1.0);
        assert_eq!(signed_rank(&[f64::NAN, 0.0]), 1.0);
    }
}
