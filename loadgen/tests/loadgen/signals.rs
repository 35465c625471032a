//! Stopping early prints what was measured until then.

use crate::{
    server::{OK, Server},
    tool::{finish, number, start},
};
use serde_json::Value;
use std::{process::Command, thread, time::Duration};

fn stopped_by(signal: &str, code: i32) {
    let server = Server::answering(OK);
    let child = start(&[&server.url(), "-c", "2", "-d", "20s", "--json"]);
    thread::sleep(Duration::from_millis(500));
    let kill = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let output = finish(child);
    assert_eq!(output.code, Some(code), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(number(&report["responses"]) > 0);
    let elapsed = report["elapsed_sec"].as_f64().unwrap();
    assert!((0.05..5.0).contains(&elapsed), "{elapsed}");
    let rate = number(&report["responses"]) as f64 / elapsed;
    let told = report["rps"].as_f64().unwrap();
    assert!((rate / told - 1.0).abs() < 0.05, "{rate} {told}");
}

#[test]
fn interrupt() {
    stopped_by("-INT", 130);
}

#[test]
fn terminate() {
    stopped_by("-TERM", 143);
}
