//! Results as Markdown tables: profiles down, entries across.

use super::saved::{Against, Cell, Figures, Ratio, Run, Saved};
use crate::bench::units::thousands;

/// What a table shows.
struct Kind {
    /// Of an entry; `None` where it is not known.
    figure: fn(&Figures) -> Option<String>,
    ratio: fn(&Against) -> Option<&Ratio>,
    says: &'static str,
}

const RATE: Kind = Kind {
    figure: |figures| Some(thousands(figures.rate() as u64)),
    ratio: |against| against.rps.as_ref(),
    says: "Successful answers per second, the median of the rounds",
};

const COST: Kind = Kind {
    figure: |figures| figures.server_cpu_us_per_request.map(microseconds),
    ratio: |against| against.server_cpu_us_per_request.as_ref(),
    says: "CPU time of the server per answer in µs, the median of the rounds: less is better",
};

fn microseconds(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => thousands(value.round() as u64),
    }
}

/// Both tables, and what is to be known about them.
pub(super) fn summary(saved: &Saved) -> String {
    let mut text = table(saved, &RATE);
    if saved.cells.iter().any(|cell| {
        let mut figures = cell.figures.iter();
        figures.any(|figures| figures.server_cpu_us_per_request.is_some())
    }) {
        text += &format!("\n{}", table(saved, &COST));
    }
    text.push('\n');
    let against = |figures: &Figures| {
        figures
            .against
            .as_ref()
            .is_some_and(|a| a.generator_limited)
    };
    if saved
        .cells
        .iter()
        .flat_map(|cell| &cell.figures)
        .any(against)
    {
        text += "Where the load generator was at its limit with both, rates decide nothing, and CPU time does.\n";
    }
    if !saved.cells.iter().all(Cell::is_of_one_run) {
        text += "Not all figures of a line are of one run; ratios are.\n";
    }
    if let Some(run) = saved.runs.last() {
        text += &format!("{}\n", measured(run));
    }
    text
}

/// One table with the sentence that says what it shows.
fn table(saved: &Saved, kind: &Kind) -> String {
    let names = columns(saved);
    let mut text = String::from("| profile | connections |");
    for name in &names {
        text += &format!(" {} |", escaped(name));
    }
    text += &format!("\n|---|---:|{}\n", "---:|".repeat(names.len()));
    let mut generations: Vec<&str> = saved
        .cells
        .iter()
        .map(|cell| cell.generation.as_str())
        .collect();
    generations.sort_unstable();
    generations.dedup();
    for cell in &saved.cells {
        text += &format!("| {}", escaped(&cell.profile));
        if generations.len() > 1 {
            text += &format!(" ({})", escaped(&cell.generation));
        }
        text += &format!(" | {} |", thousands(cell.connections.into()));
        for name in &names {
            text += &format!(" {} |", figure(cell, name, saved.base(), kind));
        }
        text.push('\n');
    }
    text += &format!("\n{}", kind.says);
    if let Some(base) = saved.base() {
        text += &format!(
            "; in brackets the ratio to {} with its 95 % interval, bold where that decides",
            escaped(base)
        );
    }
    text + ".\n"
}

/// The base of the comparisons first, the others by name.
fn columns(saved: &Saved) -> Vec<&str> {
    let figures = saved.cells.iter().flat_map(|cell| &cell.figures);
    let mut names: Vec<&str> = figures.map(|figures| figures.entry.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let base = saved.base().unwrap_or_default();
    names.sort_by_key(|name| *name != base);
    names
}

fn figure(cell: &Cell, name: &str, base: Option<&str>, kind: &Kind) -> String {
    let figures = cell.figures.iter().find(|figures| figures.entry == name);
    let known = figures.and_then(|figures| Some((figures, (kind.figure)(figures)?)));
    known.map_or_else(
        || "-".into(),
        |(figures, figure)| format!("{figure}{}", ratio(figures, base, kind)),
    )
}

/// A ratio to another base than the table's is left out.
fn ratio(figures: &Figures, base: Option<&str>, kind: &Kind) -> String {
    let against = figures.against.as_ref();
    let against = against.filter(|against| Some(against.base.as_str()) == base);
    let Some(ratio) = against.and_then(kind.ratio) else {
        return String::new();
    };
    let bold = if ratio.is_decided() { "**" } else { "" };
    format!(
        " ({bold}{:.2}{bold}, {:.2} to {:.2})",
        ratio.value, ratio.low, ratio.high
    )
}

/// When, where and from which sources the last run was.
fn measured(run: &Run) -> String {
    let known = |name: &str| {
        let value = run.environment.get(name)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (!value.is_null()).then(|| escaped(&text))
    };
    let mut parts = vec![format!("Last run: {}", escaped(&run.started))];
    parts.extend(known("cpu"));
    parts.extend(known("cpus").map(|cpus| format!("{cpus} CPUs")));
    parts.extend(known("kernel").map(|kernel| format!("Linux {kernel}")));
    parts.extend(
        known("commit")
            .map(|commit| format!("commit {}", commit.chars().take(10).collect::<String>())),
    );
    format!("{}.", parts.join(", "))
}

/// Names come from folders and files of anybody.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '\n' | '\r' => out.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '@' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::saved::{Against, Ratio};

    fn figures(entry: &str, rps: f64, ratio: Option<[f64; 3]>) -> Figures {
        Figures {
            entry: entry.into(),
            rps,
            against: ratio.map(|[value, low, high]| Against {
                base: "sws".into(),
                rps: Some(Ratio {
                    value,
                    low,
                    high,
                    verdict: String::new(),
                }),
                ..Against::default()
            }),
            ..Figures::default()
        }
    }

    #[test]
    fn the_base_comes_first_and_decided_ratios_are_bold() {
        let cell = |profile: &str, figures: Vec<Figures>| Cell {
            generation: String::new(),
            profile: profile.into(),
            connections: 4096,
            figures,
        };
        let saved = Saved {
            cells: vec![
                cell(
                    "json",
                    vec![
                        figures("actix", 500.0, Some([0.5, 0.4, 0.6])),
                        figures("sws", 1000.0, None),
                    ],
                ),
                cell(
                    "up|load",
                    vec![figures("actix", 1001.0, Some([1.0, 0.9, 1.1]))],
                ),
            ],
            runs: vec![
                serde_json::from_str(
                    r#"{"started": "2026-11-21T15:00:00Z",
                "environment": {"cpu": "A <B>", "cpus": 2, "kernel": null}}"#,
                )
                .unwrap(),
            ],
        };
        let text = summary(&saved);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "| profile | connections | sws | actix |");
        assert_eq!(lines[1], "|---|---:|---:|---:|");
        assert_eq!(
            lines[2],
            "| json | 4,096 | 1,000 | 500 (**0.50**, 0.40 to 0.60) |"
        );
        assert_eq!(
            lines[3],
            "| up\\|load | 4,096 | - | 1,001 (1.00, 0.90 to 1.10) |"
        );
        assert!(!text.contains("CPU time"), "{text}");
        assert!(
            text.contains("Last run: 2026-11-21T15:00:00Z, A &lt;B&gt;, 2 CPUs."),
            "{text}"
        );
    }

    #[test]
    fn what_an_answer_costs_is_a_table_of_its_own() {
        let cost = |entry: &str, cost: f64, ratio: f64| {
            let mut figures = figures(entry, 1000.0, None);
            figures.server_cpu_us_per_request = Some(cost);
            figures.against = (entry != "sws").then(|| Against {
                base: "sws".into(),
                generator_limited: true,
                server_cpu_us_per_request: Some(Ratio {
                    value: ratio,
                    low: 1.1,
                    high: 9.0,
                    verdict: "dearer".into(),
                }),
                ..Against::default()
            });
            figures
        };
        let saved = Saved {
            cells: vec![Cell {
                generation: String::new(),
                profile: "json".into(),
                connections: 64,
                figures: vec![
                    cost("sws", 9.876, 1.0),
                    cost("node", 98.76, 10.0),
                    cost("slow", 9876.5, 1000.0),
                    figures("unknown", 7.0, None),
                ],
            }],
            runs: Vec::new(),
        };
        let text = summary(&saved);
        let says = "| json | 64 | 9.88 | 98.8 (**10.00**, 1.10 to 9.00) | 9,877 (**1000.00**, 1.10 to 9.00) | - |";
        assert!(text.contains(says), "{text}");
        assert_eq!(text.matches("| profile |").count(), 2, "{text}");
        assert!(text.contains("rates decide nothing"), "{text}");
    }
}
