//! A summary in Markdown, short enough for a comment.

use super::RunFile;
use crate::report::{self, units};
use std::io::{self, Write};

/// Notes in full; more are counted.
const NOTES_MAX: usize = 10;

pub(crate) fn write(out: &mut dyn Write, runs: &[RunFile]) -> io::Result<()> {
    for run in runs {
        one(out, run)?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, run: &RunFile) -> io::Result<()> {
    let text = |pointer: &str| escaped(run.text(pointer).unwrap_or(""));
    let count = |pointer: &str| run.count(pointer).unwrap_or(0);
    let number = |pointer: &str| run.number(pointer).unwrap_or(0.0);
    let word = match (
        run.flag("/verdict/valid"),
        gates(run).iter().all(|gate| gate.pass),
    ) {
        (Some(true), true) => "valid",
        (Some(true), false) => "valid, but **a gate was breached**",
        _ => "**not valid**",
    };
    writeln!(out, "### loadgen: {}\n", text("/target"))?;
    writeln!(
        out,
        "{word} · {} connections, {} threads, {} in flight on each · {} · {:.1} s\n",
        count("/connections"),
        count("/threads"),
        count("/pipeline_depth"),
        model(run),
        number("/elapsed_sec"),
    )?;
    if let Some(tls) = report::tls::sentence(run) {
        writeln!(out, "{}\n", escaped(&tls))?;
    }
    writeln!(
        out,
        "| throughput | p50 | p90 | p99 | p99.9 | max | errors | client CPU/answer |"
    )?;
    writeln!(out, "|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    let latency = |pointer: &str| match run.count(pointer) {
        Some(nanos) => units::latency(nanos),
        None => "n/a".into(),
    };
    writeln!(
        out,
        "| {}/s | {} | {} | {} | {} | {} | {} | {:.2}us |\n",
        units::count(number("/rps")),
        latency("/latency/p50"),
        latency("/latency/p90"),
        latency("/latency/p99"),
        latency("/latency/p99_9"),
        latency("/latency/max"),
        count("/counts/whole_run/bad") + count("/counts/whole_run/lost") + count("/errors/connect"),
        number("/client/cpu_us_per_answer"),
    )?;
    let gates = gates(run);
    if !gates.is_empty() {
        writeln!(out, "| fails if | value | |\n|---|---:|---|")?;
        for gate in gates {
            let word = if gate.pass { "kept" } else { "**breached**" };
            writeln!(
                out,
                "| {} | {} | {word} |",
                escaped(gate.expr),
                escaped(gate.shown)
            )?;
        }
        writeln!(out)?;
    }
    notes(out, run)
}

fn notes(out: &mut dyn Write, run: &RunFile) -> io::Result<()> {
    let notes = run.texts("/verdict/notes");
    for note in notes.iter().take(NOTES_MAX) {
        writeln!(out, "- {}", escaped(note))?;
    }
    if let Some(more @ 1..) = notes.len().checked_sub(NOTES_MAX) {
        writeln!(out, "- and {more} more")?;
    }
    if run.text("/verdict/bound") == Some("client") {
        writeln!(
            out,
            "- the client was at its limit: the server may be faster"
        )?;
    }
    if notes.is_empty() {
        Ok(())
    } else {
        writeln!(out)
    }
}

/// The load model in words that say what its latency means.
pub(crate) fn model(run: &RunFile) -> &'static str {
    match run.text("/load/model") {
        Some("closed") | None => "closed loop, so waiting before the send is hidden",
        Some(_) => "open loop, latency from the intended start",
    }
}

struct Gate<'r> {
    expr: &'r str,
    shown: &'r str,
    pass: bool,
}

fn gates(run: &RunFile) -> Vec<Gate<'_>> {
    let gates = run.value["gates"].as_array().into_iter().flatten();
    let gates = gates.map(|gate| Gate {
        expr: gate["expr"].as_str().unwrap_or(""),
        shown: gate["shown"].as_str().unwrap_or(""),
        pass: gate["pass"] == true,
    });
    gates.collect()
}

/// Text that others may have chosen, such as a server's answer, as plain text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_stays_text() {
        assert_eq!(
            escaped("a|b\n<img> @you `x`"),
            "a\\|b &lt;img&gt; &#64;you \\`x\\`"
        );
    }
}
