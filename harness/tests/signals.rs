//! A signal leaves nothing behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use harness::processes;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Entry, harness, root};

#[track_caller]
fn within(limit: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < limit,
            "{what} did not happen within {limit:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_terminated_validation_stops_its_server_and_removes_its_folders() {
    let notes = tempfile::tempdir().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let pid_file = notes.path().join("pid");
    // Never answers, so that the harness waits for it.
    let start = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 60",
        pid_file.display()
    );
    let entry = Entry::with_start(&start, &["pipelined"]);
    let mut child = harness()
        .arg("--root")
        .arg(root())
        .arg("validate")
        .arg(entry.path())
        .arg("--native")
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    within(Duration::from_secs(20), "the start of the server", || {
        pid_file.exists()
    });
    let server: u32 = std::fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(processes::is_running(server));
    assert!(std::fs::read_dir(temporary.path()).unwrap().count() > 0);

    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(128 + 15));
    within(Duration::from_secs(5), "the end of the server", || {
        !processes::is_running(server)
    });
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}
