//! The charts of one cell: latency curves, and rates over runs.

use super::chart::{self, Axis, Line};
use super::saved::{Cell, Figures, Run, RunCell, Saved};
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

/// Of a rate, for an axis: `800k`, `1.2M`.
fn short(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{}M", rate / 1e6),
        rate if rate >= 1e4 => format!("{}k", rate / 1e3),
        rate => rate.to_string(),
    }
}

/// Two moments as days, or as times of the same day.
fn ends<'a>(from: &'a str, to: &'a str) -> (&'a str, &'a str) {
    let day = |moment: &'a str| moment.get(..10).unwrap_or(moment);
    let time = |moment: &'a str| moment.get(11..16).unwrap_or(moment);
    if day(from) == day(to) {
        (time(from), time(to))
    } else {
        (day(from), day(to))
    }
}

/// The rates of this cell in the last runs that measured it.
pub(super) fn history(saved: &Saved, cell: &Cell) -> Markup {
    let measured: Vec<(&Run, &[Figures])> = saved
        .runs
        .iter()
        .filter_map(|run| {
            let same = |other: &&RunCell| other.is_of(cell);
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
    let last = recent.len() - 1;
    let [from, to] = [recent[0].0, recent[last].0].map(|run| run.started.as_str());
    let (from, to) = ends(from, to);
    let x = Axis {
        title: "run",
        low: 0.0,
        high: last as f64,
        ticks: vec![(0.0, from.to_owned()), (last as f64, to.to_owned())],
    };
    let y = Axis::from_zero("req/s", most, short);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short() {
        assert_eq!(
            [0.0, 2500.0, 8e5, 1.25e6].map(short),
            ["0", "2500", "800k", "1.25M"]
        );
        let [one, two, other] = [
            "2026-11-21T09:00:00Z",
            "2026-11-21T10:30:00Z",
            "2026-12-01T10:30:00Z",
        ];
        assert_eq!(ends(one, two), ("09:00", "10:30"));
        assert_eq!(ends(one, other), ("2026-11-21", "2026-12-01"));
        assert_eq!(ends("", "x"), ("", "x"));
    }
}
