//! Results as one HTML file that needs nothing else: no script, no network, no fonts.

mod charts;
mod machines;
mod mismatches;
mod svg;
mod sweep;
mod tables;

use crate::{
    error::Failure, files::RunFile, histogram::Latencies, report::units, statistics::median,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use sweep::{Curve, Point, Step, sweep_page};

const STYLE: &str = include_str!("html/style.css");

/// Runs of the same server (label `server`, else the target) under the same load.
struct Group<'r> {
    name: String,
    runs: Vec<&'r RunFile>,
    service: Latencies,
    response: Option<Latencies>,
    colour: usize,
}

impl Group<'_> {
    /// One number of each run that has it.
    fn numbers(&self, pointer: &str) -> Vec<f64> {
        let numbers = self.runs.iter().filter_map(|run| run.number(pointer));
        numbers.collect()
    }

    fn median(&self, pointer: &str) -> f64 {
        median(&self.numbers(pointer))
    }

    /// What counts as its latency.
    fn headline(&self) -> &Latencies {
        self.response.as_ref().unwrap_or(&self.service)
    }
}

/// The page.
pub(crate) fn page(runs: &[RunFile]) -> Result<String, Failure> {
    let groups = groups(runs)?;
    let rows = runs
        .iter()
        .map(RunFile::windows)
        .collect::<Result<Vec<_>, _>>()?;
    let title = match groups.as_slice() {
        [only] => format!("Load on {}", only.name),
        several => format!("{} loads compared", several.len()),
    };
    let body = html! {
        p.soft { (tables::load(runs)) }
        p.line { (one_line(&groups)) }
        (charts::ranking(&groups))
        (charts::curve(runs))
        (charts::distribution(&groups))
        (charts::over_time(runs, &rows, &groups))
        (charts::cost(&groups))
        (machines::section(runs, &groups))
        (charts::endpoints(runs))
        (tables::validity(runs))
        (mismatches::section(runs))
        (tables::how(runs))
        (tables::files(runs))
    };
    Ok(frame(&title, &body))
}

/// A page around its body.
fn frame(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Else a browser asks for one.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (body)
            }
        }
    };
    page.into_string()
}

fn groups(runs: &[RunFile]) -> Result<Vec<Group<'_>>, Failure> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        let name = group_name(run);
        let service = run
            .latencies("/latency/service")?
            .ok_or_else(|| run.refuse("it has no latencies"))?;
        let response = run.latencies("/latency/response")?;
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => {
                group.runs.push(run);
                group.service.merge(&service);
                match (&mut group.response, response) {
                    (Some(sum), Some(more)) => sum.merge(&more),
                    (sum, more) => *sum = sum.take().or(more),
                }
            }
            None => groups.push(Group {
                name,
                runs: vec![run],
                service,
                response,
                colour: groups.len(),
            }),
        }
    }
    groups.sort_by(|a, b| b.median("/rps").total_cmp(&a.median("/rps")));
    Ok(groups)
}

fn group_name(run: &RunFile) -> String {
    let name = run.text("/labels/server").or_else(|| run.text("/target"));
    let name = name.unwrap_or("?");
    // Latencies at different rates are different things.
    match run.text("/load/rate") {
        Some(rate) => format!("{name} at {rate}/s"),
        None => name.to_owned(),
    }
}

/// That of its group.
fn colour(run: &RunFile, groups: &[Group<'_>]) -> usize {
    let name = group_name(run);
    let mut groups = groups.iter();
    groups
        .find(|group| group.name == name)
        .map_or(0, |group| group.colour)
}

/// The whole report in a sentence.
fn one_line(groups: &[Group<'_>]) -> Markup {
    let describe = |group: &Group<'_>| {
        let latencies = group.headline();
        format!(
            "{} answers/s, half of them within {}, 99 % within {}",
            units::count(group.median("/rps")),
            units::latency(latencies.quantile(0.5)),
            units::latency(latencies.quantile(0.99))
        )
    };
    let valid = |group: &Group<'_>| {
        group
            .runs
            .iter()
            .all(|run| run.flag("/verdict/valid") == Some(true))
    };
    html! {
        @match groups {
            [] => { "No run." }
            [only] => {
                strong { (describe(only)) } "."
                @if !valid(only) { " " span.bad { "The run is not valid: see Validity." } }
            }
            [first, .., last] => {
                strong { (first.name) } " had the most, " (describe(first)) "; "
                strong { (last.name) } " the least, " (describe(last))
                ". Whether that is decided, " code { "loadgen compare" } " says."
                @if !groups.iter().all(valid) { " " span.bad { "Not all runs are valid: see Validity." } }
            }
        }
    }
}
