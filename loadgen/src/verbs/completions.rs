//! Completions for shells, and the manual: made from the same description that the command line is read with.

use super::whole;
use crate::error::Failure;
use clap_complete::Shell;
use std::io::{self, Write};

/// Print what a shell needs to complete command lines of loadgen: `loadgen completions bash > /etc/bash_completion.d/loadgen`
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or that of a verb: `loadgen man | man -l -`
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Whose page; without it that of a run
    verb: Option<String>,
}

/// Does it.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut whole(), "loadgen", &mut script);
    io::stdout().write_all(&script).map_err(Failure::Output)
}

/// Does it.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let mut command = whole();
    command.build();
    let command = match &args.verb {
        None => command,
        Some(name) => command.find_subcommand(name).cloned().ok_or_else(|| {
            Failure::Usage(format!(
                "there is no verb `{name}`; there are {}",
                super::NAMES.join(", ")
            ))
        })?,
    };
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command)
        .source(concat!("loadgen ", env!("CARGO_PKG_VERSION")))
        .render(&mut page);
    rendered
        .and_then(|()| io::stdout().write_all(&page))
        .map_err(Failure::Output)
}
