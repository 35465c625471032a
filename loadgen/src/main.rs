//! `loadgen`: an HTTP/1.1 and WebSocket load generator on io_uring.
//!
//! ```text
//! args → plan → run: one worker a thread, each with its ring and connections → outcome → verdict → report
//! ```
//!
//! A worker owns everything that its requests touch; threads meet only at the borders of the run. Every
//! request that is sent ends in one line of the books, and the books must balance.
#![deny(unsafe_code)]

mod args;
mod attend;
mod books;
mod calibration;
mod checks;
mod clock;
mod conn;
mod control;
mod duration;
mod errno;
mod error;
mod files;
mod gates;
mod highest;
mod histogram;
mod hold;
mod html;
mod inflight;
mod live;
mod machine;
mod mismatch;
mod pending;
mod plan;
mod rate;
mod raw_log;
mod record;
mod report;
mod rng;
mod rotation;
mod route;
mod run;
mod schedule;
mod signals;
mod slots;
mod socket;
mod sources;
mod split;
mod start_at;
mod statistics;
mod status;
mod steady;
mod stuck;
mod target;
mod template;
mod timers;
mod tls;
mod trouble;
mod verbs;
mod verdict;
mod watch;
mod windows;
mod wire;
mod worker;

use crate::{
    args::Args,
    error::{Failure, exit, tell},
    files::{Files, Session},
    plan::Plan,
    raw_log::RawLog,
    signals::Signals,
    verdict::Verdict,
};
use clap::FromArgMatches;
use std::{
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    match verbs::called().unwrap_or_else(measure) {
        Ok(exit_code) => ExitCode::from(exit_code),
        Err(failure) => {
            tell(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Does the run and reports it; the exit status says what it was worth.
fn measure() -> Result<u8, Failure> {
    let mut command = verbs::whole();
    let matches = verbs::parse(&mut command)?;
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let (options, quiet) = (args.output.clone(), args.live.quiet);
    if args.live.clear_history {
        let text = "loadgen keeps no history of runs: there is nothing to clear";
        writeln!(io::stdout(), "{text}").map_err(Failure::Output)?;
        return Ok(exit::OK);
    }
    let mut plan = Plan::new(args, |note| {
        if !quiet {
            tell(format_args!("note: {note}"));
        }
    })?;
    let session = Session::new(&command, &matches, &options, &plan);
    if options.strict && plan.start_at.is_some() {
        session.host.clock.demand()?;
    }
    let files = Files::new(&options)?;
    let log = RawLog::maybe(&options.raw_log)?;
    let signals = Signals::hold();
    let failed = highest::settle(&mut plan, &signals)?;
    let log = log.map(RawLog::start).transpose()?;
    if !plan.json && !quiet {
        report::text::banner(&mut io::stdout().lock(), &plan).map_err(Failure::Output)?;
    }
    let outcome = match failed {
        Some(outcome) => Ok(outcome),
        None => run::run(&plan, &signals, log.as_ref()),
    };
    log.map_or(Ok(()), raw_log::Writing::finish)?;
    let outcome = outcome?;
    let mut verdict = Verdict::of(&plan, &outcome);
    verdict.compare(&outcome, session.limits.as_ref());
    let run = report::json::run(&session, &plan, &outcome, &verdict).map_err(Failure::Output)?;
    verdict.pass_gates(&run, &options);
    let json =
        report::json::result(&session, &plan, &outcome, &verdict).map_err(Failure::Output)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if plan.json {
        out.write_all(&json).and_then(|()| out.flush())
    } else {
        report::text::result(&mut out, &plan, &outcome, &verdict)
    };
    // The files are written even if nobody reads the report.
    let run = report::json::run(&session, &plan, &outcome, &verdict).map_err(Failure::Output)?;
    files.write(&json, &run)?;
    written.map_err(Failure::Output)?;
    Ok(verdict.exit_code)
}
