//! Data of CSV files in requests.

use crate::{
    server::{OK, Server},
    tool::{json, number, run, template},
};
use std::collections::BTreeMap;

const USERS: &str = "id,name\n1,ann\n22,\"bob, the \"\"second\"\"\"\n333,\u{fc}\n4444,\n";

/// How often each body was sent, after its length was checked by the server.
fn bodies(server: &Server) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for request in server.requests() {
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let id = body.split('=').next().unwrap();
        assert!(head.starts_with(&format!("POST /users/{id} ")), "{text}");
        *counts.entry(body.to_owned()).or_default() += 1;
    }
    counts
}

/// Sends `count` requests with data in the given order; returns how often each row was sent.
fn sent(order: &str, count: &str, extra: &[&str]) -> BTreeMap<String, u32> {
    let server = Server::answering(OK);
    let file = template(USERS);
    let feed = format!("u={}{order}", file.path().display());
    let url = format!("http://{}/users/{{u.id}}", server.address());
    let args = [
        url.as_str(),
        "--feed",
        &feed,
        "-B",
        "{u.id}={u.name}",
        "-n",
        count,
        "-p",
        "3",
        "-d",
        "30s",
    ];
    let (report, output) = json(&[&args[..], extra].concat());
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["responses"]) > 0);
    bodies(&server)
}

#[test]
fn rows_are_sent_in_turn_by_all_threads() {
    let rows = sent("", "40", &["-c", "4", "-t", "2"]);
    let expected = [
        ("1=ann", 10),
        ("22=bob, the \"second\"", 10),
        ("333=\u{fc}", 10),
        ("4444=", 10),
    ];
    assert_eq!(
        rows,
        expected.map(|(row, count)| (row.to_owned(), count)).into()
    );
}

#[test]
fn workers_take_rows_in_turn() {
    let ids = |worker| {
        let rows = sent(",seq", "20", &["-c", "2", "--worker", worker]);
        rows.into_keys()
            .map(|row| row.split('=').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("0/2"), ["1", "333"]);
    assert_eq!(ids("1/2"), ["22", "4444"]);
}

#[test]
fn rows_are_drawn_repeatably() {
    for order in [",rand", ",zipf:1.2"] {
        let draw = |seed| sent(order, "200", &["-c", "1", "--seed", seed]);
        let rows = draw("1");
        assert_eq!(rows, draw("1"));
        assert_ne!(rows, draw("2"));
        let first = rows["1=ann"];
        // Of 200, a quarter or 1 / (1 + 2^-1.2 + 3^-1.2 + 4^-1.2); five standard deviations.
        let expected: u32 = if order == ",rand" { 50 } else { 113 };
        assert!(first.abs_diff(expected) < 36, "{order}: {rows:?}");
    }
}

#[test]
fn slips_are_refused_before_anything_is_sent() {
    let file = template(USERS);
    let users = format!("users={}", file.path().display());
    let ragged = template("a,b\n1\n");
    let ragged = format!("r={}", ragged.path().display());
    let lines = template("a\n\"x\ny\"\n");
    let lines = format!("l={}", lines.path().display());
    let url = "http://127.0.0.1:1/";
    for (args, part) in [
        (
            &[url, "--feed", &users, "-B", "{users.nam}"][..],
            "no column `nam`; there are id, name",
        ),
        (
            &[url, "--feed", &users, "-B", "{user.id}"],
            "`{user.id}`, but --feed gives users",
        ),
        (
            &[url, "--feed", &users],
            "--feed users: no request uses it; write {users.id}",
        ),
        (
            &[url, "--feed", &users, "--feed", &users],
            "two of that name",
        ),
        (
            &[url, "--feed", "users=/no/such.csv"],
            "--feed users: /no/such.csv: ",
        ),
        (&[url, "--feed", &ragged], "--feed r: "),
        (&[url, "--feed", "users"], "write NAME=FILE.csv"),
        (
            &["http://127.0.0.1:1/{users.name}", "--feed", &users],
            "row 2: spaces and control characters",
        ),
        (
            &[url, "--feed", &lines, "-H", "A: {l.a}"],
            "row 1: line breaks",
        ),
        (
            &[url, "--feed", &users, "--ws-msg", "{users.name}"],
            "differ in length",
        ),
    ] {
        let output = run(args);
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        assert!(output.stderr.contains(part), "{args:?}: {}", output.stderr);
    }
}
