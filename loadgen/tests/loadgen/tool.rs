//! Runs the binary and takes its reports apart.

use crate::{schema, server::Server};
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

/// The arguments of a command line. Nothing that a test passes has spaces within.
pub(crate) fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
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
    until_answered(args, |args| {
        finish(command(args).env(name, &value).spawn().unwrap())
    })
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    until_answered(args, run_once)
}

/// The same where nothing is to be answered.
pub(crate) fn run_once(args: &[&str]) -> Output {
    finish(start(args))
}

/// Measures again, and for longer, where a machine is so slow that a short window ended before the first answer.
pub(crate) fn until_answered(args: &[&str], run: impl Fn(&[&str]) -> Output) -> Output {
    let output = run(args);
    let at = args.iter().position(|arg| *arg == "-d");
    match at.filter(|_| output.code == Some(5)) {
        Some(at) => {
            let mut args = args.to_vec();
            args[at + 1] = "8s";
            eprintln!("nothing was answered: once more, for longer: {args:?}");
            run(&args)
        }
        None => output,
    }
}

/// Runs it for longer and longer, until a report has enough in it to tell something by.
pub(crate) fn json_until(args: &[&str], enough: impl Fn(&Value) -> bool) -> (Value, Output) {
    for duration in ["600ms", "3s"] {
        let measured = json(&[args, &["-d", duration]].concat());
        if enough(&measured.0) {
            return measured;
        }
    }
    json(&[args, &["-d", "12s"]].concat())
}

/// Starts it, and sends a signal once it has measured something; by then `server` has been asked for a while.
pub(crate) fn stopped_by(
    signal: &str,
    server: &Server,
    args: &[&str],
    before: impl FnOnce(),
) -> Output {
    let child = start(args);
    let begin = Instant::now();
    // Longer than the warm-up.
    while server.requests().len() < 100 || begin.elapsed() < Duration::from_millis(500) {
        assert!(begin.elapsed() < PATIENCE, "the server is not asked");
        thread::sleep(Duration::from_millis(5));
    }
    before();
    let kill = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    finish(child)
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
    checked(run(&[args, &["--json"]].concat()))
}

/// The same where nothing is to be answered.
pub(crate) fn json_once(args: &[&str]) -> (Value, Output) {
    checked(run_once(&[args, &["--json"]].concat()))
}

fn checked(output: Output) -> (Value, Output) {
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
pub(crate) fn raw<'f>(files: impl IntoIterator<Item = &'f NamedTempFile>) -> String {
    let paths = files.into_iter().map(|file| file.path().to_str().unwrap());
    paths.collect::<Vec<_>>().join(",")
}
