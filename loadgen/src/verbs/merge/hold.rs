//! Connections that are held: each worker held its part.

use crate::files::RunFile;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SUMS: [&str; 6] = [
    "up_at_start",
    "up_at_end",
    "touched",
    "pushed",
    "rss_before_bytes",
    "rss_bytes",
];
/// As many as a single run names.
const NAMED_MAX: usize = 5;

/// Sums up `/hold`; where connections were kept busy there is none.
pub(super) fn sum(files: &[RunFile], merged: &mut Value) {
    if !merged["hold"].is_object() {
        return;
    }
    for key in SUMS {
        let pointer = format!("/hold/{key}");
        let counts: Vec<u64> = files
            .iter()
            .filter_map(|file| file.count(&pointer))
            .collect();
        if !counts.is_empty() {
            merged["hold"][key] = counts.iter().sum::<u64>().into();
        }
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut named = Vec::new();
    for file in files {
        let hold = &file.value["hold"];
        for (kind, count) in hold["dropped"].as_object().into_iter().flatten() {
            *kinds.entry(kind).or_default() += count.as_u64().unwrap_or(0);
        }
        named.extend(hold["first_dropped"].as_array().into_iter().flatten());
    }
    named.truncate(NAMED_MAX);
    merged["hold"]["dropped"] = json!(kinds);
    merged["hold"]["first_dropped"] = json!(named);
    let memory = |key: &str| merged["hold"][key].as_u64().unwrap_or(0);
    let grown = memory("rss_bytes").saturating_sub(memory("rss_before_bytes"));
    let connections = merged["connections"].as_u64().unwrap_or(0);
    let each = grown.checked_div(connections).unwrap_or(0);
    merged["hold"]["bytes_per_connection"] = each.into();
}
