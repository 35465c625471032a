//! Connections that did not move, by name.

use super::units::latency;
use crate::{plan::Plan, run::Outcome, stuck::Stuck};
use serde::Serialize;
use std::io::{self, Write};

/// One of them as result files have it.
#[derive(Serialize)]
pub(crate) struct ShownStuck<'a> {
    connection: u32,
    template: u32,
    name: &'a str,
    /// What it waited for: an upgrade or an answer.
    waits_for: &'static str,
    in_flight: u32,
    silent_ns: u64,
    /// Bytes received since it was opened.
    bytes: u64,
    inside_answer: bool,
    /// When that was noticed, since the begin of the window.
    t_ns: i64,
    at_end: bool,
}

impl<'a> ShownStuck<'a> {
    /// Those of a run.
    pub(crate) fn of(plan: &'a Plan, outcome: &Outcome) -> Vec<Self> {
        let kept = outcome.trouble.stuck_first.0.iter();
        kept.map(|stuck| Self::new(plan, stuck)).collect()
    }

    fn new(plan: &'a Plan, stuck: &Stuck) -> Self {
        let template = plan.templates.get(stuck.template as usize);
        Self {
            connection: stuck.connection,
            template: stuck.template,
            name: template.map_or("", |template| template.name.as_str()),
            waits_for: if stuck.is_upgrading {
                "upgrade"
            } else {
                "answer"
            },
            in_flight: stuck.in_flight,
            silent_ns: stuck.silent,
            bytes: stuck.bytes,
            inside_answer: stuck.inside,
            t_ns: stuck.at,
            at_end: stuck.at_end,
        }
    }
}

/// The lines for a reader.
pub(crate) fn text(out: &mut impl Write, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    let shown = ShownStuck::of(plan, outcome);
    if shown.is_empty() {
        return Ok(());
    }
    let all = outcome.trouble.stuck + outcome.silent as u64;
    writeln!(out, "  Stuck ({} of {all}):", shown.len())?;
    for one in &shown {
        writeln!(
            out,
            "    connection {}, {}: silent for {} at {:.3}s, waits for {} ({} in flight), {} bytes had come{}",
            one.connection,
            super::mismatches::harmless(&crate::mismatch::escaped(one.name.as_bytes())),
            latency(one.silent_ns),
            one.t_ns as f64 / 1e9,
            if one.waits_for == "upgrade" {
                "its upgrade"
            } else {
                "an answer"
            },
            one.in_flight,
            one.bytes,
            if one.inside_answer {
                ", a part of this answer among them"
            } else {
                ""
            }
        )?;
    }
    Ok(())
}
