//! Results as one Markdown table: profiles down, entries across.

use super::saved::{Cell, Figures, Run, Saved};
use crate::bench::units::thousands;

/// The table, and what is to be known about it.
pub(super) fn summary(saved: &Saved) -> String {
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
            text += &format!(" {} |", figure(cell, name, saved.base()));
        }
        text.push('\n');
    }
    text += "\nSuccessful answers per second, the median of the rounds";
    if let Some(base) = saved.base() {
        text += &format!(
            "; in brackets the ratio to {} with its 95 % interval, bold where that decides",
            escaped(base)
        );
    }
    text += ".\n";
    if !saved.cells.iter().all(Cell::is_of_one_run) {
        text += "Not all figures of a line are of one run; ratios are.\n";
    }
    if let Some(run) = saved.runs.last() {
        text += &format!("{}\n", measured(run));
    }
    text
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

fn figure(cell: &Cell, name: &str, base: Option<&str>) -> String {
    let Some(figures) = cell.figures.iter().find(|figures| figures.entry == name) else {
        return "-".into();
    };
    format!(
        "{}{}",
        thousands(figures.rate() as u64),
        ratio(figures, base)
    )
}

/// A ratio to another base than the table's is left out.
fn ratio(figures: &Figures, base: Option<&str>) -> String {
    let against = figures.against.as_ref();
    let against = against.filter(|against| Some(against.base.as_str()) == base);
    let ratio = against.and_then(|against| against.rps.as_ref());
    let Some(ratio) = ratio else {
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
        assert!(
            text.contains("Last run: 2026-11-21T15:00:00Z, A &lt;B&gt;, 2 CPUs."),
            "{text}"
        );
    }
}
