//! `loadgen doctor`: what it finds, and its exit status.

use crate::{
    server::{OK, Server},
    tool::run,
};
use serde_json::Value;

/// The findings, by name.
fn doctor(args: &[&str]) -> (Value, Option<i32>) {
    let output = run(&[&["doctor", "--json"], args].concat());
    let report = serde_json::from_str(&output.stdout);
    (
        report.unwrap_or_else(|error| panic!("{error}: {output:?}")),
        output.code,
    )
}

fn finding<'r>(report: &'r Value, name: &str) -> &'r Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

#[test]
fn a_machine_that_runs_these_tests_has_what_they_need() {
    let server = Server::answering(OK);
    let (report, _) = doctor(&[&server.url()]);
    for name in ["kernel", "io_uring", "open files", "target", "reachable"] {
        assert_eq!(finding(&report, name)["level"], "ok", "{report:#}");
    }
    assert!(
        finding(&report, "path")["text"]
            .as_str()
            .unwrap()
            .contains("loopback")
    );
    for name in [
        "features",
        "ports",
        "backlog",
        "TIME_WAIT",
        "governor",
        "turbo",
        "mitigations",
        "SMT",
        "steal",
        "load",
        "clock",
        "CPU quota",
        "memory",
        "locked memory",
    ] {
        let found = finding(&report, name);
        let needs_fix = ["warn", "bad"].contains(&found["level"].as_str().unwrap());
        assert_eq!(found["fix"].is_string(), needs_fix, "{found:#}");
    }
}

#[test]
fn what_is_bad_makes_the_exit_status_1_and_has_a_fix() {
    let (report, code) = doctor(&["-c", "1048576"]);
    assert_eq!(code, Some(1), "{report:#}");
    let ports = finding(&report, "ports");
    assert_eq!(ports["level"], "bad");
    assert!(ports["fix"].as_str().unwrap().contains("--source-ip"));

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = run(&["doctor", &format!("http://{closed}/")]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stdout.contains("BAD   reachable") && output.stdout.contains("-> ss -ltn"),
        "{}",
        output.stdout
    );
    let output = run(&["doctor", "http://no-such-host.invalid/"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stdout.contains("cannot resolve"),
        "{}",
        output.stdout
    );
}

#[test]
fn the_exit_status_follows_from_the_findings() {
    let (report, code) = doctor(&[]);
    let checks = report["checks"].as_array().unwrap();
    let bad = checks
        .iter()
        .filter(|check| check["level"] == "bad")
        .count();
    assert_eq!(report["bad"], bad);
    assert_eq!(code, Some(i32::from(bad > 0)));
}
