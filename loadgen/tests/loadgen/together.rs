//! Workers of one run that begin together, and their merged result.

use crate::{
    files::read,
    tool::{Output, finish_within, run, start},
};
use serde_json::Value;
use std::{
    path::Path,
    process::Child,
    time::{Duration, SystemTime},
};

/// Starts workers that begin together, and puts their results together. On a machine too slow to begin in time they get
/// more of it. Each finds its number where the line has `{}`.
pub(crate) fn workers(count: u32, folder: &Path, line: &[&str]) -> Value {
    let mut last = None;
    for lead in [1500, 4000, 12_000] {
        match try_workers(count, folder, Duration::from_millis(lead), line) {
            Ok(whole) => return whole,
            Err(output) => last = Some(output),
        }
    }
    panic!("{last:?}");
}

/// The same, with this time to get ready.
pub(crate) fn try_workers(
    count: u32,
    folder: &Path,
    lead: Duration,
    line: &[&str],
) -> Result<Value, Output> {
    let at = humantime::format_rfc3339_millis(SystemTime::now() + lead).to_string();
    let path = |name: String| folder.join(name).to_str().unwrap().to_owned();
    let files = (0..count).map(|index| path(format!("w{index}.json")));
    let files: Vec<String> = files.collect();
    let started = (0..count).zip(&files).map(|(index, file)| {
        let share = format!("{index}/{count}");
        let own = ["--worker", &share, "--start-at", &at, "-o", file];
        let line: Vec<String> = line
            .iter()
            .map(|word| word.replace("{}", &index.to_string()))
            .collect();
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        start(&[&line[..], &own].concat())
    });
    let started: Vec<Child> = started.collect();
    let patience = 2 * lead + Duration::from_secs(30);
    let outputs: Vec<Output> = started
        .into_iter()
        .map(|child| finish_within(child, patience))
        .collect();
    if let Some(output) = outputs.into_iter().find(|output| output.code != Some(0)) {
        return Err(output);
    }
    let whole = path("run.json".into());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let merged = run(&[&["merge"], files.as_slice(), &["-o", &whole]].concat());
    match merged.code {
        Some(0) => Ok(read(whole.as_ref())),
        _ => Err(merged),
    }
}
