//! Requests of several kinds on one connection.

use crate::{
    server::{OK, Server},
    tls_server::{Authority, Settings, url},
    tool::{Output, json, number, raw, template, words},
};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use tempfile::NamedTempFile;

/// Answers by the path: `/head` as HEAD has to be, `/slow` late, `/other` with a body of its own, else `ok`.
pub(crate) fn server() -> Server {
    Server::start(|connection| {
        loop {
            let request = connection.request()?;
            let line = String::from_utf8_lossy(&request);
            let path = line.split(' ').nth(1).unwrap_or_default();
            connection.write(match path {
                "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
                "/other" => {
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nother\r\n0\r\n\r\n"
                }
                "/slow" => {
                    thread::sleep(Duration::from_millis(30));
                    OK
                }
                _ => OK,
            })?;
        }
    })
}

fn of(method: &str, path: &str) -> NamedTempFile {
    template(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

/// Three requests whose answers differ in what ends them, and the third's in its body.
fn mix() -> [NamedTempFile; 3] {
    [of("GET", "/a"), of("HEAD", "/head"), of("GET", "/other")]
}

/// Sends these in turn, or drawn at random: `flags` begins with which.
fn rotate(url: &str, files: &[NamedTempFile], flags: &str) -> (Value, Output) {
    let line = format!("{url} --raw {} --rotate {flags}", raw(files));
    json(&words(&line))
}

/// The paths that were asked for, in order.
fn paths(server: &Server) -> Vec<String> {
    paths_of(&server.requests())
}

fn paths_of(requests: &[Vec<u8>]) -> Vec<String> {
    let path = |request: &Vec<u8>| {
        let text = str::from_utf8(request).unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    };
    requests.iter().map(path).collect()
}

pub(crate) fn per_template(report: &Value, key: &str) -> Vec<u64> {
    let rows = report["per_template"].as_array().unwrap();
    rows.iter().map(|row| number(&row[key])).collect()
}

#[test]
fn each_answer_of_a_pipeline_is_judged_by_its_own_template() {
    for extra in ["", "--rate 2000", "--tracked-sends", "-r 7"] {
        let server = server();
        let flags = format!("request -c 1 -p 5 -n 60 --expect-body ok {extra}");
        let (report, output) = rotate(&server.url(), &mix(), &flags);
        // The third has another body, and only it.
        assert_eq!(output.code, Some(1), "{report:#}");
        assert_eq!(
            per_template(&report, "responses"),
            [20, 20, 20],
            "{report:#}"
        );
        assert_eq!(per_template(&report, "2xx"), [20, 20, 0], "{report:#}");
        assert_eq!(number(&report["counts"]["bad_body"]), 20);
        assert_eq!(report["load"]["rotate"], "request");
        let expected = ["/a", "/head", "/other"].repeat(20);
        assert_eq!(paths(&server), expected, "{extra:?}");
    }
}

#[test]
fn each_template_of_a_mix_has_its_golden_body() {
    let server = server();
    let (ok, other) = (template("ok"), template("other"));
    let sent = |bodies: [&NamedTempFile; 2]| {
        let [first, last] = bodies.map(|file| file.path().display());
        let flags = format!("request --golden {first},-,{last} -c 1 -p 4 -n 30");
        rotate(&server.url(), &mix(), &flags)
    };
    let (report, output) = sent([&ok, &other]);
    assert_eq!(output.code, Some(0), "{report:#}");
    let (report, _) = sent([&other, &ok]);
    assert_eq!(number(&report["counts"]["bad_body"]), 20, "{report:#}");
}

#[test]
fn raw_records_name_the_template_of_each_answer() {
    let server = server();
    let log = NamedTempFile::new().unwrap();
    let path = log.path().to_str().unwrap();
    let flags = format!("request -c 1 -p 2 -n 6 --raw-log {path}");
    let (report, output) = rotate(&server.url(), &mix(), &flags);
    assert_eq!(output.code, Some(0), "{report:#}");
    let text = fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect())
        .collect();
    let templates: Vec<&str> = rows.iter().map(|row| row[4]).collect();
    assert_eq!(templates, ["0", "1", "2", "0", "1", "2"], "{text}");
    // A closed loop has no response time.
    assert!(rows.iter().all(|row| row[3].is_empty()), "{text}");
}

#[test]
fn a_mix_goes_through_tls() {
    let authority = Authority::new();
    let trust = authority.file();
    let identity = authority.issue(&["localhost", "127.0.0.1"]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = Settings::new(&identity).start({
        let seen = seen.clone();
        move |connection| {
            loop {
                let request = connection.request()?;
                seen.lock().unwrap().push(request);
                connection.write_all(OK)?;
            }
        }
    });
    let files = [
        of("GET", "/a"),
        of("POST", "/{SEQ:1}"),
        of("GET", "/longer"),
    ];
    let flags = format!("request --cacert {} -c 1 -p 4 -n 9", trust.path().display());
    let (report, output) = rotate(&url(&server), &files, &flags);
    assert_eq!(output.code, Some(0), "{report:#}");
    let expected = [
        "/a", "/1", "/longer", "/a", "/2", "/longer", "/a", "/3", "/longer",
    ];
    assert_eq!(paths_of(&seen.lock().unwrap()), expected);
}

#[test]
fn connections_begin_at_different_turns() {
    let server = server();
    let (report, output) = rotate(&server.url(), &mix(), "request -c 3 -n 3 -d 30s");
    assert_eq!(output.code, Some(0), "{report:#}");
    let mut paths = paths(&server);
    paths.sort_unstable();
    assert_eq!(paths, ["/a", "/head", "/other"]);
}

#[test]
fn latency_is_that_of_the_template() {
    for extra in ["", "--rate 10"] {
        let server = server();
        let files = [of("GET", "/fast"), of("GET", "/slow")];
        let flags = format!("request -c 1 -n 10 --per-tpl-latency {extra}");
        let (report, output) = rotate(&server.url(), &files, &flags);
        assert_eq!(output.code, Some(0), "{report:#}");
        let median =
            |number_of: usize| number(&report["per_template"][number_of]["latency_us"]["p50"]);
        assert!(median(1) >= 29_000, "{report:#}");
        assert!(median(0) < median(1), "{report:#}");
    }
}

#[test]
fn weights_are_turns() {
    let files = [of("GET", "/a"), of("HEAD", "/head")];
    let [a, head] = files.each_ref().map(|file| file.path().display());
    let list = format!("{a}@3,{head}@1");
    let counts = |flags: &str| {
        let server = server();
        let line = format!("{} --raw {list} -d 30s {flags}", server.url());
        let (report, output) = json(&words(&line));
        assert_eq!(output.code, Some(0), "{report:#}");
        per_template(&report, "responses")
    };
    assert_eq!(counts("--rotate request -c 1 -n 40 -p 3"), [30, 10]);
    // Four connections with five requests each.
    assert_eq!(counts("-c 4 -n 20 -r 5 --reconnect never"), [15, 5]);
    let drawn = || counts("--rotate random -c 1 -n 400 -p 4 --seed 1");
    let first = drawn();
    // Five standard deviations around 300.
    assert!((257..=343).contains(&first[0]), "{first:?}");
    assert_eq!(first, drawn());
}

#[test]
fn a_mix_survives_short_sends_and_reconnects() {
    let server = Server::with_small_window(|connection| {
        thread::sleep(Duration::from_millis(10));
        loop {
            connection.request()?;
            connection.write(OK)?;
        }
    });
    let post = |size: usize| {
        let body = format!("{{SEQ:1000001}}{}{{RANDJ:1:99999}}.", "x".repeat(size));
        template(format!(
            "POST /{size} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{body}"
        ))
    };
    let files = [post(10), post(20_000), post(90_000)];
    let flags = "random -c 2 -p 6 -n 60 -r 20 --send-buf 4096";
    let (report, output) = rotate(&server.url(), &files, flags);
    assert_eq!(output.code, Some(0), "{report:#}");
    let requests = server.requests();
    assert_eq!(requests.len(), 60);
    for request in requests {
        // The server took them apart by their lengths, so a wrong byte anywhere would show at the next begin.
        assert!(request.starts_with(b"POST /") && request.ends_with(b"."));
    }
}
