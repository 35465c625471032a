//! Wrong answers with their bytes, and connections that did not move.

use super::group_name;
use crate::{
    files::RunFile,
    report::{mismatches::sizes, units::latency},
};
use maud::{Markup, html};
use serde_json::Value;

/// Nothing where all answers came and were right.
pub(super) fn section(runs: &[RunFile]) -> Markup {
    html! { (wrong(runs)) (stuck(runs)) }
}

fn stuck(runs: &[RunFile]) -> Markup {
    let lists = runs.iter().map(|run| (run, list(run, "stuck")));
    let lists: Vec<_> = lists.filter(|(_, list)| !list.is_empty()).collect();
    html! {
        @if !lists.is_empty() {
            h2 { "Stuck connections" }
            p.reading { "The first of each run that owed an answer and neither sent nor received." }
            div.scroll {
                table {
                    tr { th { "run" } th { "connection" } th { "template" } th { "waits for" } th { "in flight" } th { "silent for" } th { "bytes that came" } th { "inside an answer" } }
                    @for (run, list) in lists {
                        @for one in list {
                            tr {
                                td { (group_name(run)) }
                                td { (one["connection"]) }
                                td { (one["name"].as_str().unwrap_or("")) }
                                td { (one["waits_for"].as_str().unwrap_or("")) }
                                td { (one["in_flight"]) }
                                td { (latency(one["silent_ns"].as_u64().unwrap_or(0))) }
                                td { (one["bytes"]) }
                                td { (if one["inside_answer"] == true { "yes" } else { "no" }) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn list<'r>(run: &'r RunFile, name: &str) -> &'r [Value] {
    run.value[name].as_array().map_or(&[], Vec::as_slice)
}

fn wrong(runs: &[RunFile]) -> Markup {
    let wrong = runs.iter().map(|run| (run, list(run, "mismatches")));
    let wrong: Vec<_> = wrong.filter(|(_, list)| !list.is_empty()).collect();
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
