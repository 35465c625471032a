//! The charts of one cell: latency curves, and rates over runs.

use super::chart::{self, Axis, Line};
use super::saved::{Cell, Figures, Run, RunCell, Saved};
use crate::bench::units::thousands;
use maud::{Markup, html};

/// Runs that a history shows.
pub(super) const HISTORY: usize = 30;

/// Latency over the part of answers that were faster.
pub(super) fn curves(saved: &Saved, cell: &Cell) -> Markup {
    let nines = |part: f64| -(1.0 - part).max(1e-9).log10();
    let curves: Vec<(&str, Vec<(f64, f64)>)> = cell
        .figures
        .iter()
        .map(|figures| (figures.entry.as_str(), figures.curve()))
        .filter(|(_, curve)| curve.len() > 1)
        .collect();
    let all = || curves.iter().flat_map(|(_, curve)| curve);
    let Some(longest) = all().map(|point| nines(point.0)).reduce(f64::max) else {
        return html! {};
    };
    let low = all().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = all().map(|point| point.1).fold(0.0, f64::max);
    let parts = [
        (0.0, "0"),
        (0.5, "50"),
        (0.9, "90"),
        (0.99, "99"),
        (0.999, "99.9"),
        (0.9999, "99.99"),
        (0.99999, "99.999"),
    ];
    let x = Axis {
        title: "percentile",
        low: 0.0,
        high: longest,
        ticks: parts
            .iter()
            .map(|(part, text)| (nines(*part), (*text).to_owned()))
            .filter(|(place, _)| *place <= longest + 1e-6)
            .collect(),
    };
    let y = Axis::powers("latency", low, high, power);
    let lines: Vec<Line> = curves
        .iter()
        .map(|(entry, curve)| Line {
            name: (*entry).to_owned(),
            colour: saved.colour(entry),
            points: curve
                .iter()
                .map(|(part, us)| (nines(*part), us.max(1e-3).log10()))
                .collect(),
        })
        .collect();
    let label = format!(
        "Latency by percentile, {} with {} connections",
        cell.profile, cell.connections
    );
    figure(
        "Latency by percentile, the median of the rounds",
        &label,
        &x,
        &y,
        &lines,
    )
}

/// A power of ten in microseconds.
fn power(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", us / 1e6),
        us if us >= 1e3 => format!("{} ms", us / 1e3),
        us => format!("{us} \u{b5}s"),
    }
}

fn figure(caption: &str, label: &str, x: &Axis, y: &Axis, lines: &[Line]) -> Markup {
    html! {
        figure {
            figcaption { (caption) }
            (chart::lines(label, x, y, lines))
            ul.key {
                @for line in lines {
                    li { i class=(chart::class(line.colour)) {} (line.name) }
                }
            }
        }
    }
}

/// The rates of this cell in the last runs that measured it.
pub(super) fn history(saved: &Saved, cell: &Cell) -> Markup {
    let measured: Vec<(&Run, &[Figures])> = saved
        .runs
        .iter()
        .filter_map(|run| {
            let same = |other: &&RunCell| {
                other.profile == cell.profile && other.connections == cell.connections
            };
            Some((run, run.cells.iter().find(same)?.entries.as_slice()))
        })
        .collect();
    let recent = &measured[measured.len().saturating_sub(HISTORY)..];
    if recent.len() < 2 {
        return html! {};
    }
    let mut lines: Vec<Line> = Vec::new();
    for name in saved.entries() {
        let rate = |entries: &[Figures]| {
            let found = entries.iter().find(|figures| figures.entry == name);
            found
                .filter(|figures| figures.invalid.is_none())
                .map(Figures::rate)
        };
        let points = recent.iter().enumerate();
        let points: Vec<(f64, f64)> = points
            .filter_map(|(index, (_, entries))| Some((index as f64, rate(entries)?)))
            .collect();
        if !points.is_empty() {
            lines.push(Line {
                name: name.to_owned(),
                colour: saved.colour(name),
                points,
            });
        }
    }
    let most = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.1)
        .fold(0.0, f64::max);
    let day = |run: &Run| run.started.get(..10).unwrap_or(&run.started).to_owned();
    let last = recent.len() - 1;
    let x = Axis {
        title: "run",
        low: 0.0,
        high: last as f64,
        ticks: vec![(0.0, day(recent[0].0)), (last as f64, day(recent[last].0))],
    };
    let y = Axis::from_zero("req/s", most, |value| thousands(value as u64));
    let label = format!(
        "Rates of the last {} runs, {} with {} connections",
        recent.len(),
        cell.profile,
        cell.connections
    );
    figure(
        "History of runs: requests per second",
        &label,
        &x,
        &y,
        &lines,
    )
}
