//! Wrong answers, with their bytes.

use super::group_name;
use crate::{files::RunFile, report::mismatches::sizes};
use maud::{Markup, html};
use serde_json::Value;

/// Nothing where all answers were right.
pub(super) fn section(runs: &[RunFile]) -> Markup {
    let wrong: Vec<(&RunFile, &Vec<Value>)> = runs
        .iter()
        .filter_map(|run| Some((run, run.value["mismatches"].as_array()?)))
        .filter(|(_, list)| !list.is_empty())
        .collect();
    html! {
        @if !wrong.is_empty() {
            h2 { "Wrong answers" }
            p.reading { "The first of each run. Offsets and sizes are in bytes; what is not printable ASCII is escaped." }
            @for (run, list) in wrong {
                h3 {
                    (group_name(run)) ": " (list.len()) " of "
                    (run.count("/errors_detail/mismatches").unwrap_or(0))
                }
                div.scroll {
                    table {
                        tr { th { "what" } th { "template" } th { "connection" } th { "time" } th { "where" } th { "expected, then got" } }
                        @for one in list { (row(one)) }
                    }
                }
            }
        }
    }
}

fn row(one: &Value) -> Markup {
    let text = |key: &str| one[key].as_str().unwrap_or("");
    let dots = if one["shown_from"].as_u64() > Some(0) {
        "…"
    } else {
        ""
    };
    let bytes = (one["expected_bytes"].as_u64(), one["got_bytes"].as_u64());
    let place = sizes(one["offset"].as_u64(), bytes);
    html! {
        tr {
            td { (text("kind")) }
            td { (text("name")) }
            td { (one["connection"]) }
            td { (format!("{:.3} s", one["t_ns"].as_f64().unwrap_or(0.0) / 1e9)) }
            td.words { (place.trim_start_matches(", ")) }
            td.words {
                code { (dots) (text("expected")) } br;
                code { (dots) (text("got")) }
                @if let Some(hash) = one["got_hash"].as_str() { br; code { (hash) } }
            }
        }
    }
}
