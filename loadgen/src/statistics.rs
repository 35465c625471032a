//! Statistics over runs. A run is one observation: requests within it depend on each other.

mod bootstrap;
mod holm;
mod noise;
mod signed_rank;
mod trend;

pub(crate) use bootstrap::{Interval, median_ratio};
pub(crate) use holm::holm;
pub(crate) use noise::noise_floor;
pub(crate) use signed_rank::signed_rank;
pub(crate) use trend::{change_point, has_trend};

/// The middle of the values, or of the two middle ones; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    median_in_place(&mut sorted)
}

fn median_in_place(values: &mut [f64]) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return 0.0;
    };
    values.sort_unstable_by(f64::total_cmp);
    f64::midpoint(values[last / 2], values[last.div_ceil(2)])
}

/// The value below which this part of the sorted values lies.
fn sorted_quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (part * last as f64).round() as usize;
    sorted.get(at.min(last)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
    }
}
