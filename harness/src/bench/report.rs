//! The tables at the end.

use super::cell::Cell;
use super::compare::{Comparison, is_limited};
use super::load;
use super::stats::Interval;
use super::units::{latency, thousands};

/// CPUs used by others from which on rates say little.
const FOREIGN_MAX: f64 = 0.2;

const COLUMNS: [&str; 14] = [
    "entry",
    "req/s",
    "spread",
    "ratio [95 %]",
    "",
    "us/req",
    "ratio [95 %]",
    "",
    "p50",
    "p99",
    "p99.9",
    "peak MiB",
    "switches/1k",
    "errors",
];

/// One table: the cells of one profile and connection count, first entry first.
/// Figures are medians over the rounds that count; `us/req` is the server's CPU
/// time; ratios are to the base, the first entry that was measured.
pub fn table(cells: &[&Cell<'_>]) -> String {
    let Some(first) = cells.first() else {
        return String::new();
    };
    let base = base(cells);
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    for cell in cells {
        let against = base.and_then(|base| Comparison::of(base, cell));
        rows.push(row(cell, against.as_ref()));
    }
    let heading = format!(
        "{} ({}), {} connections, {} round(s) of {}{}",
        first.profile.name,
        first.profile.generation,
        first.connections,
        first.rounds.len(),
        load::time(first.window),
        base.map_or_else(String::new, |base| format!(", base {}", base.entry.name))
    );
    format!("{heading}\n{}{}", aligned(&rows), notes(cells))
}

/// What the others are compared with: the first entry with a round that counts.
pub fn base<'a, 'b>(cells: &[&'a Cell<'b>]) -> Option<&'a Cell<'b>> {
    cells.iter().find(|cell| cell.best().is_some()).copied()
}

fn row(cell: &Cell<'_>, against: Option<&Comparison>) -> Vec<String> {
    let name = cell.entry.name.clone();
    if cell.best().is_none() {
        return vec![name, "invalid".into()];
    }
    let dash = || "-".to_owned();
    let ratio = |interval: Option<Interval>| interval.map_or_else(dash, interval_text);
    let percentile = |place: usize| cell.percentile(place).map_or_else(dash, latency);
    vec![
        name,
        thousands(cell.median(|round| round.report.rps()) as u64),
        format!("{:.1}%", cell.spread()),
        against.map_or_else(dash, |against| ratio(against.rps)),
        against.map_or("base", Comparison::rate_word).into(),
        cell.server_cpu_us().map_or_else(dash, figure),
        against.map_or_else(dash, |against| ratio(against.server_cpu)),
        against.map_or("base", Comparison::cost_word).into(),
        percentile(0),
        percentile(1),
        percentile(2),
        format!(
            "{:.1}",
            cell.median(|round| round.peak_memory as f64) / 1_048_576.0
        ),
        cell.switches()
            .map_or_else(dash, |[a, b]| figure((a + b) * 1000.0)),
        thousands(cell.errors()),
    ]
}

/// `0.62 [0.60-0.65]`; an interval of two rounds may be hopelessly wide.
fn interval_text(interval: Interval) -> String {
    let number = |number: f64| {
        if number < 100.0 {
            format!("{number:.2}")
        } else {
            ">99".into()
        }
    };
    format!(
        "{} [{}-{}]",
        number(interval.value),
        number(interval.low),
        number(interval.high)
    )
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
    if measured().count() > 1 && cells.iter().all(|cell| cell.rounds.len() < 2) {
        text += "  one round decides nothing: --rounds 3 is the least that may\n";
    }
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
        let does_not = match rounds.len() {
            1 => format!("round {} does not", rounds.concat()),
            _ => format!("rounds {} do not", rounds.join(", ")),
        };
        format!("  {}: {does_not} count: {why}\n", cell.entry.name)
    };
    reasons.into_iter().map(line).collect()
}

/// The line before a cell's runs that the arena's CI reads.
pub fn arena_heading(cell: &Cell<'_>) -> String {
    format!(
        "=== {} / {} / {}c (tool=loadgen) ===",
        cell.entry.name, cell.profile.name, cell.connections
    )
}

/// The line after them.
pub fn arena_best(cell: &Cell<'_>) -> Option<String> {
    let best = cell.best()?;
    Some(format!(
        "=== Best: {} req/s (CPU: {:.1}%, Mem: {}) ===",
        best.report.rps() as u64,
        best.server_cores * 100.0,
        super::units::memory(best.peak_memory)
    ))
}

/// Both, for measurements that are over.
pub fn arena_lines(cell: &Cell<'_>) -> Option<String> {
    Some(format!("{}\n{}", arena_heading(cell), arena_best(cell)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::samples::{cell, entry, figures};

    #[test]
    fn the_table_compares_with_the_first_measured_entry() {
        let entries = [entry("broken"), entry("sws"), entry("hyper")];
        let cells = [
            cell(&entries[0], "baseline", vec![figures(1, Some("read: 3"))]),
            cell(&entries[1], "baseline", vec![figures(200_000, None)]),
            cell(&entries[2], "baseline", vec![figures(100_000, None)]),
        ];
        let text = table(&cells.iter().collect::<Vec<_>>());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "baseline (2026-03), 512 connections, 1 round(s) of 2s, base sws"
        );
        assert!(
            lines[2].contains("broken") && lines[2].ends_with("invalid"),
            "{text}"
        );
        assert!(
            lines[3].contains("200,000") && lines[3].contains("base"),
            "{text}"
        );
        assert!(
            lines[4].contains("100,000") && lines[4].contains("not decided"),
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
        let says = "the load generator was at its limit with sws:";
        let text = table(&[&cell(&entry, "json", vec![round.clone()])]);
        assert!(text.contains(says), "{text}");
        // Its CPUs are busy with more than its own instructions.
        (round.client_cores, round.client_side_busy) = (0.8, Some(0.99));
        let text = table(&[&cell(&entry, "json", vec![round.clone()])]);
        assert!(text.contains(says), "{text}");
        round.client_side_busy = None;
        round.foreign_cores = 0.8;
        let text = table(&[&cell(&entry, "json", vec![round])]);
        assert!(
            text.contains("other processes used up to 0.8 of the measured CPUs"),
            "{text}"
        );
        let text = table(&[&cell(&entry, "json", vec![figures(100, None)])]);
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn rounds_that_do_not_count_for_one_reason_share_a_line() {
        let entry = entry("sws");
        let rounds = [None, Some("lost: 1"), Some("lost: 1"), Some("read: 2")];
        let rounds = rounds.map(|why| figures(10, why)).to_vec();
        let text = table(&[&cell(&entry, "json", rounds)]);
        for line in [
            "  sws: rounds 2, 3 do not count: lost: 1\n",
            "  sws: round 4 does not count: read: 2\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn words_are_said_where_rounds_decide() {
        let entries = [entry("sws"), entry("hyper"), entry("actix")];
        let rounds = |list: [u64; 3]| list.map(|rps| figures(rps, None)).to_vec();
        let cells = [
            cell(&entries[0], "json", rounds([1000, 900, 1100])),
            cell(&entries[1], "json", rounds([500, 451, 549])),
            cell(&entries[2], "json", rounds([1010, 880, 1105])),
        ];
        let text = table(&cells.iter().collect::<Vec<_>>());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[3].contains("0.50 [0.50-0.50]       slower"), "{text}");
        assert!(lines[4].contains("]  not decided"), "{text}");
        assert!(
            lines[2].contains("110us  2.73ms  4.00ms       3.0        255.0"),
            "{text}"
        );
    }

    #[test]
    fn a_hopeless_interval_stays_short() {
        let interval = Interval {
            value: 1.0,
            low: 1e-9,
            high: 1e12,
        };
        assert_eq!(interval_text(interval), "1.00 [0.00->99]");
    }

    #[test]
    fn columns_line_up() {
        let entries = [entry("a"), entry("a-long-name")];
        let cells = entries
            .each_ref()
            .map(|entry| cell(entry, "json", vec![figures(12, None)]));
        let text = table(&cells.iter().collect::<Vec<_>>());
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
