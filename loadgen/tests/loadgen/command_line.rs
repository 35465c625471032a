//! Refusals: each names the flag or file and says what to do. None sends anything.

use crate::{
    server::{OK, Server},
    tool::{json, run, template, words},
};
use std::time::{Duration, Instant};

fn refused(args: &[&str], parts: &[&str]) {
    let output = run(args);
    assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
    for part in parts {
        assert!(output.stderr.contains(part), "{args:?}: {}", output.stderr);
    }
    assert_eq!(output.stdout, "", "{args:?}");
}

#[test]
fn bad_values() {
    let url = "http://127.0.0.1:1/";
    refused(&[url, "-c", "0"], &["--connections", "0"]);
    refused(&[url, "-t", "0"], &["--threads"]);
    refused(&[url, "-p", "0"], &["--pipeline"]);
    refused(&[url, "-p", "100000"], &["--pipeline", "100000"]);
    refused(&[url, "-d", "0"], &["--duration"]);
    refused(&[url, "-d", "5 parsecs"], &["--duration", "500ms"]);
    refused(&[url, "-c", "many"], &["--connections", "many"]);
    refused(&[url, "-r", "-1"], &["--requests-per-connection"]);
    refused(&[url, "--recv-buf", "511"], &["--recv-buf"]);
    refused(&[url, "--frobnicate"], &["--frobnicate"]);
    refused(&[url, "--cpus", "x"], &["--cpus"]);
}

#[test]
fn features_of_other_versions() {
    let url = "http://127.0.0.1:1/ws";
    refused(
        &[url, "--ws-msg", "{RAND:2:1}"],
        &["--ws-msg has a bad placeholder", "min <= max"],
    );
    refused(&[url, "--ws", "--raw", "x"], &["--ws", "--raw"]);
    refused(&[url, "--tui"], &["--tui", "is no terminal"]);
}

#[test]
fn targets() {
    refused(&[], &["no target", "http://localhost:8080/"]);
    refused(&["localhost:8080"], &["localhost:8080", "http://"]);
    refused(&["ftp://localhost/"], &["ftp", "https"]);
    refused(
        &["http://no-such-host.invalid/"],
        &["cannot resolve host `no-such-host.invalid`"],
    );
    refused(&["http://[::1/"], &["[::1"]);
}

#[test]
fn templates() {
    let url = "http://127.0.0.1:1/";
    refused(
        &[url, "--raw", "/no/such/get.raw"],
        &["/no/such/get.raw", "No such file"],
    );
    let good = template("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let list = format!("{},/no/such/post.raw", good.path().display());
    refused(&[url, "--raw", &list], &["/no/such/post.raw"]);
    let bad = template("GET /{RAND:9:1} HTTP/1.1\r\n\r\n");
    let path = bad.path().to_str().unwrap();
    refused(&[url, "--raw", path], &[path, "{RAND:9:1}"]);
    let empty = template("");
    refused(
        &[url, "--raw", empty.path().to_str().unwrap()],
        &["is empty"],
    );
    refused(&["--raw", path], &["no Host header"]);
}

#[test]
fn more_threads_than_connections_is_only_worth_a_note() {
    let server = Server::answering(OK);
    let (report, output) = json(&[&server.url(), "-c", "3", "-t", "64", "-d", "150ms"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["threads"], 3);
    assert!(
        output.stderr.contains("-t 64 is more than -c 3"),
        "{}",
        output.stderr
    );
}

#[test]
fn milliseconds_are_milliseconds_and_the_window_is_exact() {
    let server = Server::answering(OK);
    let begin = Instant::now();
    let (report, output) = json(&[&server.url(), "-c", "2", "-d", "250ms"]);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["duration_sec"], 0.25);
    assert_eq!(report["elapsed_sec"], 0.25);
    assert_eq!(report["phases"]["measure_ns"], 250_000_000);
}

#[test]
fn help_documents_the_exit_statuses() {
    let output = run(&["--help"]);
    assert_eq!(output.code, Some(0));
    for part in [
        "Exit status:",
        "--timeout",
        "--expect-status",
        "{RAND:min:max}",
    ] {
        assert!(output.stdout.contains(part), "{part}");
    }
}

#[test]
fn threads_can_be_pinned() {
    let server = Server::answering(OK);
    let (report, output) = json(&words(&format!(
        "{} -c 2 -t 2 -d 150ms --cpus 0",
        server.url()
    )));
    assert_eq!(output.code, Some(0), "{report:#}");
    let output = run(&[&server.url(), "-d", "150ms", "--cpus", "4000"]);
    assert_eq!(output.code, Some(6), "{output:?}");
    assert!(output.stderr.contains("CPU 4000"), "{}", output.stderr);
}
