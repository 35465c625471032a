//! Runs the binary and takes its reports apart.

use crate::schema;
use serde_json::Value;
use std::{
    ffi::OsStr,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::NamedTempFile;

/// Longer than any test's run; a run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a finished run left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Starts the binary.
pub(crate) fn start(args: &[&str]) -> Child {
    command(args).spawn().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command
        .args(args)
        // What was found out about this machine before is no part of a test.
        .env("XDG_CACHE_HOME", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the binary to its end, with one more variable in its environment.
pub(crate) fn run_with(args: &[&str], name: &str, value: impl AsRef<OsStr>) -> Output {
    finish(command(args).env(name, value).spawn().unwrap())
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    finish(start(args))
}

/// Waits for a started binary.
pub(crate) fn finish(child: Child) -> Output {
    finish_within(child, PATIENCE)
}

/// The same for a run that is longer than most.
pub(crate) fn finish_within(mut child: Child, patience: Duration) -> Output {
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let out = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let err = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > patience {
            child.kill().unwrap();
            panic!("the run did not end");
        }
        thread::sleep(Duration::from_millis(5));
    };
    Output {
        code: status.code(),
        stdout: out.join().unwrap(),
        stderr: err.join().unwrap(),
    }
}

/// Runs with `--json`, checks what must hold for every run, and returns the object.
pub(crate) fn json(args: &[&str]) -> (Value, Output) {
    let output = run(&[args, &["--json"]].concat());
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    books_balance(&report);
    schema::validate(&report);
    (report, output)
}

/// The sums that must hold whatever the server did, computed from what the report says.
fn books_balance(report: &Value) {
    let counts = &report["counts"];
    let sum = |names: &[&str]| names.iter().map(|name| number(&counts[*name])).sum::<u64>();
    let came = sum(&["in_flight_at_start", "sent"]);
    let went = sum(&[
        "ok",
        "bad_status",
        "bad_header",
        "bad_body",
        "malformed",
        "cut_short",
        "lost",
        "timed_out",
        "in_flight_at_end",
    ]);
    assert_eq!(came, went, "{counts:#}");
    let whole = &counts["whole_run"];
    let ended: u64 = ["ok", "bad", "lost", "unfinished"]
        .iter()
        .map(|name| number(&whole[*name]))
        .sum();
    assert_eq!(number(&whole["sent"]), ended, "{counts:#}");
    assert_eq!(report["verdict"]["counts_balance"], true);
    assert_eq!(
        number(&report["responses"]),
        sum(&["ok", "bad_status", "bad_header", "bad_body"])
    );
    assert_eq!(report["latency_us"]["samples"], report["responses"]);
}

/// A count in a report.
pub(crate) fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

/// A file with a request.
pub(crate) fn template(request: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(request.as_ref()).unwrap();
    file
}

/// The value of `--raw` for these files.
pub(crate) fn raw(files: &[&NamedTempFile]) -> String {
    let paths = files.iter().map(|file| file.path().to_str().unwrap());
    paths.collect::<Vec<_>>().join(",")
}
