//! What an open loop has beside a closed one: a schedule, of which each worker held its part.

use crate::{files::RunFile, report::json::rounded, report::units::per};
use serde_json::Value;

const SUMS: [&str; 5] = ["due", "shed", "waited", "queued_at_start", "queued_at_end"];
/// The worst worker's. Percentiles cannot be added, so these are no percentiles of the whole.
const WORST: [&str; 4] = [
    "schedule_lag_p50_ns",
    "schedule_lag_p99_ns",
    "schedule_lag_max_ns",
    "longest_wait_ns",
];

/// Sums up `/load` over `seconds`; a closed loop has nothing to sum up there.
pub(super) fn load(files: &[RunFile], seconds: f64, merged: &mut Value) {
    if !is_open(merged) {
        return;
    }
    let counts = |key: &str| {
        let pointer = format!("/load/{key}");
        let counts = files.iter().filter_map(|file| file.count(&pointer));
        counts.collect::<Vec<u64>>()
    };
    for key in SUMS {
        merged["load"][key] = counts(key).iter().sum::<u64>().into();
    }
    for key in WORST {
        merged["load"][key] = counts(key).into_iter().max().unwrap_or(0).into();
    }
    let due = merged["load"]["due"].as_f64().unwrap_or(0.0);
    let answers = merged["responses"].as_f64().unwrap_or(0.0);
    merged["load"]["offered_rps"] = rounded(per(due, seconds), 1e2).into();
    merged["load"]["achieved_ratio"] = rounded(per(answers, due), 1e4).into();
    let held = files
        .iter()
        .all(|file| file.flag("/load/schedule_held") == Some(true));
    merged["load"]["schedule_held"] = held.into();
}

/// Whether requests were due whether or not there was an answer.
pub(super) fn is_open(merged: &Value) -> bool {
    merged["load"]["due"].is_u64()
}
