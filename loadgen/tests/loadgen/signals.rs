//! Stopping early prints what was measured until then.

use crate::{
    server::{OK, Server},
    tool::{self, number},
};
use serde_json::Value;

fn stopped_by(signal: &str, code: i32) {
    let server = Server::answering(OK);
    let args = [&server.url(), "-c", "2", "-d", "1h", "--json"];
    let output = tool::stopped_by(signal, &server, &args, || {});
    assert_eq!(output.code, Some(code), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(number(&report["responses"]) > 0);
    let elapsed = report["elapsed_sec"].as_f64().unwrap();
    assert!((0.05..60.0).contains(&elapsed), "{elapsed}");
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
