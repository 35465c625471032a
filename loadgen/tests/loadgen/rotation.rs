//! Requests of several kinds on one connection.

use crate::{
    server::{OK, Server},
    tls_server::{Authority, Settings, url},
    tool::{json, number, raw, run, template},
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
fn server() -> Server {
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

fn per_template(report: &Value, key: &str) -> Vec<u64> {
    let rows = report["per_template"].as_array().unwrap();
    rows.iter().map(|row| number(&row[key])).collect()
}

#[test]
fn each_answer_of_a_pipeline_is_judged_by_its_own_template() {
    for extra in [
        &[][..],
        &["--rate", "2000"],
        &["--tracked-sends"],
        &["-r", "7"],
    ] {
        let server = server();
        let files = [of("GET", "/a"), of("HEAD", "/head"), of("GET", "/other")];
        let list = raw(&files.each_ref());
        let url = server.url();
        let args = [
            &url,
            "--raw",
            &list,
            "--rotate",
            "request",
            "-c",
            "1",
            "-p",
            "5",
            "-n",
            "60",
            "--expect-body",
            "ok",
        ];
        let (report, output) = json(&[&args[..], extra].concat());
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
    let files = [of("GET", "/a"), of("HEAD", "/head"), of("GET", "/other")];
    let list = raw(&files.each_ref());
    let (ok, other) = (template("ok"), template("other"));
    let url = server.url();
    let sent = |bodies: [&NamedTempFile; 2]| {
        let [first, last] = bodies.map(|file| file.path().display());
        let golden = format!("{first},-,{last}");
        let args = [
            &url, "--raw", &list, "--rotate", "request", "--golden", &golden, "-c", "1", "-p", "4",
            "-n", "30",
        ];
        json(&args)
    };
    let (report, output) = sent([&ok, &other]);
    assert_eq!(output.code, Some(0), "{report:#}");
    let (report, _) = sent([&other, &ok]);
    assert_eq!(number(&report["counts"]["bad_body"]), 20, "{report:#}");
}

#[test]
fn raw_records_name_the_template_of_each_answer() {
    let server = server();
    let files = [of("GET", "/a"), of("HEAD", "/head"), of("GET", "/other")];
    let list = raw(&files.each_ref());
    let url = server.url();
    let log = NamedTempFile::new().unwrap();
    let path = log.path().to_str().unwrap();
    let args = [
        &url,
        "--raw",
        &list,
        "--rotate",
        "request",
        "-c",
        "1",
        "-p",
        "2",
        "-n",
        "6",
        "--raw-log",
        path,
    ];
    let (report, output) = json(&args);
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
    let list = raw(&files.each_ref());
    let (url, trust) = (url(&server), trust.path().to_str().unwrap());
    let args = [
        &url, "--cacert", trust, "--raw", &list, "--rotate", "request", "-c", "1", "-p", "4", "-n",
        "9",
    ];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let expected = [
        "/a", "/1", "/longer", "/a", "/2", "/longer", "/a", "/3", "/longer",
    ];
    assert_eq!(paths_of(&seen.lock().unwrap()), expected);
}

#[test]
fn connections_begin_at_different_turns() {
    let server = server();
    let files = [of("GET", "/a"), of("HEAD", "/head"), of("GET", "/other")];
    let list = raw(&files.each_ref());
    let url = server.url();
    let args = [
        &url, "--raw", &list, "--rotate", "request", "-c", "3", "-n", "3", "-d", "30s",
    ];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let mut paths = paths(&server);
    paths.sort_unstable();
    assert_eq!(paths, ["/a", "/head", "/other"]);
}

#[test]
fn latency_is_that_of_the_template() {
    for extra in [&[][..], &["--rate", "10"]] {
        let server = server();
        let files = [of("GET", "/fast"), of("GET", "/slow")];
        let list = raw(&files.each_ref());
        let url = server.url();
        let args = [
            &url,
            "--raw",
            &list,
            "--rotate",
            "request",
            "-c",
            "1",
            "-n",
            "10",
            "--per-tpl-latency",
        ];
        let (report, output) = json(&[&args[..], extra].concat());
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
    let counts = |extra: &[&str]| {
        let server = server();
        let url = server.url();
        let (report, output) = json(&[&[&url, "--raw", &list, "-d", "30s"], extra].concat());
        assert_eq!(output.code, Some(0), "{report:#}");
        per_template(&report, "responses")
    };
    assert_eq!(
        counts(&["--rotate", "request", "-c", "1", "-n", "40", "-p", "3"]),
        [30, 10]
    );
    // Four connections with five requests each.
    assert_eq!(
        counts(&["-c", "4", "-n", "20", "-r", "5", "--reconnect", "never"]),
        [15, 5]
    );
    let drawn = |seed| {
        counts(&[
            "--rotate", "random", "-c", "1", "-n", "400", "-p", "4", "--seed", seed,
        ])
    };
    let first = drawn("1");
    // Five standard deviations around 300.
    assert!((257..=343).contains(&first[0]), "{first:?}");
    assert_eq!(first, drawn("1"));
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
    let list = raw(&files.each_ref());
    let url = server.url();
    let args = [
        &url,
        "--raw",
        &list,
        "--rotate",
        "random",
        "-c",
        "2",
        "-p",
        "6",
        "-n",
        "60",
        "-r",
        "20",
        "--send-buf",
        "4096",
    ];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let requests = server.requests();
    assert_eq!(requests.len(), 60);
    for request in requests {
        // The server took them apart by their lengths, so a wrong byte anywhere would show at the next begin.
        assert!(request.starts_with(b"POST /") && request.ends_with(b"."));
    }
}

#[test]
fn lists_of_urls_are_requested_in_turn() {
    let server = server();
    let address = server.address();
    let list = template(format!(
        "# all\nhttp://{address}/a?x={{RAND:1:9}}\n\nhttp://{address}/b\nhttp://{address}/c\n"
    ));
    let file = list.path().to_str().unwrap();
    let (report, output) = json(&[
        "--urls", file, "-c", "1", "-n", "9", "-H", "X-A: b", "-B", "hi",
    ]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(per_template(&report, "responses"), [3, 3, 3]);
    assert_eq!(report["per_template"][1]["name"], "/b");
    for (number, request) in server.requests().into_iter().enumerate() {
        let text = String::from_utf8(request).unwrap();
        let path = ["/a?x=", "/b HTTP/1.1", "/c HTTP/1.1"][number % 3];
        assert!(text.starts_with(&format!("POST {path}")), "{text}");
        let rest = format!("\r\nHost: {address}\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi");
        assert!(text.ends_with(&rest), "{text}");
    }
}

#[test]
fn targets_are_read_as_vegeta_reads_them() {
    let server = server();
    let body = template("{\"n\": {RANDJ:1:1000}}");
    let list = template(format!(
        "GET /a\nX-A: own\n\nHEAD http://virtual.example/head\n\nPOST http://virtual.example/things\nHost: third\n@{}\n",
        body.path().display()
    ));
    let file = list.path().to_str().unwrap();
    let url = server.url();
    let args = [
        &url,
        "--targets",
        file,
        "-c",
        "1",
        "-n",
        "6",
        "-p",
        "2",
        "-H",
        "X-A: all",
        "-T",
        "x/y",
    ];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["per_template"][2]["name"], "POST /things");
    let texts: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| String::from_utf8(request).unwrap())
        .collect();
    let address = server.address();
    let get =
        format!("GET /a HTTP/1.1\r\nHost: {address}\r\nX-A: own\r\nContent-Type: x/y\r\n\r\n");
    let head =
        "HEAD /head HTTP/1.1\r\nHost: virtual.example\r\nX-A: all\r\nContent-Type: x/y\r\n\r\n";
    assert_eq!(texts[0], get);
    assert_eq!(texts[1], head);
    let (start, body) = texts[2].split_once("\r\n\r\n").unwrap();
    let length = body.len();
    assert_eq!(
        start,
        format!(
            "POST /things HTTP/1.1\r\nHost: third\r\nX-A: all\r\nContent-Type: x/y\r\nContent-Length: {length}"
        )
    );
    assert!(body.starts_with("{\"n\": ") && texts[3] == get);
}

#[test]
fn lists_are_refused_by_line() {
    let file = |text: &str| template(text.replace("HOST", "http://127.0.0.1:1"));
    let url = "http://127.0.0.1:1/";
    for (flag, text, extra, part) in [
        (
            "--urls",
            "HOST/a\nhttp://127.0.0.2:1/b",
            &[][..],
            "line 2: `127.0.0.2:1` is another host",
        ),
        (
            "--urls",
            "HOST/a\nhttps://127.0.0.1:1/",
            &[],
            "http and https cannot",
        ),
        (
            "--urls",
            "ws://127.0.0.1:1/a",
            &[],
            "line 1: `ws://127.0.0.1:1/a`: write it with http",
        ),
        (
            "--urls",
            "/a",
            &["ws://127.0.0.1:1/"],
            "--urls: it is of no use with WebSocket",
        ),
        ("--urls", "/a", &[], "line 1: `/a` names no host"),
        ("--urls", "HOST/a\nx", &[url], "line 2: `x` is no URL"),
        ("--urls", "HOST/a b", &[], "percent-encoded"),
        ("--urls", "# nothing\n", &[], "lists no request"),
        ("--urls", "/a", &[url, "--raw", "x"], "--raw"),
        ("--targets", "GET /a\nbad", &[url], "line 1: -H 'bad'"),
        (
            "--targets",
            "GET /a\n@/no/such/file",
            &[url],
            "/no/such/file",
        ),
        ("--targets", "/a", &[url], "line 1: `/a` begins no request"),
        ("--targets", "GET /a", &[url, "-m", "PUT"], "--method"),
    ] {
        let file = file(text);
        let path = file.path().to_str().unwrap();
        let output = run(&[&[flag, path], extra].concat());
        assert_eq!(output.code, Some(2), "{text}: {output:?}");
        assert!(output.stderr.contains(part), "{text}: {}", output.stderr);
    }
    for (args, part) in [
        (&["--urls", "/no/such/list"][..], "/no/such/list"),
        (&["--raw", "/no/such/file@3"], "the template /no/such/file:"),
        (&["--raw", "a.raw@0"], "`0` is no weight"),
        (&["--rotate", "sometimes"], "--rotate"),
        (&["--rotate", "request", "--ws"], "--ws"),
    ] {
        let output = run(&[&[url], args].concat());
        assert_eq!(output.code, Some(2), "{args:?}");
        assert!(output.stderr.contains(part), "{args:?}: {}", output.stderr);
    }
}
