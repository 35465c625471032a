//! The table, a row at a time while it is measured, then the knee.

use super::{
    result::Sweep,
    step::{ACHIEVED, Step},
};
use crate::{
    duration,
    files::Session,
    plan::Plan,
    report::units::{count, latency},
};
use serde_json::Value;
use std::io::{self, Write};

/// Where it goes: to standard output as text, or, all at once, as JSON.
pub(super) struct Table {
    json: bool,
}

impl Table {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn begin(&self, plan: &Plan, session: &Session) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let target = &plan.target;
        writeln!(
            out,
            "loadgen v{} sweep of {}{} ({})",
            env!("CARGO_PKG_VERSION"),
            target.authority,
            target.path,
            target.address
        )?;
        writeln!(
            out,
            "  Load:     {} connections, threads: {}, pipeline {}, steps of {}, seed {}",
            plan.connections,
            plan.threads,
            plan.depth,
            duration::display(plan.duration),
            plan.seed
        )?;
        if let Some(limits) = &session.limits {
            writeln!(
                out,
                "  Client:   can do {}/s here (loadgen calibrate)",
                count(limits.ceiling_rps)
            )?;
        }
        out.flush()
    }

    pub(super) fn ceiling(&self, sweep: &Sweep) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        write!(
            out,
            "  Ceiling:  {}/s in a closed loop",
            count(sweep.ceiling)
        )?;
        if sweep.client_bound {
            write!(out, ", where the client was at its limit")?;
        }
        writeln!(out)?;
        for problem in &sweep.problems {
            writeln!(out, "    - {problem}")?;
        }
        write!(out, "  Kept if:  ")?;
        for slo in &sweep.slos {
            write!(out, "{slo}, ")?;
        }
        writeln!(
            out,
            "achieved>={:.0}%, every answer as expected\n",
            ACHIEVED * 100.0
        )?;
        if sweep.ceiling > 0.0 {
            writeln!(
                out,
                "  {:>6} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>6}  verdict",
                "share", "offered", "achieved", "p50", "p99", "p99.9", "max", "errors", "client"
            )?;
        }
        out.flush()
    }

    pub(super) fn row(&self, sweep: &Sweep, step: &Step) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let row = step.numbers(sweep.ceiling);
        let far = row.p99_9_ns.map_or_else(|| "n/a".into(), latency);
        write!(
            out,
            "  {:>5.1}% {:>9} {:>7.1}% {:>8} {:>8} {far:>8} {:>8} {:>7} {:>5.0}%  {}",
            row.share * 100.0,
            count(row.offered_rps),
            row.achieved_ratio * 100.0,
            latency(row.p50_ns),
            latency(row.p99_ns),
            latency(row.max_ns),
            row.errors,
            row.client_busy * 100.0,
            row.verdict
        )?;
        match row.reasons.first() {
            Some(reason) => writeln!(out, " ({reason})")?,
            None => writeln!(out)?,
        }
        out.flush()
    }

    pub(super) fn end(&self, sweep: &Sweep, value: &Value) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, value)?;
            return writeln!(out);
        }
        writeln!(
            out,
            "\n  Times are response times, from when a request was due.\n  Knee:     {}",
            sweep.sentence()
        )?;
        out.flush()
    }
}
