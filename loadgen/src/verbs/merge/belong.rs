//! Whether results are those of all workers of one run.

use crate::{error::Failure, files::RunFile};

/// How much of the time that any worker measured all of them must have measured.
const OVERLAP_MIN: f64 = 0.99;

/// What is known of a run when its parts belong together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Together {
    /// From the first begin to the last end, in nanoseconds since 1970.
    pub start: u64,
    pub end: u64,
    /// The part of it in which all workers measured.
    pub overlap: f64,
}

/// Checks, and sorts by number.
pub(super) fn check(files: &mut [RunFile]) -> Result<Together, Failure> {
    for file in &*files {
        if file.value["worker"].is_null() {
            let why = if file.value["workers"].is_array() {
                "it has been put together already"
            } else {
                "it is no worker's: the run had no --worker I/N"
            };
            return Err(file.refuse(why));
        }
    }
    files.sort_by_key(|file| file.count("/worker/index"));
    same(files, "/version", "another version of loadgen")?;
    same(files, "/worker/of", "a run with another number of workers")?;
    same(files, "/config", "a run with other arguments")?;
    all_there(files)?;
    overlap(files)
}

fn same(files: &[RunFile], pointer: &str, what: &str) -> Result<(), Failure> {
    let Some((first, rest)) = files.split_first() else {
        return Ok(());
    };
    let expected = first.value.pointer(pointer);
    match rest
        .iter()
        .find(|file| file.value.pointer(pointer) != expected)
    {
        None => Ok(()),
        Some(other) => Err(other.refuse(format!(
            "it is of {what} than {}: {pointer} is {} there and {} here",
            first.path.display(),
            expected.unwrap_or(&serde_json::Value::Null),
            other
                .value
                .pointer(pointer)
                .unwrap_or(&serde_json::Value::Null)
        ))),
    }
}

fn all_there(files: &[RunFile]) -> Result<(), Failure> {
    for pair in files.windows(2) {
        if pair[0].count("/worker/index") == pair[1].count("/worker/index") {
            return Err(pair[1].refuse(format!(
                "it is of the same worker as {}",
                pair[0].path.display()
            )));
        }
    }
    let Some(first) = files.first() else {
        return Ok(());
    };
    let of = first.count("/worker/of").unwrap_or(0);
    let missing: Vec<String> = (0..of)
        .filter(|index| {
            !files
                .iter()
                .any(|file| file.count("/worker/index") == Some(*index))
        })
        .map(|index| index.to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(first.refuse(format!(
        "it is one of {of} workers, and there is no file of worker {}",
        missing.join(", ")
    )))
}

fn overlap(files: &[RunFile]) -> Result<Together, Failure> {
    let spans = files.iter().map(RunFile::span);
    let spans: Vec<(u64, u64)> = spans.collect::<Result<_, _>>()?;
    let starts = spans.iter().map(|(start, _)| *start);
    let ends = spans.iter().map(|(_, end)| *end);
    let (first, last) = (starts.clone().min().unwrap_or(0), starts.max().unwrap_or(0));
    let (early, late) = (ends.clone().min().unwrap_or(0), ends.max().unwrap_or(0));
    let common = early.saturating_sub(last) as f64;
    let overlap = common / (late - first).max(1) as f64;
    if overlap >= OVERLAP_MIN {
        return Ok(Together {
            start: first,
            end: late,
            overlap,
        });
    }
    let odd = files
        .iter()
        .zip(&spans)
        .max_by_key(|(_, (start, end))| start.abs_diff(first).max(end.abs_diff(late)));
    let (file, (start, _)) = odd.unwrap_or((&files[0], &spans[0]));
    Err(file.refuse(format!(
        "the workers measured together for only {:.1} % of the time; this one began {:.3} s after the first (use --start-at)",
        overlap * 100.0,
        start.abs_diff(first) as f64 / 1e9
    )))
}
