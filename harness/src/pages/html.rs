//! `results/index.html`: everything in one file, which loads nothing.

use super::saved::{Cell, Figures, Ratio, Saved};
use super::{chart, figures, records};
use crate::bench::units::{latency, thousands};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("sort.js");
/// Nothing from elsewhere, whatever a name in a result file tries.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// CPUs used by others from which on rates say little.
const FOREIGN_MAX: f64 = 0.2;

/// The page.
pub(super) fn page(saved: &Saved) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "sws: results" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Results" }
                (introduction(saved))
                nav aria-label="profiles" {
                    @for (profile, _) in profiles(saved) { a href=(format!("#{}", anchor(profile))) { (profile) } }
                    a href="#runs" { "runs" }
                    a href="#environment" { "environment" }
                    a href="#again" { "how to reproduce" }
                }
                @for (profile, cells) in profiles(saved) { (section(saved, profile, cells)) }
                (records::runs(saved))
                (records::environment(saved))
                (records::again(saved))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn introduction(saved: &Saved) -> Markup {
    html! {
        p.soft {
            "Requests per second are successful answers, the median of the rounds; a whisker spans the lowest and the \
             highest round. Ratios have 95 % intervals, and words stand only where the interval excludes 1; of twenty \
             intervals one may miss the truth by chance. "
            @if let Some(run) = saved.runs.last() { "Last run: " (run.started) "." }
        }
    }
}

/// Cells by profile, in their order.
fn profiles(saved: &Saved) -> impl Iterator<Item = (&str, &[Cell])> {
    let groups = saved.cells.chunk_by(|one, two| one.profile == two.profile);
    groups.filter_map(|cells| Some((cells.first()?.profile.as_str(), cells)))
}

/// Letters, digits and dashes of a name.
fn anchor(profile: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    format!("p-{}", profile.chars().map(plain).collect::<String>())
}

fn section(saved: &Saved, profile: &str, cells: &[Cell]) -> Markup {
    html! {
        section id=(anchor(profile)) {
            h2 { (profile) }
            @for cell in cells {
                h3 {
                    (thousands(cell.connections.into())) " connections"
                    span.soft { " " (cell.generation) }
                }
                @if !cell.is_of_one_run() {
                    p.soft { "These figures are of several runs: a ratio holds for its own run, rates of different ones compare badly." }
                }
                @if cell.foreign_cores() > FOREIGN_MAX {
                    p.soft { (format!("Other processes used up to {:.1} of the measured CPUs: compare CPU per request, not rates.", cell.foreign_cores())) }
                }
                (table(saved, cell))
                .charts {
                    (figures::curves(saved, cell))
                    (figures::history(saved, cell))
                }
            }
        }
    }
}

const COLUMNS: [&str; 11] = [
    "entry",
    "req/s",
    "ratio",
    "verdict",
    "server \u{b5}s/req",
    "\u{b5}s ratio",
    "p50",
    "p99",
    "p99.9",
    "memory",
    "errors",
];

fn table(saved: &Saved, cell: &Cell) -> Markup {
    let top = |figures: &Figures| {
        figures
            .range()
            .map_or(0.0, |(_, high)| high)
            .max(figures.rate())
    };
    let most = cell.figures.iter().map(top).fold(0.0, f64::max);
    html! {
        .wide {
            table.board {
                thead { tr {
                    @for (index, name) in COLUMNS.iter().enumerate() {
                        th scope="col" class=[(index == 0 || index == 3).then_some("text")] aria-sort=[(index == 1).then_some("descending")] {
                            button { (name) }
                        }
                        @if index == 1 { th.text scope="col" { span.soft { "range of rounds" } } }
                    }
                } }
                tbody { @for figures in &cell.figures { (row(figures, saved.colour(&figures.entry), most)) } }
            }
        }
    }
}

fn row(figures: &Figures, colour: usize, most: f64) -> Markup {
    let against = figures.against.as_ref();
    let ratio = against.and_then(|against| against.rps.as_ref());
    let limited = against.is_some_and(|against| against.generator_limited);
    let percentile = |name: &str| figures.latency_us_median.get(name).copied().flatten();
    html! {
        tr {
            td { span class=(chart::class(colour)) aria-hidden="true" { "\u{25a0} " } (figures.entry) }
            td data-key=(figures.rate()) { (thousands(figures.rate() as u64)) }
            td.text { (chart::bar(colour, figures.rate(), figures.range(), most)) }
            (interval(ratio))
            td.text { @if limited { "generator at its limit" } @else if let (Some(ratio), Some(against)) = (ratio, against) { (verdict(ratio, &against.base)) } }
            (number(figures.server_cpu_us_per_request, |us| format!("{us:.2}")))
            (interval(against.and_then(|against| against.server_cpu_us_per_request.as_ref())))
            (number(percentile("p50"), latency))
            @match percentile("p99") {
                Some(us) => (number(Some(us), latency)),
                None => td data-key="" { @if figures.rounds.is_empty() { (figures.p99_latency) } @else { "-" } },
            }
            (number(percentile("p99_9"), latency))
            (number(figures.peak_memory_bytes, |bytes| format!("{:.1} MiB", bytes / 1_048_576.0)))
            (number(figures.errors_total.map(|count| count as f64), |count| thousands(count as u64)))
        }
    }
}

/// A ratio with its interval, bold if that excludes 1.
fn interval(ratio: Option<&Ratio>) -> Markup {
    let text = |ratio: &Ratio| {
        format!(
            "{:.2} ({:.2}\u{2013}{:.2})",
            ratio.value, ratio.low, ratio.high
        )
    };
    html! {
        td data-key=(key(ratio.map(|ratio| ratio.value))) class=[ratio.filter(|ratio| ratio.is_decided()).map(|_| "yes")] {
            (ratio.map_or_else(|| "-".into(), text))
        }
    }
}

/// `slower than sws`; without the base where nothing is decided.
fn verdict(ratio: &Ratio, base: &str) -> String {
    if ratio.is_decided() {
        format!("{} than {base}", ratio.verdict)
    } else {
        ratio.verdict.clone()
    }
}

/// What a column is sorted by: empty when it is not known.
fn key(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn number(value: Option<f64>, text: impl Fn(f64) -> String) -> Markup {
    html! { td data-key=(key(value)) { (value.map_or_else(|| "-".into(), text)) } }
}
