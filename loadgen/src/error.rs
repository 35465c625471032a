//! What ends the program before or instead of a report.

use std::{
    fmt,
    io::{self, Write},
};

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, a file or the target is wrong.
    Usage(String),
    /// The machine refused something that the run needs.
    Machine(String),
    /// What would be measured could not be believed.
    Invalid(String),
    /// The report could not be written.
    Output(io::Error),
}

impl Failure {
    /// The exit status that the help promises.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Invalid(_) => exit::INVALID,
            Self::Machine(_) | Self::Output(_) => exit::MACHINE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Machine(text) | Self::Invalid(text) => f.write_str(text),
            Self::Output(error) => write!(f, "the report could not be written: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Says something beside the report. That nobody can hear it is no reason to end.
pub(crate) fn tell(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "loadgen: {text}");
}

/// Exit statuses.
pub(crate) mod exit {
    pub(crate) const OK: u8 = 0;
    pub(crate) const BAD_ANSWERS: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const GATE: u8 = 3;
    pub(crate) const INVALID: u8 = 4;
    pub(crate) const NO_ANSWER: u8 = 5;
    pub(crate) const MACHINE: u8 = 6;
    /// Added to the number of the signal that stopped the run.
    pub(crate) const SIGNAL_BASE: u8 = 128;
}
