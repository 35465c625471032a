//! Requests made from flags, and values that change their length.

use crate::{
    server::{OK, Server},
    tool::{json, number, raw, run, template},
};
use std::collections::HashSet;

/// What is answered to HEAD: a length, and no body.
const HEAD_OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";

fn texts(server: &Server) -> Vec<String> {
    let requests = server.requests();
    assert!(!requests.is_empty());
    requests
        .into_iter()
        .map(|request| String::from_utf8(request).unwrap())
        .collect()
}

/// The body, after it was checked that Content-Length says how long it is. The server takes requests apart by that
/// field, so a wrong one would spoil the next request as well.
fn body(request: &str) -> &str {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lengths: Vec<&str> = head
        .lines()
        .filter_map(|line| line.strip_prefix("Content-Length: "))
        .collect();
    assert_eq!(lengths, [body.len().to_string()], "{request}");
    body
}

#[test]
fn flags_make_the_request() {
    let server = Server::answering(OK);
    let url = format!("http://{}/things?n={{RAND:1:99}}", server.address());
    let args = [
        &url,
        "-m",
        "PATCH",
        "-H",
        "Host: other.example",
        "-H",
        "X-Id: {SEQ:100}",
        "-B",
        r#"{"n":{RANDJ:1:1000}}"#,
        "-T",
        "application/json",
        "-a",
        "me:secret",
        "-c",
        "1",
        "-n",
        "20",
        "-p",
        "3",
    ];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    for request in texts(&server) {
        assert!(request.starts_with("PATCH /things?n="), "{request}");
        let fields = " HTTP/1.1\r\nHost: other.example\r\nX-Id: ";
        assert!(request.contains(fields), "{request}");
        let fields = "\r\nContent-Type: application/json\r\nAuthorization: Basic bWU6c2VjcmV0\r\nContent-Length: ";
        assert!(request.contains(fields), "{request}");
        let body: serde_json::Value = serde_json::from_str(body(&request)).unwrap();
        assert!((1..=1000).contains(&number(&body["n"])));
    }
}

#[test]
fn answers_to_head_have_no_body() {
    let server = Server::answering(HEAD_OK);
    let url = server.url();
    let (report, output) = json(&[&url, "-m", "HEAD", "-c", "2", "-n", "20", "-p", "4"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["responses"]) == 20);
    assert!(
        texts(&server)
            .iter()
            .all(|request| request.starts_with("HEAD / HTTP/1.1\r\n"))
    );
}

#[test]
fn lengths_are_corrected_where_values_differ_in_theirs() {
    let text = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nX-Id: {CONN}\r\n\r\n{\"id\":\"{UUID}\",\"n\":{RANDJ:0:1000000000}}";
    let sent = |seed: &str| {
        let server = Server::answering(OK);
        let file = template(text);
        let list = raw([&file]);
        let url = server.url();
        let (report, output) = json(&[
            &url, "--raw", &list, "-c", "1", "-n", "20", "-p", "3", "--seed", seed,
        ]);
        assert_eq!(output.code, Some(0), "{report:#}");
        texts(&server)
    };
    let requests = sent("7");
    let ids: HashSet<String> = requests
        .iter()
        .map(|request| {
            let body: serde_json::Value = serde_json::from_str(body(request)).unwrap();
            number(&body["n"]);
            body["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), requests.len());
    assert_eq!(requests[..3], sent("7")[..3]);
    assert_ne!(requests[..3], sent("8")[..3]);
}

#[test]
fn lengths_of_templates_are_corrected_on_request_only() {
    // The body is shorter than declared: the next request's begin is read as its end.
    let file = template("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nabcd");
    let list = raw([&file]);
    let sent = |extra: &[&str]| {
        let server = Server::answering(OK);
        let url = server.url();
        run(&[
            &[
                &url, "--raw", &list, "-c", "1", "-d", "500ms", "-p", "3", "--drain", "0", "-n",
                "3",
            ],
            extra,
        ]
        .concat());
        texts(&server).swap_remove(0)
    };
    assert_eq!(body(&sent(&["--fix-length"])), "abcd");
    assert!(sent(&[]).ends_with("Content-Length: 7\r\n\r\nabcdPOS"));
}

#[test]
fn connections_and_workers_are_numbered_in_the_whole_run() {
    let server = Server::answering(OK);
    let url = format!("http://{}/{{WORKER}}/{{CONN}}/{{NOW}}", server.address());
    for worker in ["0/2", "1/2"] {
        let args = [
            &url, "-c", "5", "-t", "2", "-n", "20", "-d", "30s", "--worker", worker,
        ];
        let (report, output) = json(&args);
        assert_eq!(output.code, Some(0), "{report:#}");
    }
    let mut seen = HashSet::new();
    for request in texts(&server) {
        let parts: Vec<&str> = request.split(['/', ' ']).collect();
        seen.insert((parts[2].to_owned(), parts[3].to_owned()));
        assert_eq!(parts[4].len(), 13, "{request}");
    }
    let expected = [("0", "0"), ("0", "1"), ("0", "2"), ("1", "3"), ("1", "4")];
    assert_eq!(
        seen,
        expected
            .map(|(worker, conn)| (worker.to_owned(), conn.to_owned()))
            .into()
    );
}

#[test]
fn expected_status_may_be_a_list() {
    let not_modified: &[u8] = b"HTTP/1.1 304 Not Modified\r\n\r\n";
    for (list, code, problem) in [
        ("200,304", 0, ""),
        ("any", 0, ""),
        ("2xx,304", 0, ""),
        ("304", 0, ""),
        ("=302", 1, "had a status other than =302"),
        ("200,302", 1, "had a status other than 200,302"),
        ("200", 1, "had a status outside 2xx"),
    ] {
        let server = Server::answering(not_modified);
        let url = server.url();
        let (report, output) = json(&[&url, "-s", list, "-c", "1", "-n", "20"]);
        assert_eq!(output.code, Some(code), "{list}: {report:#}");
        assert!(
            report["verdict"].to_string().contains(problem),
            "{list}: {report:#}"
        );
        let wrong = number(&report["counts"]["bad_status"]);
        assert_eq!(wrong > 0, code == 1);
    }
}

#[test]
fn bad_requests_are_refused_before_anything_is_sent() {
    let file = template(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{RANDJ:1:10}\r\n0\r\n\r\n",
    );
    let list = raw([&file]);
    for (args, part) in [
        (&["-H", "oops"][..], "-H 'oops': write it as 'Name: value'"),
        (&["-a", "me"], "-a: write it as user:password"),
        (&["-B", "@/no/such/file"], "-B: cannot read /no/such/file"),
        (&["-B", "{RANDJ:5}"], "write {RANDJ:min:max}"),
        (&["--raw", &list], "chunks"),
        (&["-m", "PUT", "--raw", &list], "--raw"),
        (&["-s", "2x"], "`2x` is no status"),
    ] {
        let output = run(&[&["http://127.0.0.1:1/"], args].concat());
        assert_eq!(output.code, Some(2), "{args:?}");
        assert!(output.stderr.contains(part), "{args:?}: {}", output.stderr);
    }
}
