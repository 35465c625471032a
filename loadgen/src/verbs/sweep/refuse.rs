//! Flags of a run that make no sense for many of them.

use crate::{args, error::Failure};
use clap::{ArgMatches, Command, parser::ValueSource};

/// The name of the argument, its flag, and what to do instead.
const REFUSED: [(&str, &str, &str); 15] = [
    (
        "duration",
        "-d",
        "say with --step-duration how long a step is held",
    ),
    (
        "requests",
        "-n",
        "steps are held for a time, --step-duration",
    ),
    ("rate", "--rate", "a sweep finds the rates itself"),
    (
        "deadline",
        "--deadline",
        "requests that are not sent would make a step look good",
    ),
    (
        "think",
        "--think",
        "an open loop sends when requests are due",
    ),
    ("idle", "--idle", "a sweep keeps connections busy"),
    (
        "ws_mode",
        "--ws-mode",
        "--ws sends messages and expects their echoes",
    ),
    ("gates", "--fail-if", "say with --slo what has to hold"),
    ("worker", "--worker", "a sweep is done by one process"),
    ("start_at", "--start-at", "a sweep is done by one process"),
    (
        "hgrm",
        "--hgrm",
        "the histogram of each step is in the file of -o",
    ),
    (
        "hlog",
        "--hlog",
        "the histogram of each step is in the file of -o",
    ),
    (
        "timeseries",
        "--timeseries",
        "the intervals of each step are in the file of -o",
    ),
    (
        "raw_log",
        "--raw-log",
        "log a run at the rate in question, with --rate",
    ),
    ("md", "--md", "use --csv, --html or -o"),
];

/// Takes them out of the help.
pub(super) fn hide(command: Command) -> Command {
    let names = REFUSED.iter().map(|(name, ..)| *name);
    names.fold(command, |command, name| {
        command.mut_arg(name, |argument| argument.hide(true))
    })
}

/// Refuses them by name.
pub(super) fn others(run: &args::Args, matches: &ArgMatches) -> Result<(), Failure> {
    let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    if let Some((_, flag, instead)) = REFUSED.iter().find(|(name, ..)| given(name)) {
        return Err(Failure::Usage(format!(
            "{flag}: not for a sweep; {instead}"
        )));
    }
    match run.rate() {
        Ok(None) => Ok(()),
        Ok(Some(rate)) => Err(Failure::Usage(format!(
            "-R {rate}: not for a sweep, which finds the rates itself; write ./{rate} for a file of that name"
        ))),
        Err(error) => Err(Failure::Usage(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::REFUSED;
    use crate::args::Args;
    use clap::CommandFactory;

    #[test]
    fn each_is_an_argument_of_a_run() {
        let command = Args::command();
        for (name, ..) in REFUSED {
            assert!(
                command
                    .get_arguments()
                    .any(|argument| argument.get_id() == name),
                "{name}"
            );
        }
    }
}
