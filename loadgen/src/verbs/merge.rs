//! Puts the results of the workers of one run together: counts and histograms are added, never percentiles. Files that do
//! not belong together are refused.

mod belong;
mod hold;
mod machines;
mod open;
mod sum;

use crate::{
    error::{Failure, exit, tell},
    files::{Derived, DerivedFiles, Pending, RunFile},
    gates::{Gate, Passage},
};
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

    #[command(flatten)]
    derived: Derived,

    /// Fail, with exit status 3, when this holds of the whole; as for a run
    #[arg(long = "fail-if", value_name = "CONDITION")]
    gates: Vec<Gate>,
}

/// Does it; the exit status is that of the gates.
pub(crate) fn merge(args: &Args) -> Result<u8, Failure> {
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let output = real(&args.output);
    if args.files.iter().any(|path| real(path) == output) {
        return Err(Failure::Usage(format!(
            "-o {}: it is one of the workers' files, which would be lost; name another one",
            args.output.display()
        )));
    }
    let files = args.files.iter().map(|path| RunFile::read(path));
    let mut files: Vec<RunFile> = files.collect::<Result<_, _>>()?;
    let together = belong::check(&mut files)?;
    let mut merged = RunFile {
        path: args.output.clone(),
        value: sum::all(&files, &together)?,
    };
    let gates: Vec<Passage> = args.gates.iter().map(|gate| gate.judge(&merged)).collect();
    merged.value["gates"] = serde_json::json!(gates);
    let derived = DerivedFiles::new(&args.derived)?;
    Pending::new(&args.output)?.write(|out| {
        serde_json::to_writer_pretty(&mut *out, &merged.value)?;
        writeln!(out)
    })?;
    derived.write(&merged)?;
    let breached = gates.iter().filter(|gate| !gate.pass);
    for gate in breached.clone() {
        tell(gate);
    }
    Ok(if breached.count() > 0 {
        exit::GATE
    } else {
        exit::OK
    })
}
