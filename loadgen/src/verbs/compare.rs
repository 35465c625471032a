//! Compares runs of two things. A word is said only where the test, the interval, the smallest difference that matters and
//! the noise of this host allow it.

mod judge;
mod print;

use crate::{
    error::Failure,
    files::{Pending, RunFile},
};
use judge::{Comparison, Metric};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// As many pairs as an exact test is worth its time for.
const PAIRS_MAX: usize = 500;

/// Compare runs of A and B: `loadgen compare A… -- B…`. The first run of A is paired with the first of B and so on, so measure
/// them in turn. Six pairs can decide something, ten are better
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Results of A (written with -o)
    #[arg(required = true, value_name = "A")]
    a: Vec<PathBuf>,

    /// Results of B, after a `--`
    #[arg(required = true, value_name = "B", last = true)]
    b: Vec<PathBuf>,

    /// Runs of A again, paired with A: what differs there is noise. Without them the noise is taken from the spread of A and B
    #[arg(long, value_name = "FILES", num_args = 1..)]
    aa: Vec<PathBuf>,

    /// Smallest difference that matters, in percent
    #[arg(long, value_name = "PERCENT", default_value = "2", value_parser = percent)]
    relevant: f64,

    /// Take runs that are not valid as well
    #[arg(long)]
    allow_invalid: bool,

    /// Print one JSON object instead of text
    #[arg(short, long)]
    json: bool,

    /// Write it to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse::<f64>();
    match number {
        Ok(number) if (0.0..=100.0).contains(&number) => Ok(number / 100.0),
        _ => Err(format!("`{text}` is no percentage")),
    }
}

/// Does it.
pub(crate) fn compare(args: &Args) -> Result<(), Failure> {
    let read = |paths: &[PathBuf]| -> Result<Vec<RunFile>, Failure> {
        paths.iter().map(|path| RunFile::read(path)).collect()
    };
    let (a, b, aa) = (read(&args.a)?, read(&args.b)?, read(&args.aa)?);
    if a.len() != b.len() || !(aa.is_empty() || aa.len() == a.len()) {
        return Err(Failure::Usage(format!(
            "runs are compared in pairs, and there are {} of A and {} of B{}",
            a.len(),
            b.len(),
            if aa.is_empty() {
                String::new()
            } else {
                format!(", {} with --aa", aa.len())
            }
        )));
    }
    if a.len() > PAIRS_MAX {
        return Err(Failure::Usage(format!("more than {PAIRS_MAX} pairs")));
    }
    for file in a.iter().chain(&b).chain(&aa) {
        comparable(&a[0], file)?;
        if !args.allow_invalid && file.flag("/verdict/valid") != Some(true) {
            return Err(file.refuse(format!(
                "the run is not valid ({}); --allow-invalid takes it",
                file.texts("/verdict/notes").join("; ")
            )));
        }
    }
    let comparison = Comparison::new(&a, &b, &aa, args.relevant);
    let write = |out: &mut dyn Write| {
        if args.json {
            print::json(out, &comparison)
        } else {
            print::text(out, &comparison)
        }
    };
    match &args.output {
        Some(path) => Pending::new(path)?.write(write),
        None => write(&mut io::stdout().lock()).map_err(Failure::Output),
    }
}

/// Runs that ask different things are not compared.
fn comparable(first: &RunFile, file: &RunFile) -> Result<(), Failure> {
    for pointer in [
        "/mode",
        "/connections",
        "/threads",
        "/pipeline_depth",
        "/duration_sec",
        "/load/model",
        "/load/rate",
        "/load/requests_per_connection",
    ] {
        let (here, there) = (file.value.pointer(pointer), first.value.pointer(pointer));
        if here != there {
            let text = |value: Option<&serde_json::Value>| {
                value.map_or_else(|| "not given".into(), ToString::to_string)
            };
            return Err(file.refuse(format!(
                "it cannot be compared with {}: {} is {} there and {} here",
                first.path.display(),
                pointer.trim_start_matches('/'),
                text(there),
                text(here)
            )));
        }
    }
    Ok(())
}
