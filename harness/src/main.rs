//! The command behind `validate.sh` and `benchmark.sh`.

use clap::Parser as _;
use harness::cli::{self, Cli};
use std::any::Any;
use std::panic;
use std::process::ExitCode;

/// That of a program that SIGPIPE ends.
const PIPE_CLOSED: u8 = 128 + 13;

fn main() -> ExitCode {
    quiet_when_nobody_reads();
    match panic::catch_unwind(|| cli::run(&Cli::parse())) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
        Err(payload) if nobody_reads(payload.as_ref()) => ExitCode::from(PIPE_CLOSED),
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// `... | head` closes the pipe. Then printing fails, and what was started is
/// stopped on the way out; a signal would leave it.
fn quiet_when_nobody_reads() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !nobody_reads(info.payload()) {
            usual(info);
        }
    }));
}

fn nobody_reads(payload: &(dyn Any + Send)) -> bool {
    let text = payload.downcast_ref::<String>();
    text.is_some_and(|text| {
        text.starts_with("failed printing to std") && text.contains("Broken pipe")
    })
}
