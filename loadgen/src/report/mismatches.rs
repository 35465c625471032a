//! The first wrong answers of a run, with their bytes.

use crate::{
    mismatch::{Difference, Mismatch},
    plan::Plan,
    run::Outcome,
};
use serde::Serialize;
use std::io::{self, Write};

/// What the arena's scripts look for, and what follows in a line. They take the first match of most of these, but nothing
/// that a server chose to send may ever be one.
const PARSED: [&str; 12] = [
    "Latency",
    "requests in",
    "frames sent",
    "frames received",
    "responses",
    "Bandwidth:",
    "Reconnects:",
    "Per-template",
    "WS frames",
    "WS upgrades",
    "Throughput:",
    "xx=",
];

/// A wrong answer as result files have it.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    kind: &'static str,
    template: u32,
    name: &'a str,
    connection: u32,
    /// Since the begin of the window; what came before is negative.
    t_ns: i64,
    /// The first byte that differs.
    offset: Option<u64>,
    /// Which byte both texts begin with.
    shown_from: u64,
    /// Bytes as text, all but printable ASCII escaped.
    expected: &'a str,
    got: &'a str,
    expected_bytes: Option<u64>,
    got_bytes: Option<u64>,
    got_hash: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// Those of a run.
    pub(crate) fn of(plan: &'a Plan, outcome: &'a Outcome) -> Vec<Self> {
        let kept = outcome.trouble.mismatches.kept.iter();
        kept.map(|mismatch| Self::new(plan, mismatch)).collect()
    }

    fn new(plan: &'a Plan, mismatch: &'a Mismatch) -> Self {
        let Difference {
            kind,
            offset,
            shown_from,
            expected,
            got,
            expected_bytes,
            got_bytes,
            got_hash,
        } = &mismatch.difference;
        let template = plan.templates.get(mismatch.template as usize);
        Self {
            kind: kind.name(),
            template: mismatch.template,
            name: template.map_or("", |template| template.name.as_str()),
            connection: mismatch.connection,
            t_ns: mismatch.at,
            offset: *offset,
            shown_from: *shown_from,
            expected,
            got,
            expected_bytes: *expected_bytes,
            got_bytes: *got_bytes,
            got_hash: got_hash.as_deref(),
        }
    }
}

/// The lines for a reader.
pub(crate) fn text(out: &mut impl Write, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    let all = outcome.trouble.mismatches.count;
    let shown = Shown::of(plan, outcome);
    if shown.is_empty() {
        return Ok(());
    }
    let some = if shown.len() as u64 == all {
        format!("{all}")
    } else {
        format!("the first {} of {all}", shown.len())
    };
    writeln!(out, "  Mismatches ({some}):")?;
    for (number, one) in (1..).zip(&shown) {
        writeln!(
            out,
            "    {number}. {} of {}, connection {}, at {:.6}s{}",
            one.kind,
            harmless(&crate::mismatch::escaped(one.name.as_bytes())),
            one.connection,
            one.t_ns as f64 / 1e9,
            sizes(one.offset, (one.expected_bytes, one.got_bytes))
        )?;
        let dots = if one.shown_from > 0 { "..." } else { "" };
        writeln!(out, "       expected  {dots}{}", harmless(one.expected))?;
        writeln!(out, "       got       {dots}{}", harmless(one.got))?;
        if let Some(hash) = one.got_hash {
            writeln!(out, "                 {hash}")?;
        }
    }
    Ok(())
}

/// Where the difference is, and how long both sides are, as far as that is known.
pub(crate) fn sizes(offset: Option<u64>, bytes: (Option<u64>, Option<u64>)) -> String {
    let mut text = offset.map_or_else(String::new, |at| format!(", differs from byte {at} on"));
    match bytes {
        (Some(expected), Some(got)) => {
            text += &format!(", {expected} bytes expected and {got} got");
        }
        (None, Some(got)) => text += &format!(", {got} bytes got"),
        _ => {}
    }
    text
}

/// Escapes one letter of whatever the arena's scripts might take for a result.
pub(super) fn harmless(text: &str) -> String {
    let mut harmless = text.to_owned();
    for word in PARSED {
        let (first, rest) = word.split_at(1);
        let escaped = format!("\\x{:02x}{rest}", first.as_bytes()[0]);
        harmless = harmless.replace(word, &escaped);
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_sends_looks_like_a_result() {
        assert_eq!(harmless("{\"a\":1}"), "{\"a\":1}");
        let hostile = "Latency 5us 2xx=99 99 responses requests in 1.0s Per-template-ok: 1,2";
        let text = harmless(hostile);
        for word in PARSED {
            assert!(!text.contains(word), "{text}");
        }
        assert!(text.starts_with("\\x4catency 5us 2\\x78x=99"), "{text}");
    }

    #[test]
    fn sizes_say_what_is_known() {
        assert_eq!(sizes(None, (None, None)), "");
        assert_eq!(
            sizes(Some(3), (Some(5), Some(4))),
            ", differs from byte 3 on, 5 bytes expected and 4 got"
        );
    }
}
