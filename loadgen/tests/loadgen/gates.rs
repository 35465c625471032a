//! `--fail-if`, `--strict`, and the summaries for CI.

use crate::{
    files::read,
    server::{OK, Server},
    tool::{json, json_once, run, words},
};
use std::{
    fs,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

#[test]
fn a_breached_gate_is_exit_status_3() {
    let server = Server::answering(OK);
    let url = server.url();
    let common = [url.as_str(), "-c", "2", "-d", "300ms"];
    let (report, output) = json(
        &[
            &common[..],
            &["--fail-if", "p50>10s", "--fail-if", "errors>0"],
        ]
        .concat(),
    );
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(report["gates"].as_array().unwrap().len(), 2);
    assert_eq!(report["verdict"]["exit_status"], 0);
    let (report, output) = json(
        &[
            &common[..],
            &["--fail-if", "p50>10s", "--fail-if", "rps<1M"],
        ]
        .concat(),
    );
    assert_eq!(output.code, Some(3), "{output:?}");
    assert_eq!(report["gates"][0]["pass"], true);
    assert_eq!(report["gates"][1]["pass"], false);
    assert_eq!(report["gates"][1]["value"], report["rps"]);
    assert_eq!(report["verdict"]["exit_status"], 3);
    assert_eq!(report["verdict"]["valid"], true);
    let text = run(&[&common[..], &["--fail-if", "rps<1M"]].concat());
    assert_eq!(text.code, Some(3));
    assert!(
        text.stdout.contains("Gate:     rps<1M: BREACHED"),
        "{text:?}"
    );
}

#[test]
fn a_run_without_answers_passes_no_gate_and_keeps_its_exit_status() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}/");
    let (report, output) = json_once(&[&url, "-c", "1", "-d", "150ms", "--fail-if", "p99>5s"]);
    assert_eq!(output.code, Some(5));
    assert_eq!(report["gates"][0]["pass"], false);
}

#[test]
fn a_bad_gate_is_refused_before_anything_is_sent() {
    let server = Server::answering(OK);
    let output = run(&[&server.url(), "--fail-if", "p99>5"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("--fail-if") && output.stderr.contains("5ms"),
        "{output:?}"
    );
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_rate_that_drifts_is_not_strict() {
    // After half of the time every answer takes longer.
    let drifting = |half: Duration, whole: &str| {
        let begin = OnceLock::new();
        let server = Server::start(move |connection| {
            loop {
                connection.request()?;
                if begin.get_or_init(Instant::now).elapsed() > half {
                    thread::sleep(Duration::from_millis(20));
                }
                connection.write(OK)?;
            }
        });
        let url = server.url();
        let line = [&url, "-c", "1", "-d", whole, "--interval", "100ms"];
        json(&[&line[..], &["--strict"]].concat())
    };
    let (mut report, mut output) = drifting(Duration::from_millis(700), "1200ms");
    if report["phases"]["steady"] != false {
        // A slow machine's own unrest hides it.
        (report, output) = drifting(Duration::from_secs(5), "10s");
    }
    assert_eq!(output.code, Some(4), "{output:?}");
    assert_eq!(report["phases"]["steady"], false);
    let doubts = report["verdict"]["doubts"].as_array().unwrap();
    assert!(
        doubts
            .iter()
            .any(|doubt| doubt.as_str().unwrap().contains("drifted")),
        "{doubts:?}"
    );
}

#[test]
fn summaries_for_ci() {
    let server = Server::answering("HTTP/1.1 500 |<b>\r\nContent-Length: 0\r\n\r\n");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (md, csv, file) = (path("r.md"), path("r.csv"), path("r.json"));
    let output = run(&words(&format!(
        "{} -c 2 -d 200ms --md {md} --csv {csv} -o {file} --fail-if errors>10%",
        server.url()
    )));
    assert_eq!(output.code, Some(3), "{output:?}");
    let result = read(file.as_ref());
    let md = fs::read_to_string(md).unwrap();
    for part in [
        "**not valid**",
        "| throughput |",
        "| errors&gt;10% | 100.00% | **breached** |",
        "status outside 2xx",
    ] {
        assert!(md.contains(part), "{part}: {md}");
    }
    let csv = fs::read_to_string(csv).unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((lines.len(), lines[0].len()), (2, lines[1].len()));
    let column = |name: &str| {
        let at = lines[0].iter().position(|column| *column == name).unwrap();
        lines[1][at].to_owned()
    };
    assert_eq!(column("5xx"), result["responses"].to_string());
    assert_eq!(column("p99_ns"), result["latency"]["p99"].to_string());
    assert_eq!(column("valid"), "false");
}
