//! The sections with charts: each has a sentence that says how to read it, and a table with its numbers.

use super::{
    Group,
    svg::{self, Axis, Bar, Cell, Line, Scale},
    tables,
};
use crate::{files::RunFile, histogram::Latencies, report::units, windows::Row};
use maud::{Markup, html};

/// Rows of a heat map for each factor of ten.
const HEAT_ROWS: f64 = 12.0;
/// Columns of a heat map.
const HEAT_COLUMNS: usize = 60;

fn nanos(value: f64) -> String {
    let (value, unit) = match value {
        ..1e3 => (value, "ns"),
        ..1e6 => (value / 1e3, "us"),
        ..1e9 => (value / 1e6, "ms"),
        _ => (value / 1e9, "s"),
    };
    format!("{}{unit}", (value * 100.0).round() / 100.0)
}

pub(super) fn short_count(value: f64) -> String {
    let (value, unit) = match value {
        ..1e3 => (value, ""),
        ..1e6 => (value / 1e3, "K"),
        _ => (value / 1e6, "M"),
    };
    format!("{}{unit}", (value * 100.0).round() / 100.0)
}

pub(super) fn seconds(value: f64) -> String {
    format!("{}", (value * 100.0).round() / 100.0)
}

/// 1/(1-q) as the percentage that it stands for.
fn percentile(value: f64) -> String {
    match value.round() as u64 {
        1 => "0%".into(),
        2 => "50%".into(),
        5 => "80%".into(),
        odds => {
            let digits = odds.ilog10().saturating_sub(2) as usize;
            format!("{:.digits$}%", 100.0 * (1.0 - 1.0 / odds as f64))
        }
    }
}

pub(super) fn figure(title: &str, chart: &Markup, legend: &Markup, reading: &str) -> Markup {
    html! {
        figure {
            h3 { (title) }
            (legend)
            (chart)
            figcaption { (reading) }
        }
    }
}

pub(super) fn legend(groups: &[Group<'_>]) -> Markup {
    let entries: Vec<_> = groups
        .iter()
        .map(|group| (group.colour, group.name.clone()))
        .collect();
    svg::legend(&entries)
}

fn bars(groups: &[Group<'_>], pointer: &str, show: impl Fn(f64) -> String) -> Vec<Bar> {
    let bars = groups.iter().filter_map(|group| {
        let runs = group.numbers(pointer);
        let value = group.median(pointer);
        (!runs.is_empty()).then(|| Bar {
            name: group.name.clone(),
            value,
            shown: show(value),
            runs,
            colour: group.colour,
        })
    });
    bars.collect()
}

/// Who answered most, when there are several.
pub(super) fn ranking(groups: &[Group<'_>]) -> Markup {
    // Who was offered a rate is not ranked by it.
    let open = groups.iter().any(|group| group.response.is_some());
    if groups.len() < 2 || open {
        return html! {};
    }
    let chart = svg::bars("Answers per second", &bars(groups, "/rps", units::count));
    html! {
        h2 { "Ranking" }
        div.charts {
            (figure("Answers per second", &chart, &html! {},
                "Longer is faster: the bar is the median of the runs, dots are single runs, the whisker reaches from the slowest to the fastest; where whiskers overlap, the order may be chance."))
            div.scroll { (tables::ranking(groups)) }
        }
    }
}

/// Latency over the offered load, when runs differ in it.
pub(super) fn curve(runs: &[RunFile]) -> Markup {
    let mut points: Vec<(f64, &RunFile)> = runs
        .iter()
        .filter(|run| run.text("/load/model") == Some("rate"))
        .filter_map(|run| Some((run.number("/load/offered_rps")?, run)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Several runs at one rate offer a little more or less.
    points.dedup_by(|a, b| (a.0 / b.0 - 1.0).abs() < 0.02);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return html! {};
    };
    if points.len() < 2 {
        return html! {};
    }
    let quantiles = [
        ("p50", "/latency/p50"),
        ("p99", "/latency/p99"),
        ("p99.9", "/latency/p99_9"),
    ];
    let lines: Vec<Line> = quantiles
        .iter()
        .enumerate()
        .map(|(colour, (_, pointer))| Line {
            points: points
                .iter()
                .filter_map(|(offered, run)| Some((*offered, run.number(pointer)?)))
                .collect(),
            colour,
            dashed: false,
        })
        .collect();
    let x = Axis {
        scale: Scale::linear(first.0.min(0.0), last.0),
        title: "offered, requests per second",
        label: short_count,
    };
    let y = latency_axis(&lines, "latency");
    let chart = svg::lines("Latency over offered load", &x, &y, &lines);
    let names: Vec<_> = (0..)
        .zip(quantiles.map(|(name, _)| name.to_owned()))
        .collect();
    html! {
        h2 { "Load and latency" }
        div.charts {
        (figure("Latency over offered load", &chart, &svg::legend(&names),
            "Where the lines turn upwards the server no longer keeps up with the load."))
        div.scroll { (tables::curve(&points)) }
        }
    }
}

pub(super) fn latency_axis(lines: &[Line], title: &'static str) -> Axis {
    let values = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| point.1)
    };
    Axis {
        scale: Scale::logarithmic(
            values()
                .filter(|value| *value > 0.0)
                .fold(f64::MAX, f64::min)
                .min(1e12),
            values().fold(1.0, f64::max),
        ),
        title,
        label: nanos,
    }
}

/// Percentiles, as far as there are enough answers beyond them.
pub(super) fn distribution(groups: &[Group<'_>]) -> Markup {
    let mut lines = Vec::new();
    for group in groups {
        let (colour, response) = (group.colour, group.response.as_ref());
        lines.extend(
            [(&group.service, false)]
                .into_iter()
                .chain(response.map(|all| (all, true)))
                .map(|(latencies, dashed)| Line {
                    points: spectrum(latencies),
                    colour,
                    dashed,
                }),
        );
    }
    lines.retain(|line| !line.points.is_empty());
    if lines.is_empty() {
        return html! { h2 { "Distribution" } p { "Nothing was answered." } };
    }
    let far = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.0);
    let x = Axis {
        scale: Scale::logarithmic(1.0, far.fold(10.0, f64::max)),
        title: "part of the answers",
        label: percentile,
    };
    let y = latency_axis(&lines, "latency, logarithmic");
    let chart = svg::lines("Latency by percentile", &x, &y, &lines);
    let open = groups.iter().any(|group| group.response.is_some());
    let reading = if open {
        "Read upwards from a percentage: so many of the answers took no longer. Solid is the time from the send, dashed the time from when the request was due; where they part, requests had to wait to be sent."
    } else {
        "Read upwards from a percentage: so many of the answers took no longer. Time from the send: a closed loop sends nothing while it waits, so it hides the waiting of users who would have come."
    };
    html! {
        h2 { "Distribution" }
        div.charts {
            (figure("Latency by percentile", &chart, &legend(groups), reading))
            div.scroll { (tables::distribution(groups)) }
        }
    }
}

/// Points over 1/(1-q).
fn spectrum(latencies: &Latencies) -> Vec<(f64, f64)> {
    let odds = (0..=80).map(|step| 10f64.powf(f64::from(step) / 10.0));
    odds.map_while(|odds| {
        let value = latencies.supported_quantile(1.0 - 1.0 / odds)?;
        Some((odds, value.max(1) as f64))
    })
    .collect()
}

/// Rates and p99 of each interval.
pub(super) fn over_time(runs: &[RunFile], rows: &[Vec<Row>], groups: &[Group<'_>]) -> Markup {
    let colour = |run: &RunFile| super::colour(run, groups);
    let drawn = |value: fn(&Row) -> f64| -> Vec<Line> {
        let lines = runs.iter().zip(rows).map(|(run, rows)| Line {
            // A row that is cut short by the end has too few answers to tell a rate.
            points: rows
                .iter()
                .filter(|row| row.len_ns * 2 >= rows[0].len_ns)
                .map(|row| (row.t_ns as f64 / 1e9, value(row)))
                .collect(),
            colour: colour(run),
            dashed: false,
        });
        lines.collect()
    };
    let ends = rows
        .iter()
        .filter_map(|rows| rows.last())
        .map(|row| row.t_ns as f64 / 1e9);
    let x = Axis {
        scale: Scale::linear(0.0, ends.fold(0.0, f64::max)),
        title: "seconds since the begin",
        label: seconds,
    };
    let rates = drawn(rate);
    let most = rates
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.1);
    let rate_axis = Axis {
        scale: Scale::from_zero(most.fold(0.0, f64::max)),
        title: "answers per second",
        label: short_count,
    };
    let mut tails = drawn(|row| row.p99 as f64);
    for line in &mut tails {
        line.points.retain(|point| point.1 > 0.0);
    }
    tails.retain(|line| !line.points.is_empty());
    let first = svg::lines("Answers per second over time", &x, &rate_axis, &rates);
    let second = svg::lines(
        "p99 over time",
        &x,
        &latency_axis(&tails, "p99, logarithmic"),
        &tails,
    );
    html! {
        h2 { "Over time" }
        div.charts {
            (figure("Answers per second", &first, &legend(groups),
                "Level lines are a steady state; a rise is warm-up that was too short, a dip is a pause."))
            @if !tails.is_empty() {
                (figure("p99 of each interval", &second, &legend(groups),
                    "Peaks are intervals in which one answer in a hundred took that long."))
            }
            @if let [rows] = rows { (heat_map(rows, &x)) }
        }
        (tables::over_time(runs, rows))
    }
}

pub(super) fn rate(row: &Row) -> f64 {
    units::per((row.ok + row.bad) as f64 * 1e9, row.len_ns as f64)
}

/// How latencies were distributed in each interval.
fn heat_map(rows: &[Row], x: &Axis) -> Markup {
    // Neighbours share a column where there are many.
    let each = rows.len().div_ceil(HEAT_COLUMNS).max(1);
    let mut cells = Vec::new();
    for columns in rows.chunks(each) {
        let Some((first, last)) = columns.first().zip(columns.last()) else {
            continue;
        };
        let span = (
            first.t_ns.saturating_sub(first.len_ns) as f64 / 1e9,
            last.t_ns as f64 / 1e9,
        );
        let mut counts = std::collections::BTreeMap::<i64, u64>::new();
        let mut total = 0;
        for row in columns {
            let Ok(latencies) = Latencies::from_base64(&row.hdr, row.mean) else {
                continue;
            };
            for step in latencies.histogram().iter_recorded() {
                let value = step.value_iterated_to().max(1) as f64;
                let count = step.count_since_last_iteration();
                *counts
                    .entry((value.log10() * HEAT_ROWS).floor() as i64)
                    .or_default() += count;
                total += count;
            }
        }
        let bound = |place: i64| 10f64.powf(place as f64 / HEAT_ROWS);
        cells.extend(counts.into_iter().map(|(place, count)| Cell {
            x: span,
            y: (bound(place), bound(place + 1)),
            // The root, so that a single answer is seen beside thousands.
            strength: (count as f64 / total as f64).sqrt().max(0.06),
        }));
    }
    if cells.is_empty() {
        return html! {};
    }
    let y = Axis {
        scale: Scale::logarithmic(
            cells.iter().map(|cell| cell.y.0).fold(f64::MAX, f64::min),
            cells.iter().map(|cell| cell.y.1).fold(1.0, f64::max),
        ),
        title: "latency, logarithmic",
        label: nanos,
    };
    let chart = svg::heat("Latencies over time", x, &y, &cells);
    figure(
        "Latencies of each interval",
        &chart,
        &html! {},
        "The stronger a colour, the more of the interval's answers took that long; faint cells high up are the tail.",
    )
}

/// What an answer cost.
pub(super) fn cost(groups: &[Group<'_>]) -> Markup {
    let micros = |value: f64| format!("{value:.2}us");
    let client = bars(groups, "/client/cpu_us_per_answer", micros);
    let server = bars(groups, "/server/cpu_us_per_answer", micros);
    html! {
        h2 { "Cost" }
        div.charts {
            @if groups.len() > 1 {
            (figure("Client CPU per answer", &svg::bars("Client CPU per answer", &client), &html! {},
                    "What this program spent on each answer, kernel included; over loopback part of that is the server's."))
            }
            @if !server.is_empty() {
                (figure("Server CPU per answer", &svg::bars("Server CPU per answer", &server), &html! {},
                    "Shorter is cheaper: what the server spent on each answer."))
            }
            div.scroll { (tables::cost(groups)) }
        }
    }
}

/// Answers of each template, when there are several.
pub(super) fn endpoints(runs: &[RunFile]) -> Markup {
    let with = |run: &&RunFile| {
        run.value["per_template"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    let runs: Vec<&RunFile> = runs.iter().filter(with).collect();
    if runs.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Endpoints" }
        div.charts {
            @for run in runs {
                @let templates = run.value["per_template"].as_array().into_iter().flatten();
                @let bars: Vec<Bar> = templates.map(|template| {
                    let answers = template["responses"].as_f64().unwrap_or(0.0);
                    Bar {
                        name: template["name"].as_str().unwrap_or("?").into(),
                        value: answers,
                        runs: Vec::new(),
                        shown: short_count(answers),
                        colour: 0,
                    }
                }).collect();
                (figure(&super::group_name(run), &svg::bars("Answers of each template", &bars), &html! {},
                    "Answers to each template: unequal bars mean that the mix was not even."))
                div.scroll { (tables::endpoints(run)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_short_labels() {
        assert_eq!(
            [5e2, 2e3, 2.5e6, 1e9].map(nanos),
            ["500ns", "2us", "2.5ms", "1s"]
        );
        assert_eq!(
            [10.0, 100.0, 1e3, 1e4].map(percentile),
            ["90%", "99%", "99.9%", "99.99%"]
        );
        assert_eq!([0.0, 2e4, 1.5e6].map(short_count), ["0", "20K", "1.5M"]);
    }
}
