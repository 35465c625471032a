//! The report of a sweep: latency and answers over the load, step by step.

use super::{
    charts::{figure, latency_axis, short_count},
    frame, mismatches,
    svg::{self, Axis, Line, Scale},
    tables,
};
use crate::{files::RunFile, report::units};
use maud::{Markup, html};

/// What a sweep found, ready to be drawn.
pub(crate) struct Curve<'s> {
    pub sentence: String,
    /// Answers per second in the closed loop.
    pub ceiling: f64,
    pub slos: &'s [String],
    pub knee: Option<f64>,
    /// By rate.
    pub steps: Vec<Step>,
    /// That of the ceiling, then those of the steps.
    pub runs: &'s [RunFile],
}

/// A row of the table.
pub(crate) struct Step {
    /// `None` when it says nothing about the server.
    pub point: Option<Point>,
    pub cells: [String; 9],
    pub kept: bool,
    pub verdict: &'static str,
    pub reasons: String,
}

/// A place on the curve.
pub(crate) struct Point {
    pub offered: f64,
    pub answered: f64,
    /// p50, p99, p99.9 and the maximum, in nanoseconds.
    pub times: [Option<u64>; 4],
}

const TIMES: [&str; 4] = ["p50", "p99", "p99.9", "max"];
const COLUMNS: [&str; 9] = [
    "of ceiling",
    "offered",
    "achieved",
    "p50",
    "p99",
    "p99.9",
    "max",
    "errors",
    "client",
];
/// Colour of what is no measurement.
const MARK: usize = 5;

/// The page.
pub(crate) fn sweep_page(curve: &Curve<'_>) -> String {
    let target = curve.runs.first().and_then(|run| run.text("/target"));
    let title = format!("Load sweep of {}", target.unwrap_or("?"));
    let body = html! {
        p.soft { (load(curve)) }
        p.line { strong { "Knee: " } (curve.sentence) "." }
        h2 { "Load and latency" }
        (charts(curve))
        (table(curve))
        (tables::validity(curve.runs))
        (mismatches::section(curve.runs))
        (tables::how(&curve.runs[..curve.runs.len().min(1)]))
    };
    frame(&title, &body)
}

fn load(curve: &Curve<'_>) -> String {
    let Some(run) = curve.runs.first() else {
        return String::new();
    };
    let count = |pointer: &str| run.count(pointer).unwrap_or(0);
    format!(
        "{} connections, threads: {}, {} in flight on each; {}/s in a closed loop, then steps of {:.1} s in an open loop · {}",
        count("/connections"),
        count("/threads"),
        count("/pipeline_depth"),
        units::count(curve.ceiling),
        run.number("/duration_sec").unwrap_or(0.0),
        run.text("/id").unwrap_or("")
    )
}

fn charts(curve: &Curve<'_>) -> Markup {
    let points: Vec<&Point> = curve
        .steps
        .iter()
        .filter_map(|step| step.point.as_ref())
        .collect();
    if points.is_empty() {
        return html! { p { "No step says anything about the server." } };
    }
    let most = points.iter().map(|point| point.offered).fold(0.0, f64::max);
    let x = Axis {
        scale: Scale::from_zero(most),
        title: "offered, requests per second",
        label: short_count,
    };
    let mut times: Vec<Line> = (0..TIMES.len())
        .map(|number| Line {
            points: points
                .iter()
                .filter_map(|point| Some((point.offered, point.times[number]?.max(1) as f64)))
                .collect(),
            colour: number,
            dashed: false,
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    let mut entries: Vec<_> = times
        .iter()
        .map(|line| (line.colour, TIMES[line.colour].to_owned()))
        .collect();
    let y = latency_axis(&times, "response time, logarithmic");
    if let Some(knee) = curve.knee {
        // From below the chart to above it.
        times.push(mark(vec![(knee, 0.0), (knee, f64::MAX)]));
        entries.push((MARK, "knee".into()));
    }
    let latency = svg::lines("Response time over offered load", &x, &y, &times);
    let answers = Axis {
        scale: Scale::from_zero(most.max(curve.ceiling)),
        title: "answers per second",
        label: short_count,
    };
    let answered = Line {
        points: points
            .iter()
            .map(|point| (point.offered, point.answered))
            .collect(),
        colour: 0,
        dashed: false,
    };
    let all = mark(vec![(0.0, 0.0), (most, most)]);
    let achieved = svg::lines("Answers over offered load", &x, &answers, &[all, answered]);
    let names = [(0, "answered".to_owned()), (MARK, "offered".to_owned())];
    html! {
        div.charts {
            (figure("Response time over offered load", &latency, &svg::legend(&entries),
                "Where the lines turn upwards the server no longer keeps up with the load. Times count from when a request was due."))
            (figure("Answers over offered load", &achieved, &svg::legend(&names),
                "Where the line leaves the dashed one, some of what was offered was not answered in time."))
        }
    }
}

fn mark(points: Vec<(f64, f64)>) -> Line {
    Line {
        points,
        colour: MARK,
        dashed: true,
    }
}

fn table(curve: &Curve<'_>) -> Markup {
    html! {
        h2 { "Steps" }
        p.reading {
            "A step is kept when every answer was as expected, 99% of what was offered was answered"
            @for slo in curve.slos { ", " code { (slo) } }
            ". A step in which the client was the limit is not valid, and not drawn."
        }
        div.scroll {
            table {
                tr { @for name in COLUMNS { th { (name) } } th { "verdict" } th { "why" } }
                @for step in &curve.steps {
                    tr {
                        @for cell in &step.cells { td { (cell) } }
                        td class=(if step.kept { "good" } else { "bad" }) { (step.verdict) }
                        td.words { (step.reasons) }
                    }
                }
            }
        }
    }
}
