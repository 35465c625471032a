//! Whether a series of numbers changes over time, by tests that ask nothing of their distribution.

/// Two-sided 5 % of the normal distribution.
const SIGNIFICANT: f64 = 1.96;
/// The same as a probability.
const LEVEL: f64 = 0.05;

/// Mann and Kendall's test: whether later values tend to be larger, or smaller, than earlier ones.
pub(crate) fn has_trend(values: &[f64]) -> bool {
    let mut score = 0.0;
    for (at, early) in values.iter().enumerate() {
        for late in &values[at + 1..] {
            score += sign(late - early);
        }
    }
    let spread = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|group| spread(group.len() as f64))
        .sum();
    let variance = (spread(values.len() as f64) - ties) / 18.0;
    // One off for continuity.
    variance > 0.0 && (score.abs() - 1.0) / variance.sqrt() > SIGNIFICANT
}

/// Pettitt's test: where the values before and after differ most, if they do.
pub(crate) fn change_point(values: &[f64]) -> Option<usize> {
    let n = values.len();
    let (mut best, mut most) = (0, 0.0f64);
    for at in 1..n {
        let (before, after) = values.split_at(at);
        let pairs = before.iter().flat_map(|a| after.iter().map(move |b| a - b));
        let score = pairs.map(sign).sum::<f64>().abs();
        if score > most {
            (best, most) = (at, score);
        }
    }
    let n = n as f64;
    let probability = 2.0 * (-6.0 * most * most / (n * n * n + n * n)).exp();
    (probability < LEVEL).then_some(best)
}

fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn noise(seed: u64, count: usize) -> Vec<f64> {
        let mut rng = Rng::new(seed, 0);
        (0..count).map(|_| rng.between(0, 1000) as f64).collect()
    }

    #[test]
    fn a_rise_is_a_trend_from_five_values_on() {
        assert!(has_trend(&[1.0, 2.0, 3.0, 4.0, 5.0]));
        assert!(has_trend(&[5.0, 4.0, 3.0, 2.0, 1.0]));
        assert!(!has_trend(&[1.0, 2.0, 3.0, 4.0]));
        assert!(!has_trend(&[3.0; 50]));
        assert!(!has_trend(&[]) && !has_trend(&[1.0]));
        assert_eq!(change_point(&[]), None);
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let mut values = noise(1, 30);
        for value in &mut values[20..] {
            *value += 2000.0;
        }
        assert_eq!(change_point(&values), Some(20));
    }

    #[test]
    fn noise_is_rarely_taken_for_either() {
        let alarms =
            |test: fn(&[f64]) -> bool| (0..400).filter(|seed| test(&noise(*seed, 20))).count();
        let trends = alarms(has_trend);
        assert!((2..40).contains(&trends), "{trends}");
        let changes = alarms(|values| change_point(values).is_some());
        assert!(changes < 40, "{changes}");
    }
}
