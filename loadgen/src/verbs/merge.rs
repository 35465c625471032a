//! Puts the results of the workers of one run together: counts and histograms are added, never percentiles. Files that do
//! not belong together are refused.

mod belong;
mod sum;

use crate::{
    error::Failure,
    files::{Pending, RunFile},
};
use serde_json::Value;
use std::path::PathBuf;

/// Put the results of all workers (--worker I/N) of one run together
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the workers wrote with -o, all of them
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// The result of the whole
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Does it.
pub(crate) fn merge(args: &Args) -> Result<(), Failure> {
    let files = args.files.iter().map(|path| RunFile::read(path));
    let mut files: Vec<RunFile> = files.collect::<Result<_, _>>()?;
    let together = belong::check(&mut files)?;
    let merged = sum::all(&files, &together)?;
    write(&args.output, &merged)
}

fn write(path: &std::path::Path, value: &Value) -> Result<(), Failure> {
    Pending::new(path)?.write(|out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        writeln!(out)
    })
}
