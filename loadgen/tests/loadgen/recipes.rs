//! The recipes of `docs/distributed-load.md`, as far as this machine can run them.

use crate::{
    files::read,
    raw_log,
    server::{OK, Server},
    tool::{number, run, words},
};
use std::{
    process::{Command, Stdio},
    time::Duration,
};

#[test]
fn gnu_parallel_starts_the_workers() {
    let found = Command::new("parallel")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !matches!(found, Ok(status) if status.success()) {
        eprintln!("skipped: GNU parallel is not installed (apt-get install parallel)");
        return;
    }
    // A slow machine needs longer until all are there.
    if !parallel_runs_in(Duration::from_secs(4)) {
        assert!(parallel_runs_in(Duration::from_secs(20)));
    }
}

/// Returns whether the workers were not too late.
fn parallel_runs_in(lead: Duration) -> bool {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let at = std::time::SystemTime::now() + lead;
    let at = humantime::format_rfc3339_millis(at).to_string();
    let output = Command::new("parallel")
        .current_dir(folder.path())
        .args([
            "--will-cite",
            "-j",
            "2",
            env!("CARGO_BIN_EXE_loadgen"),
            &server.url(),
        ])
        .args(["-c", "5", "-d", "1s", "--start-at", &at])
        .args([
            "--worker",
            "{= $_ = seq() - 1 =}/2",
            "-o",
            "w{#}.json",
            "--raw-log",
            "w{#}.csv",
            ":::",
            "1",
            "2",
        ])
        .output()
        .unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("is too late for") {
        return false;
    }
    assert!(output.status.success(), "{output:?}");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let merged = run(&[
        "merge",
        &path("w1.json"),
        &path("w2.json"),
        "-o",
        &path("run.json"),
    ]);
    assert_eq!(merged.code, Some(0), "{merged:?}");
    let whole = read(path("run.json").as_ref());
    assert_eq!(number(&whole["connections"]), 5);
    assert_eq!(whole["workers"].as_array().unwrap().len(), 2);
    let logs = ["w1.csv", "w2.csv"].map(|name| raw_log::answers(path(name).as_ref()));
    let all: Vec<raw_log::Answer> = logs.into_iter().flatten().collect();
    raw_log::is_the_sum(&whole, &all);
    true
}

#[test]
fn what_json_prints_can_be_merged() {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("w0.json");
    let printed = run(&words(&format!(
        "{} -c 2 -d 200ms --worker 0/1 --json",
        server.url()
    )));
    std::fs::write(&out, printed.stdout).unwrap();
    let whole = folder.path().join("run.json");
    let merged = run(&[
        "merge",
        out.to_str().unwrap(),
        "-o",
        whole.to_str().unwrap(),
    ]);
    assert_eq!(merged.code, Some(0), "{merged:?}");
    assert_eq!(read(&whole)["responses"], read(&out)["responses"]);
}
