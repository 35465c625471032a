//! What on this machine makes measurements wrong, and the command that puts it right.

mod cpus;
mod limits;
mod ring;
mod target;

use crate::{
    args::number,
    error::{Failure, exit},
};
use serde::Serialize;
use std::io::{self, Write};

/// Check whether this machine is fit to measure with, each finding with the command that mends it. The exit status is 1 when
/// something is bad
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A server that is to be measured: is it there, and where?
    url: Option<String>,

    /// Connections that are wanted
    #[arg(short, long, value_name = "N", default_value = "100",
        value_parser = number::whole::<u32>(1..=1 << 20))]
    connections: u32,

    /// Print one JSON object instead of text
    #[arg(short, long)]
    json: bool,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// Numbers may be worse than they need be.
    Warn,
    /// A run will fail, or mean nothing.
    Bad,
    /// This system does not tell.
    Unknown,
}

/// One check.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    level: Level,
    text: String,
    /// The command to type, or else what to do.
    fix: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, Level::Ok, text)
    }

    fn unknown(name: &'static str) -> Self {
        Self::new(name, Level::Unknown, "this system does not tell")
    }

    fn warn(name: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(name, Level::Warn, text)
        }
    }

    fn bad(name: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(name, Level::Bad, text)
        }
    }

    fn new(name: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self {
            name,
            level,
            text: text.into(),
            fix: None,
        }
    }
}

#[derive(Serialize)]
struct Report<'f> {
    schema: &'f str,
    version: &'f str,
    connections: u32,
    bad: usize,
    warn: usize,
    checks: &'f [Finding],
}

/// Does it.
pub(crate) fn doctor(args: &Args) -> Result<u8, Failure> {
    let wanted = args.connections;
    let mut findings = ring::check();
    findings.extend(limits::check(wanted));
    findings.extend(cpus::check());
    if let Some(url) = &args.url {
        findings.extend(target::check(url));
    }
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let report = Report {
        schema: "loadgen-doctor/1",
        version: env!("CARGO_PKG_VERSION"),
        connections: wanted,
        bad: count(Level::Bad),
        warn: count(Level::Warn),
        checks: &findings,
    };
    let mut out = io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &report)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        text(&mut out, &report)
    };
    written.map_err(Failure::Output)?;
    Ok(match report.bad {
        0 => exit::OK,
        _ => exit::BAD_ANSWERS,
    })
}

fn text(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let width = report.checks.iter().map(|check| check.name.len()).max();
    let width = width.unwrap_or(0);
    for check in report.checks {
        let level = match check.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Bad => "BAD",
            Level::Unknown => "-",
        };
        writeln!(out, "{level:<5} {:<width$}  {}", check.name, check.text)?;
        if let Some(fix) = &check.fix {
            writeln!(out, "{:<width$}  -> {fix}", "", width = width + 6)?;
        }
    }
    match (report.bad, report.warn) {
        (0, 0) => writeln!(out, "\nNothing stands in the way."),
        (bad, warn) => writeln!(out, "\n{bad} bad, {warn} to look at."),
    }
}
