//! Reports from result files: what the file's name ends in says which.

use crate::{
    error::Failure,
    files::{Pending, RunFile, csv, markdown},
    html,
};
use std::path::PathBuf;

/// Make a report from results: `-o report.html`, `.md` or `.csv`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Results (written with -o, or by merge). Those with the same label `server` belong together
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// The report; what its name ends in (.html, .md, .csv) says what it is
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Does it.
pub(crate) fn report(args: &Args) -> Result<(), Failure> {
    let runs = args.files.iter().map(|path| RunFile::read(path));
    let runs: Vec<RunFile> = runs.collect::<Result<_, _>>()?;
    let kind = args.output.extension().and_then(|kind| kind.to_str());
    match kind {
        Some("html" | "htm") => {
            let page = html::page(&runs)?;
            Pending::new(&args.output)?.write(|out| out.write_all(page.as_bytes()))
        }
        Some("md") => Pending::new(&args.output)?.write(|out| markdown::write(out, &runs)),
        Some("csv") => Pending::new(&args.output)?.write(|out| csv::write(out, &runs)),
        _ => Err(Failure::Usage(format!(
            "{}: a report ends in .html, .md or .csv",
            args.output.display()
        ))),
    }
}
