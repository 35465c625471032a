//! What the server and the machines did meanwhile.

use super::{
    Group, charts, colour, group_name,
    svg::{self, Axis, Line, Scale},
};
use crate::{files::RunFile, report::units};
use maud::{Markup, html};

/// Nothing for results that know nothing of it.
pub(super) fn section(runs: &[RunFile], groups: &[Group<'_>]) -> Markup {
    let has = |run: &RunFile, key: &str| run.value[key].is_object();
    let watched: Vec<&RunFile> = runs.iter().filter(|run| has(run, "server")).collect();
    let lines = lines(&watched, groups);
    html! {
        h2 { "Machines" }
        @if !lines.is_empty() {
            div.charts { (server_chart(&lines, groups)) }
        }
        @if !watched.is_empty() { (servers(&watched)) }
        p.soft {
            "This client's machine, and its network. Steal is time that a hypervisor gave to others; waiting is the part of the time in which some task of the machine had to (PSI)."
        }
        div.scroll {
            table {
                tr { th { "run" } th { "listen overflows" } th { "retransmits" } th { "softnet drops" } th { "steal" } th { "waiting for a CPU" } th { "for memory" } th { "for a disk" } th { "client memory, peak" } th { "completions overflowed" } }
                @for run in runs {
                    tr {
                        td { (group_name(run)) }
                        @for key in ["listen_overflows", "retransmits", "softnet_drops"] { td { (count(run, "client", key)) } }
                        @for key in ["steal", "psi_cpu_some", "psi_memory_some", "psi_io_some"] { td { (percent(run, "client", key)) } }
                        td { (memory(run, "client", "rss_peak_bytes")) }
                        td { (count(run, "client", "cq_overflow")) }
                    }
                }
            }
        }
    }
}

fn servers(runs: &[&RunFile]) -> Markup {
    html! {
        p.soft { "The server over the window. Where its CPUs or its busiest thread are near 100 %, it was at its limit." }
        div.scroll {
            table {
                tr { th { "run" } th { "CPUs used" } th { "of" } th { "part" } th { "busiest thread" } th { "CPU/answer" } th { "processes" } th { "threads" } th { "memory" } th { "peak" } th { "switches/s, voluntary" } th { "involuntary" } th { "listen overflows" } th { "retransmits" } th { "notes" } }
                @for run in runs {
                    @let number = |key: &str| run.number(&format!("/server/{key}"));
                    tr {
                        td { (group_name(run)) }
                        td { (number("cpu_cores_used").map_or_else(na, |cores| format!("{cores:.2}"))) }
                        td { (number("cpus_allowed").map_or_else(na, |cpus| cpus.to_string())) }
                        td { (percent(run, "server", "cpu_saturation")) }
                        td { (percent(run, "server", "busiest_thread")) }
                        td { (number("cpu_us_per_answer").map_or_else(na, |micros| format!("{micros:.2}us"))) }
                        td { (count(run, "server", "processes")) }
                        td { (count(run, "server", "threads")) }
                        td { (memory(run, "server", "rss_bytes")) }
                        td { (memory(run, "server", "rss_peak_bytes")) }
                        @for key in ["voluntary_switches", "involuntary_switches"] {
                            td { (number(key).map_or_else(na, |switches| units::count(units::per(switches, seconds(run))))) }
                        }
                        td { (count(run, "server", "listen_overflows")) }
                        td { (count(run, "server", "retransmits")) }
                        td.words { @for note in run.texts("/server/notes") { (note) br; } }
                    }
                }
            }
        }
    }
}

fn lines(runs: &[&RunFile], groups: &[Group<'_>]) -> Vec<Line> {
    let lines = runs.iter().map(|run| {
        let samples = run.value["server"]["samples"].as_array();
        let points = samples.into_iter().flatten().filter_map(|sample| {
            Some((
                sample["t_ns"].as_f64()? / 1e9,
                sample["cpu_cores"].as_f64()?,
            ))
        });
        Line {
            points: points.collect(),
            colour: colour(run, groups),
            dashed: false,
        }
    });
    lines.filter(|line| line.points.len() > 1).collect()
}

fn server_chart(lines: &[Line], groups: &[Group<'_>]) -> Markup {
    let most = |value: fn(&(f64, f64)) -> f64| {
        let points = lines.iter().flat_map(|line| &line.points);
        points.map(value).fold(0.0, f64::max)
    };
    let x = Axis {
        scale: Scale::linear(0.0, most(|point| point.0)),
        title: "seconds since the begin",
        label: charts::seconds,
    };
    let y = Axis {
        scale: Scale::from_zero(most(|point| point.1)),
        title: "CPUs in use",
        label: charts::short_count,
    };
    let chart = svg::lines("CPUs that the server used over time", &x, &y, lines);
    charts::figure(
        "CPUs that the server used",
        &chart,
        &charts::legend(groups),
        "A level line near the number of its CPUs is a server at its limit; one far below it waits for something else.",
    )
}

fn na() -> String {
    "n/a".into()
}

fn seconds(run: &RunFile) -> f64 {
    run.number("/elapsed_sec").unwrap_or(0.0)
}

fn count(run: &RunFile, object: &str, key: &str) -> String {
    run.count(&format!("/{object}/{key}"))
        .map_or_else(na, |count| count.to_string())
}

fn percent(run: &RunFile, object: &str, key: &str) -> String {
    run.number(&format!("/{object}/{key}"))
        .map_or_else(na, |part| format!("{:.1}%", part * 100.0))
}

fn memory(run: &RunFile, object: &str, key: &str) -> String {
    run.number(&format!("/{object}/{key}"))
        .map_or_else(na, |value| units::bytes(value as u64))
}
