//! What can be done beside a run: with result files (`merge`, `compare`, `report`), and with this machine (`calibrate`,
//! `doctor`), for those who type command lines (`completions`, `man`); and a run of many steps (`sweep`).

mod calibrate;
mod compare;
mod completions;
mod doctor;
mod merge;
mod report;
mod sweep;

use crate::{
    args::{self, number},
    error::{Failure, exit},
};
use clap::{
    ArgMatches, Command, CommandFactory, FromArgMatches, Parser,
    error::{ContextKind, ContextValue},
};
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
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
    Sweep(Box<sweep::Args>),
}

const NAMES: [&str; 8] = [
    "merge",
    "compare",
    "report",
    "calibrate",
    "doctor",
    "completions",
    "man",
    "sweep",
];

/// The verbs only.
fn verbs() -> Command {
    Verb::command()
        .mut_subcommand("sweep", sweep::command)
        .mut_subcommands(|verb| verb.mut_args(number::may_be_negative))
}

/// A run and the verbs: what there is to type. It is described, not parsed: see [`called`].
pub(crate) fn whole() -> Command {
    let verbs = verbs();
    let verbs = verbs.get_subcommands().cloned();
    args::Args::command()
        .subcommands(verbs)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
}

/// Does what the first argument names; `None` when it names no verb, so that it is a run.
pub(crate) fn called() -> Option<Result<u8, Failure>> {
    let first = env::args_os().nth(1)?;
    let first = first.to_str()?;
    if first == "help" {
        let printed = whole().print_long_help();
        return Some(printed.map(|()| exit::OK).map_err(Failure::Output));
    }
    if !NAMES.contains(&first) {
        // No URL looks like this, and a host without http:// is none.
        let is_word = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_lowercase());
        return is_word.then(|| Err(Failure::Usage(unknown(first))));
    }
    let mut command = verbs();
    let matches = command.get_matches_mut();
    let verb = Verb::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Some(match verb {
        Verb::Merge(args) => merge::merge(&args),
        Verb::Compare(args) => compare::compare(&args).map(|()| exit::OK),
        Verb::Report(args) => report::report(&args).map(|()| exit::OK),
        Verb::Calibrate(args) => calibrate::calibrate(&args),
        Verb::Doctor(args) => doctor::doctor(&args),
        Verb::Completions(args) => completions::completions(&args).map(|()| exit::OK),
        Verb::Man(args) => completions::man(&args).map(|()| exit::OK),
        Verb::Sweep(args) => {
            let own = matches.subcommand_matches("sweep");
            let (own, command) = own.zip(command.find_subcommand("sweep"))?;
            sweep::sweep(*args, command, own)
        }
    })
}

/// What a run was called with. Ends the program where that is wrong or asks for help.
pub(crate) fn parse(whole: &mut Command) -> Result<ArgMatches, Failure> {
    let error = match whole.try_get_matches_from_mut(env::args_os()) {
        Ok(matches) => return Ok(matches),
        Err(error) => error,
    };
    // A second word is taken for a verb, which the message would then speak of.
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => Err(Failure::Usage(superfluous(word))),
        _ => error.exit(),
    }
}

fn superfluous(word: &str) -> String {
    format!(
        "`{word}` is a word too many: a run has one URL, and a verb ({}) comes first of all",
        NAMES.join(", ")
    )
}

fn unknown(word: &str) -> String {
    format!(
        "`{word}` is neither a URL, which is written like http://localhost:8080/path, nor one of {}",
        NAMES.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        let command = verbs();
        command.clone().debug_assert();
        whole().debug_assert();
        let names: Vec<&str> = command
            .get_subcommands()
            .map(|verb| verb.get_name())
            .collect();
        assert_eq!(names, NAMES);
    }
}
