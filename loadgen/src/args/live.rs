//! Flags that say what is shown while the run goes on.

use crate::live::Display;
use std::{
    env,
    io::{IsTerminal, stderr},
};

/// What of a run that is under way is shown, on standard error.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Live {
    /// Show the run as it goes, full screen: rate and latencies over time, a histogram, status codes, errors, templates. q
    /// or Ctrl-C ends the run; what was measured until then is printed. Without it a terminal gets one line a second, and
    /// a pipe or file nothing
    #[arg(long, conflicts_with_all = ["quiet", "plain"])]
    tui: bool,

    /// Bars of the histogram of --tui
    #[arg(short, long, value_name = "N", default_value = "10",
        value_parser = super::number::whole::<u16>(2..=50))]
    buckets: u16,

    /// No line that shows how the run goes, even on a terminal
    #[arg(long)]
    plain: bool,

    /// Print the result and nothing else: no progress, no notes, no words about what will be done
    #[arg(long)]
    pub quiet: bool,

    /// For command lines of other tools: no history of runs is kept, so there is nothing to clear. Nothing is run
    #[arg(long)]
    pub clear_history: bool,
}

impl Live {
    /// What to show, on the terminal that there is.
    pub(crate) fn display(&self) -> Result<Display, String> {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let can_draw = stderr().is_terminal() && !is_dumb;
        match (self.tui, can_draw) {
            (true, true) => Ok(Display::Screen {
                buckets: self.buckets.into(),
            }),
            (true, false) => Err(
                "--tui draws on standard error, which is no terminal that can be drawn on".into(),
            ),
            (false, true) if !self.plain && !self.quiet => Ok(Display::Line),
            _ => Ok(Display::Nothing),
        }
    }
}
