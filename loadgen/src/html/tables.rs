//! The numbers behind the charts, and what else a reader has to know.

use super::{Group, group_name};
use crate::{
    files::RunFile,
    report::{self, units},
    windows::Row,
};
use maud::{Markup, html};

fn nanos(value: Option<u64>) -> String {
    value.map_or_else(|| "n/a".into(), units::latency)
}

/// What all runs did, in a line.
pub(super) fn load(runs: &[RunFile]) -> String {
    let Some(run) = runs.first() else {
        return String::new();
    };
    let count = |pointer: &str| run.count(pointer).unwrap_or(0);
    let many = match runs.len() {
        1 => String::new(),
        many => format!("{many} runs; the first: "),
    };
    let id = run.text("/id").unwrap_or("");
    format!(
        "{many}{} connections, threads: {}, {} in flight on each, {:.1} s, {} · {}",
        count("/connections"),
        count("/threads"),
        count("/pipeline_depth"),
        run.number("/elapsed_sec").unwrap_or(0.0),
        crate::files::model(run),
        id.get(..20).unwrap_or(id)
    )
}

pub(super) fn ranking(groups: &[Group<'_>]) -> Markup {
    html! {
        table {
            tr { th { "" } th { "runs" } th { "median" } th { "least" } th { "most" } }
            @for group in groups {
                @let runs = group.numbers("/rps");
                tr {
                    td { (group.name) }
                    td { (runs.len()) }
                    td { (units::count(group.median("/rps"))) }
                    td { (units::count(runs.iter().copied().fold(f64::MAX, f64::min))) }
                    td { (units::count(runs.iter().copied().fold(0.0, f64::max))) }
                }
            }
        }
    }
}

pub(super) fn curve(points: &[(f64, &RunFile)]) -> Markup {
    html! {
        table {
            tr { th { "offered" } th { "answers/s" } th { "p50" } th { "p99" } th { "p99.9" } }
            @for (offered, run) in points {
                tr {
                    td { (units::count(*offered)) }
                    td { (units::count(run.number("/rps").unwrap_or(0.0))) }
                    td { (nanos(run.count("/latency/p50"))) }
                    td { (nanos(run.count("/latency/p99"))) }
                    td { (nanos(run.count("/latency/p99_9"))) }
                }
            }
        }
    }
}

pub(super) fn distribution(groups: &[Group<'_>]) -> Markup {
    let rows = [
        ("p50", 0.5),
        ("p75", 0.75),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("p99.99", 0.9999),
    ];
    let columns: Vec<_> = groups
        .iter()
        .flat_map(|group| {
            let open = group.response.is_some();
            let service = if open { " (service)" } else { "" };
            let response = group
                .response
                .iter()
                .map(|all| (format!("{} (response)", group.name), all));
            response.chain([(format!("{}{service}", group.name), &group.service)])
        })
        .collect();
    html! {
        table {
            tr { th { "" } @for (name, _) in &columns { th { (name) } } }
            @for (name, part) in rows {
                tr { td { (name) } @for (_, latencies) in &columns { td { (nanos(latencies.supported_quantile(part))) } } }
            }
            tr { td { "max" } @for (_, latencies) in &columns { td { (units::latency(latencies.max())) } } }
            tr { td { "mean" } @for (_, latencies) in &columns { td { (units::latency(latencies.mean())) } } }
            tr { td { "answers" } @for (_, latencies) in &columns { td { (latencies.count()) } } }
        }
        p.soft { "n/a: fewer than ten answers lie beyond that percentile." }
    }
}

pub(super) fn over_time(runs: &[RunFile], rows: &[Vec<Row>]) -> Markup {
    html! {
        @for (run, rows) in runs.iter().zip(rows) {
            details {
                summary { "The numbers of " (group_name(run)) " (" (run.text("/id").unwrap_or("")) ")" }
                div.scroll {
                    table {
                        tr { th { "until" } th { "answers/s" } th { "wrong" } th { "lost" } th { "p50" } th { "p90" } th { "p99" } th { "max" } }
                        @for row in rows {
                            tr {
                                td { (format!("{:.1} s", row.t_ns as f64 / 1e9)) }
                                td { (units::count(super::charts::rate(row))) }
                                td { (row.bad) }
                                td { (row.lost) }
                                td { (units::latency(row.p50)) }
                                td { (units::latency(row.p90)) }
                                td { (units::latency(row.p99)) }
                                td { (units::latency(row.max)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn cost(groups: &[Group<'_>]) -> Markup {
    let shown = |group: &Group<'_>, pointer: &str, unit: &str| {
        if group.numbers(pointer).is_empty() {
            "n/a".to_owned()
        } else {
            format!("{:.2}{unit}", group.median(pointer))
        }
    };
    let has = |pointer: &str| {
        groups
            .iter()
            .any(|group| !group.numbers(pointer).is_empty())
    };
    let (cpu, memory) = (
        has("/server/cpu_us_per_answer"),
        has("/server/rss_peak_bytes"),
    );
    html! {
        table {
            tr {
                th { "median" } th { "client CPU/answer" } th { "busiest thread" }
                @if cpu { th { "server CPU/answer" } }
                @if memory { th { "server memory, peak" } }
            }
            @for group in groups {
                tr {
                    td { (group.name) }
                    td { (shown(group, "/client/cpu_us_per_answer", "us")) }
                    td { (format!("{:.0}%", group.median("/client/busy_max") * 100.0)) }
                    @if cpu { td { (shown(group, "/server/cpu_us_per_answer", "us")) } }
                    @if memory {
                        td { (format!("{:.1} MiB", group.median("/server/rss_peak_bytes") / 1024.0 / 1024.0)) }
                    }
                }
            }
        }
        @if !cpu { p.soft { "The server's own cost was not measured." } }
    }
}

pub(super) fn endpoints(run: &RunFile) -> Markup {
    let templates = run.value["per_template"].as_array().into_iter().flatten();
    html! {
        table {
            tr { th { "template" } th { "answers" } th { "2xx" } th { "p50" } th { "p99" } }
            @for template in templates {
                tr {
                    td { (template["name"].as_str().unwrap_or("?")) }
                    td { (template["responses"]) }
                    td { (template["2xx"]) }
                    td { (nanos(template.pointer("/latency/p50").and_then(serde_json::Value::as_u64))) }
                    td { (nanos(template.pointer("/latency/p99").and_then(serde_json::Value::as_u64))) }
                }
            }
        }
    }
}

/// What each run is worth.
pub(super) fn validity(runs: &[RunFile]) -> Markup {
    let yes = |value: Option<bool>| match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "n/a",
    };
    html! {
        h2 { "Validity" }
        p.reading { "Every answer is checked; a run counts when all were as expected and every request is accounted for. Little's law compares requests in flight with rate times latency: 1 is exact." }
        div.scroll {
            table {
                tr { th { "run" } th { "valid" } th { "limit" } th { "books" } th { "Little" } th { "steady" } th { "wrong" } th { "lost" } th { "connect errors" } th { "notes" } }
                @for run in runs {
                    @let valid = run.flag("/verdict/valid") == Some(true);
                    tr {
                        td { (group_name(run)) }
                        td class=(if valid { "good" } else { "bad" }) { (if valid { "yes" } else { "no" }) }
                        td { (run.text("/verdict/bound").unwrap_or("n/a")) }
                        td { (match run.flag("/verdict/counts_balance") { Some(true) => "balance", _ => "do not balance" }) }
                        td { (run.number("/verdict/littles_law").map_or_else(|| "n/a".into(), |law| format!("{law:.3}"))) }
                        td { (yes(run.flag("/phases/steady"))) }
                        td { (run.count("/counts/whole_run/bad").unwrap_or(0)) }
                        td { (run.count("/counts/whole_run/lost").unwrap_or(0)) }
                        td { (run.count("/errors/connect").unwrap_or(0)) }
                        td.words {
                            @for note in run.texts("/verdict/notes").iter().chain(&run.texts("/verdict/doubts")) { (note) br; }
                            @for gate in run.value["gates"].as_array().into_iter().flatten() {
                                (gate["expr"].as_str().unwrap_or("")) ": "
                                (if gate["pass"] == true { "kept" } else { "breached" })
                                " (" (gate["shown"].as_str().unwrap_or("")) ")" br;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Commands and machines.
pub(super) fn how(runs: &[RunFile]) -> Markup {
    html! {
        h2 { "How it was run" }
        @for run in runs {
            p.soft {
                (run.text("/id").unwrap_or("")) " · loadgen " (run.text("/version").unwrap_or("?"))
                " · seed " (run.count("/load/seed").unwrap_or(0))
            }
            @if let Some(tls) = report::tls::sentence(run) { p.soft { (tls) } }
            pre { (run.texts("/argv").into_iter().map(quoted).collect::<Vec<_>>().join(" ")) }
        }
        div.scroll {
            table {
                tr { th { "run" } th { "host" } th { "kernel" } th { "CPUs" } th { "pinned" } th { "governor" } th { "CPU" } }
                @for run in runs {
                    @let fact = |name: &str| run.text(&format!("/client/{name}")).unwrap_or("n/a").to_owned();
                    tr {
                        td { (group_name(run)) }
                        td { (fact("host")) }
                        td { (fact("kernel")) }
                        td { (fact("cpus")) }
                        td { (if run.flag("/client/pinned") == Some(true) { "yes" } else { "no" }) }
                        td { (fact("governor")) }
                        td { (fact("cpu_model")) }
                    }
                }
            }
        }
    }
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !argument.is_empty() && argument.bytes().all(plain) {
        return argument.into();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// Where the numbers are.
pub(super) fn files(runs: &[RunFile]) -> Markup {
    let paths: Vec<String> = runs
        .iter()
        .map(|run| run.path.display().to_string())
        .collect();
    let quoted: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
    html! {
        h2 { "Files" }
        @if paths.iter().any(String::is_empty) {
            p { "This run left no result file (-o), so this report cannot be made again." }
        } @else {
            p { "Everything here was made from the result files; to make it again:" }
            pre { "loadgen report " (quoted.join(" ")) " -o report.html" }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(super::quoted("http://h:80/a"), "http://h:80/a");
        assert_eq!(super::quoted("it's > 5"), r"'it'\''s > 5'");
        assert_eq!(super::quoted(""), "''");
    }
}
