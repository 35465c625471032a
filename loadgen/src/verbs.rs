//! What can be done beside a run: with result files (`merge`, `compare`, `report`), and with this machine (`calibrate`,
//! `doctor`).

mod calibrate;
mod compare;
mod doctor;
mod merge;
mod report;

use crate::error::{Failure, exit};
use clap::Parser;
use std::env;

/// Verbs beside that of a run, which needs none.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, args_override_self = true)]
enum Verb {
    Merge(merge::Args),
    Compare(compare::Args),
    Report(report::Args),
    Calibrate(calibrate::Args),
    Doctor(doctor::Args),
}

const NAMES: [&str; 5] = ["merge", "compare", "report", "calibrate", "doctor"];

/// Does what the first argument names; `None` when it names no verb, so that it is a run.
pub(crate) fn called() -> Option<Result<u8, Failure>> {
    let first = env::args_os().nth(1)?;
    if !NAMES.iter().any(|name| first == *name) {
        return None;
    }
    Some(match Verb::parse() {
        Verb::Merge(args) => merge::merge(&args),
        Verb::Compare(args) => compare::compare(&args).map(|()| exit::OK),
        Verb::Report(args) => report::report(&args).map(|()| exit::OK),
        Verb::Calibrate(args) => calibrate::calibrate(&args),
        Verb::Doctor(args) => doctor::doctor(&args),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        let command = Verb::command();
        command.clone().debug_assert();
        let names: Vec<&str> = command
            .get_subcommands()
            .map(|verb| verb.get_name())
            .collect();
        assert_eq!(names, NAMES);
    }
}
