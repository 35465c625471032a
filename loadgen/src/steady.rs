//! Whether a run was in a steady state.

use crate::{
    report::units::per,
    statistics::{change_point, has_trend},
    windows::Row,
};

/// Fewer windows say nothing.
const ROWS_MIN: usize = 5;
/// A change by less does not matter, however sure it is.
const SMALLEST_CHANGE: f64 = 0.05;

/// Whether the answers per time neither rose nor fell; `None` where there are too few windows to tell. A drift is a trend
/// (Mann and Kendall) between whose halves lie 5 % or more, or a step (Pettitt) of 5 % or more.
pub(crate) fn steady(rows: &[Row]) -> Option<bool> {
    let whole = rows.iter().filter(|row| row.len_ns == rows[0].len_ns);
    let rates: Vec<f64> = whole.map(|row| (row.ok + row.bad) as f64).collect();
    if rates.len() < ROWS_MIN {
        return None;
    }
    let half = rates.len() / 2;
    let halves = change(&rates[..half], &rates[rates.len() - half..]);
    let rises = has_trend(&rates) && halves >= SMALLEST_CHANGE;
    let steps = change_point(&rates).is_some_and(|at| {
        let (before, after) = rates.split_at(at);
        change(before, after) >= SMALLEST_CHANGE
    });
    let any = rates.iter().any(|rate| *rate > 0.0);
    Some(any && !rises && !steps)
}

/// How much the means differ, as a part of the larger.
fn change(before: &[f64], after: &[f64]) -> f64 {
    let mean = |part: &[f64]| per(part.iter().sum(), part.len() as f64);
    let (before, after) = (mean(before), mean(after));
    per((before - after).abs(), before.max(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(answers: impl IntoIterator<Item = u64>) -> Vec<Row> {
        let row = |ok: u64| {
            let row = json!({
                "t_ns": 0, "len_ns": 100, "sent": 0, "ok": ok, "bad": 0, "lost": 0, "bytes": 0, "mean": 0, "p50": 0,
                "p90": 0, "p99": 0, "max": 0, "hdr": ""
            });
            serde_json::from_value(row).unwrap()
        };
        answers.into_iter().map(row).collect()
    }

    #[test]
    fn a_rise_and_a_step_are_drifts_and_noise_is_not() {
        assert_eq!(
            steady(&rows([1000, 1004, 996, 1001, 990, 1010, 1003])),
            Some(true)
        );
        assert_eq!(steady(&rows((0..8).map(|at| 1000 + 20 * at))), Some(false));
        assert_eq!(
            steady(&rows((0..20).map(|at| if at < 12 { 1000 } else { 900 }))),
            Some(false)
        );
        // Surely a rise, but a small one.
        assert_eq!(steady(&rows((0..8).map(|at| 1000 + at))), Some(true));
        // One window that differs is no trend.
        assert_eq!(
            steady(&rows([1000, 1000, 200, 1000, 1000, 1000, 1000])),
            Some(true)
        );
        assert_eq!(steady(&rows([1000, 500, 100, 5])), None);
        assert_eq!(steady(&rows([0; 10])), Some(false));
    }

    #[test]
    fn a_last_row_that_is_shorter_is_left_out() {
        let mut all = rows([1000, 1000, 1000, 1000, 1000, 10]);
        all[5].len_ns = 1;
        assert_eq!(steady(&all), Some(true));
    }
}
