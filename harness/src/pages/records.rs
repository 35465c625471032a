//! What is known of the runs themselves: their commands, their machine, and how
//! to make them again.

use super::figures::HISTORY;
use super::saved::{Run, Saved};
use maud::{Markup, html};
use serde_json::Value;

fn environment_text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name} = {}", environment_text(value)))
            .collect::<Vec<_>>()
            .join("; "),
        other => other.to_string(),
    }
}

pub(super) fn runs(saved: &Saved) -> Markup {
    html! {
        section id="runs" {
            h2 { "Runs" }
            @if saved.runs.is_empty() { p.soft { "No run has left a record." } }
            @else {
                .wide { table {
                    thead { tr { th { "started" } th.text { "command" } th.text { "commit" } th.text { "CPU" } th.text { "kernel" } th.text { "refused" } } }
                    tbody {
                        @for run in saved.runs.iter().rev().take(HISTORY) {
                            @let known = |name: &str| run.environment.get(name).map(environment_text).unwrap_or_default();
                            tr {
                                td { (run.started) }
                                td.text { code { "./benchmark.sh " (command(run)) } }
                                td.text { code { (known("commit").chars().take(10).collect::<String>()) } }
                                td.text { (known("cpu")) }
                                td.text { (known("kernel")) }
                                td.text.long { @for refused in &run.refused { (refused.entry) ": " (refused.why) " " } }
                            }
                        }
                    }
                } }
            }
        }
    }
}

pub(super) fn environment(saved: &Saved) -> Markup {
    let engines = saved.cells.iter().flat_map(|cell| &cell.figures);
    let mut engines: Vec<(&str, &str)> = engines
        .filter_map(|figures| Some((figures.entry.as_str(), figures.engine_said.as_deref()?)))
        .collect();
    engines.sort_unstable();
    engines.dedup_by_key(|(entry, _)| *entry);
    html! {
        section id="environment" {
            h2 { "Environment" }
            @match saved.runs.last() {
                None => p.soft { "Not recorded." },
                Some(run) => {
                    p.soft { "Of the last run." }
                    table { tbody {
                        @for (name, value) in &run.environment { tr { td { (name) } td.text.long { (environment_text(value)) } } }
                        @for (entry, said) in engines { tr { td { (entry) } td.text.long { (said) } } }
                    } }
                }
            }
        }
    }
}

/// The arguments of `./benchmark.sh` in a run's record, which has those of the
/// harness: without its own root and verb.
fn command(run: &Run) -> String {
    let verb = run.arguments.iter().position(|word| word == "benchmark");
    let words = &run.arguments[verb.map_or(0, |place| place + 1)..];
    let plain = |word: &&String| {
        word.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_./=,:".contains(letter))
    };
    words
        .iter()
        .map(|word| {
            if !word.is_empty() && plain(&word) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', "'\\''"))
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn again(saved: &Saved) -> Markup {
    let commit = saved
        .runs
        .last()
        .and_then(|run| run.environment.get("commit")?.as_str());
    html! {
        section id="again" {
            h2 { "How to reproduce" }
            p { "In the repository, on a machine that does nothing else, with Rust and a C compiler:" }
            pre {
                @if let Some(commit) = commit { "git checkout " (commit) "\n" }
                "./benchmark.sh " (saved.runs.last().map(command).unwrap_or_default()) "\n"
                "scripts/harness.sh page        # this page again, from results/"
            }
            p.soft { "Other machines give other rates; ratios and CPU time per request carry over better." }
        }
    }
}
