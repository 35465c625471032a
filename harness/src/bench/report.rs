//! The tables at the end.

use super::measure::Figures;
use super::result::Cell;
use super::units::{latency, thousands};

/// CPUs used by others from which on rates say little.
const FOREIGN_MAX: f64 = 0.2;
/// A side is at its limit from here on.
const SATURATED: f64 = 0.95;

const COLUMNS: [&str; 11] = [
    "entry",
    "best req/s",
    "median",
    "spread",
    "ratio",
    "server us/req",
    "client us/req",
    "server busy",
    "p99",
    "peak MiB",
    "errors",
];

/// One table: the cells of one profile and connection count, first entry first.
/// Ratios are of medians against the first entry that was measured; CPU times
/// per request are those of the lowest round.
pub fn table(cells: &[&Cell<'_>], server_cpus: usize) -> String {
    let Some(first) = cells.first() else {
        return String::new();
    };
    let reference = cells
        .iter()
        .find(|cell| cell.best().is_some())
        .map(|cell| cell.median(rps));
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    for cell in cells {
        rows.push(row(cell, reference, server_cpus));
    }
    let heading = format!(
        "{} ({}), {} connections, {} round(s) of {} s",
        first.profile.name,
        first.profile.generation,
        first.connections,
        first.rounds.len(),
        first.seconds
    );
    format!("{heading}\n{}{}", aligned(&rows), notes(cells))
}

fn rps(round: &Figures) -> f64 {
    round.report.rps()
}

fn row(cell: &Cell<'_>, reference: Option<f64>, server_cpus: usize) -> Vec<String> {
    let name = cell.entry.name.clone();
    let Some(best) = cell.best() else {
        return vec![name, "invalid".into()];
    };
    let ratio = reference.filter(|reference| *reference > 0.0);
    vec![
        name,
        thousands(best.report.rps() as u64),
        thousands(cell.median(rps) as u64),
        format!("{:.1}%", cell.spread()),
        ratio.map_or_else(
            || "-".into(),
            |reference| format!("{:.2}", cell.median(rps) / reference),
        ),
        cell.server_cpu_us().map_or_else(|| "-".into(), figure),
        cell.client_cpu_us().map_or_else(|| "-".into(), figure),
        format!(
            "{:.0}%",
            best.server_cores / server_cpus.max(1) as f64 * 100.0
        ),
        latency(best.report.latency_p99_us),
        format!("{:.1}", best.peak_memory as f64 / 1_048_576.0),
        thousands(errors(best)),
    ]
}

/// Answers other than 2xx, and connections or requests that failed.
fn errors(round: &Figures) -> u64 {
    let [_, refusals @ ..] = round.report.status;
    let failures = round
        .report
        .errors
        .iter()
        .map(|(_, count)| count)
        .sum::<u64>();
    refusals.iter().sum::<u64>() + failures
}

/// Three significant digits or so.
fn figure(number: f64) -> String {
    if number < 10.0 {
        format!("{number:.2}")
    } else {
        format!("{number:.1}")
    }
}

/// First column to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(String::len)
            .max()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (column, field) in row.iter().enumerate() {
            let width = width(column);
            if column == 0 {
                line += &format!(" {field:<width$}");
            } else {
                line += &format!("  {field:>width$}");
            }
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Invalid rounds, and what to know before trusting the figures.
fn notes(cells: &[&Cell<'_>]) -> String {
    let mut text = String::new();
    for cell in cells {
        text += &objections(cell);
    }
    let measured = || cells.iter().filter(|cell| cell.best().is_some());
    let disturbed: Vec<f64> = measured()
        .map(|cell| cell.median(|r| r.foreign_cores))
        .collect();
    let most = disturbed.into_iter().fold(0.0, f64::max);
    if most > FOREIGN_MAX {
        text += &format!(
            "  other processes used up to {most:.1} of the measured CPUs: compare CPU per request, not rates\n"
        );
    }
    let limited: Vec<&str> = measured()
        .filter(|cell| is_limited(cell))
        .map(|cell| cell.entry.name.as_str())
        .collect();
    if !limited.is_empty() {
        text += &format!(
            "  the load generator was at its limit with {}: compare CPU per request, not rates\n",
            limited.join(", ")
        );
    }
    if measured().any(|cell| cell.profile.expects_errors) {
        text += "  the load provokes errors and expects them\n";
    }
    text
}

/// The rounds that do not count, those with the same reason in one line.
fn objections(cell: &Cell<'_>) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (index, round) in cell.rounds.iter().enumerate() {
        let Some(why) = &round.objection else {
            continue;
        };
        let number = (index + 1).to_string();
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, rounds)) => rounds.push(number),
            None => reasons.push((why, vec![number])),
        }
    }
    let line = |(why, rounds): (&str, Vec<String>)| {
        format!(
            "  {}: round {} does not count: {why}\n",
            cell.entry.name,
            rounds.join(", ")
        )
    };
    reasons.into_iter().map(line).collect()
}

/// Whether the generator had nothing left to give.
fn is_limited(cell: &Cell<'_>) -> bool {
    cell.median(|round| round.client_cores) / cell.threads.max(1) as f64 > SATURATED
}

/// The two lines per measurement that the arena's CI reads.
pub fn arena_lines(cell: &Cell<'_>) -> Option<String> {
    let best = cell.best()?;
    Some(format!(
        "=== {} / {} / {}c (tool=loadgen) ===\n=== Best: {} req/s (CPU: {:.1}%, Mem: {}) ===",
        cell.entry.name,
        cell.profile.name,
        cell.connections,
        best.report.rps() as u64,
        best.server_cores * 100.0,
        super::units::memory(best.peak_memory)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::tests::{cell, entry, figures};

    #[test]
    fn the_table_compares_with_the_first_measured_entry() {
        let entries = [entry("broken"), entry("sws"), entry("hyper")];
        let cells = [
            cell(&entries[0], "baseline", vec![figures(1, Some("read: 3"))]),
            cell(&entries[1], "baseline", vec![figures(200_000, None)]),
            cell(&entries[2], "baseline", vec![figures(100_000, None)]),
        ];
        let text = table(&cells.iter().collect::<Vec<_>>(), 1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "baseline (2026-03), 512 connections, 1 round(s) of 2 s"
        );
        assert!(
            lines[2].contains("broken") && lines[2].ends_with("invalid"),
            "{text}"
        );
        assert!(
            lines[3].contains("200,000") && lines[3].contains("1.00"),
            "{text}"
        );
        assert!(
            lines[4].contains("100,000") && lines[4].contains("0.50"),
            "{text}"
        );
        assert!(
            text.contains("broken: round 1 does not count: read: 3"),
            "{text}"
        );
    }

    #[test]
    fn rates_that_say_little_are_marked() {
        let entry = entry("sws");
        let mut round = figures(100, None);
        round.client_cores = 0.99;
        let text = table(&[&cell(&entry, "json", vec![round.clone()])], 1);
        assert!(
            text.contains("the load generator was at its limit with sws:"),
            "{text}"
        );
        round.foreign_cores = 0.8;
        let text = table(&[&cell(&entry, "json", vec![round])], 1);
        assert!(
            text.contains("other processes used up to 0.8 of the measured CPUs"),
            "{text}"
        );
        let text = table(&[&cell(&entry, "json", vec![figures(100, None)])], 1);
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn columns_line_up() {
        let entries = [entry("a"), entry("a-long-name")];
        let cells = entries
            .each_ref()
            .map(|entry| cell(entry, "json", vec![figures(12, None)]));
        let text = table(&cells.iter().collect::<Vec<_>>(), 1);
        let ends: Vec<usize> = text.lines().skip(2).map(str::len).collect();
        assert_eq!(ends[0], ends[1], "{text}");
    }

    #[test]
    fn the_ci_lines_have_their_form() {
        let entry = entry("sws");
        let lines = arena_lines(&cell(&entry, "json", vec![figures(12, None)])).unwrap();
        assert_eq!(
            lines,
            "=== sws / json / 512c (tool=loadgen) ===\n=== Best: 12 req/s (CPU: 95.3%, Mem: 3MiB) ==="
        );
    }
}
