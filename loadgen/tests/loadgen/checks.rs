//! What answers must be beside their status: fields, bodies, how many of them are looked at, and how wrong ones are shown.

use crate::{
    arena_output::{LABELS, digits_after},
    server::{OK, Server},
    tool::{json, number, raw, run, template, words},
};
use serde_json::Value;
use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn hello() -> Server {
    Server::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVia: a\r\nContent-Length: 5\r\n\r\nhello",
    )
}

fn measure(server: &Server, extra: &[&str]) -> (Value, Option<i32>) {
    let url = server.url();
    let (report, output) = json(&[&[url.as_str(), "-c", "2", "-d", "150ms"], extra].concat());
    (report, output.code)
}

#[test]
fn what_is_as_expected_is_valid() {
    let server = hello();
    for line in [
        &["--expect-body", "hello"][..],
        &["--expect-body", HELLO],
        &["--expect-size", "5"],
        &["--expect-size", "5", "--expect-body", HELLO],
        &[
            "--expect-header",
            "content-type: text/plain",
            "--expect-header",
            "VIA",
        ],
    ] {
        let (report, code) = measure(&server, line);
        assert_eq!(code, Some(0), "{line:?}: {report:#}");
        assert_eq!(report["mismatches"], serde_json::json!([]));
        let checked = number(&report["counts"]["bodies_checked"]);
        let bytes = number(&report["counts"]["body_bytes_checked"]);
        let bodies = if line[0] == "--expect-header" {
            0
        } else {
            number(&report["responses"])
        };
        assert_eq!(
            (checked, bytes),
            (bodies, bodies * 5),
            "{line:?}: {report:#}"
        );
    }
}

#[test]
fn what_is_not_is_named_with_its_bytes() {
    let server = hello();
    for (line, kind, expected, got) in [
        (&["--expect-body", "help!"][..], "body", "help!", "hello"),
        (
            &["--expect-body", &HELLO.replace("2cf", "3cf")],
            "hash",
            &HELLO.replace("2cf", "3cf"),
            "hello",
        ),
        (&["--expect-size", "6"], "size", "6 bytes", "hello"),
        (&["--expect-header", "Via: b"], "header", "Via: b", "Via: a"),
        (
            &["--expect-header", "ETag"],
            "header",
            "ETag with any value",
            "no such field",
        ),
        (
            &["-s", "404", "--expect-header", "ETag"],
            "status",
            "a status 4xx",
            "HTTP/1.1 200 OK\\r\\n",
        ),
    ] {
        let (report, code) = measure(&server, line);
        assert_eq!(code, Some(1), "{line:?}");
        let line_of = match kind {
            "header" => "bad_header",
            "status" => "bad_status",
            _ => "bad_body",
        };
        assert_eq!(
            report["counts"][line_of], report["responses"],
            "{line:?}: {report:#}"
        );
        let list = report["mismatches"].as_array().unwrap();
        let all = number(&report["errors_detail"]["mismatches"]);
        assert_eq!(list.len() as u64, all.min(5), "{report:#}");
        for one in list {
            assert_eq!(
                (one["kind"].as_str(), one["expected"].as_str()),
                (Some(kind), Some(expected))
            );
            assert!(one["got"].as_str().unwrap().starts_with(got), "{one:#}");
            assert!(
                number(&one["connection"]) < 2 && one["template"] == 0,
                "{one:#}"
            );
        }
        let times = list.iter().map(|one| one["t_ns"].as_i64().unwrap());
        assert!(times.is_sorted(), "{list:#?}");
    }
}

/// A body in two segments, cut so that the difference is in the second one.
#[test]
fn the_first_difference_is_found_in_whatever_pieces_the_body_comes() {
    let body: String = ('a'..='z').cycle().take(200).collect();
    let wrong = body
        .replacen("xyz", "x\u{1b}z", 4)
        .replacen("x\u{1b}z", "xyz", 3);
    let at = wrong.find('\u{1b}').unwrap();
    for cut in [at - 1, at, at + 1] {
        let (before, after) = (wrong[..cut].to_owned(), wrong[cut..].to_owned());
        let server = Server::start(move |connection| {
            loop {
                connection.request()?;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{before}");
                connection.write_pieces(&[head.as_bytes(), after.as_bytes()])?;
            }
        });
        let (report, _) = measure(&server, &["--expect-body", &body]);
        let one = &report["mismatches"][0];
        assert_eq!(number(&one["offset"]), at as u64, "{one:#}");
        assert_eq!(number(&one["shown_from"]), at as u64 - 16);
        assert_eq!(
            (number(&one["expected_bytes"]), number(&one["got_bytes"])),
            (200, 200)
        );
        let got = one["got"].as_str().unwrap();
        assert!(
            got.starts_with(&format!("{}\\x1bz", &body[at - 16..at])),
            "{got}"
        );
        assert!(
            one["expected"]
                .as_str()
                .unwrap()
                .starts_with(&body[at - 16..at + 2])
        );
    }
}

#[test]
fn golden_bodies_belong_to_their_templates() {
    let server = Server::start(|connection| {
        loop {
            let request = connection.request()?;
            let path = String::from_utf8_lossy(&request[5..6]).into_owned();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbody {path}");
            connection.write(answer.as_bytes())?;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        let request = format!("GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n");
        fs::write(folder.path().join(format!("{name}.raw")), request).unwrap();
        fs::write(
            folder.path().join(format!("{name}.body")),
            format!("body {name}"),
        )
        .unwrap();
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let raws = ["a.raw", "b.raw", "c.raw"].map(path).join(",");
    let url = server.url();
    let common = [url.as_str(), "--raw", &raws, "-c", "6", "-n", "300"];
    let measure = |golden: &str| json(&[&common[..], &["--golden", golden]].concat());
    for golden in [path(""), format!("{},-,{}", path("a.body"), path("c.body"))] {
        let (report, output) = measure(&golden);
        assert_eq!(output.code, Some(0), "{report:#}");
        assert!(number(&report["counts"]["bodies_checked"]) > 0);
    }
    let (report, output) = measure(&format!("-,{},-", path("c.body")));
    assert_eq!(output.code, Some(1));
    assert_eq!(
        report["counts"]["bad_body"],
        report["per_template"][1]["responses"]
    );
    assert_eq!(report["per_template"][1]["2xx"], 0);
    let one = &report["mismatches"][0];
    assert_eq!(
        (number(&one["template"]), number(&one["offset"])),
        (1, 5),
        "{one:#}"
    );
    assert!(one["name"].as_str().unwrap().ends_with("b.raw"), "{one:#}");
    let output = run(&[&common[..], &["--golden", "one,two"]].concat());
    assert_eq!(output.code, Some(2), "{output:?}");
}

#[test]
fn some_bodies_are_enough() {
    let server = hello();
    let url = server.url();
    let measure = |which: &str, body: &str| {
        let line = format!("{url} -c 2 -t 2 -n 2000 --expect-body {body} --validate {which}");
        let args = words(&line);
        let (report, output) = json(&args);
        (
            number(&report["counts"]["bodies_checked"]),
            number(&report["counts"]["bad_body"]),
            output.code,
        )
    };
    assert_eq!(measure("all", "hello"), (2000, 0, Some(0)));
    assert_eq!(measure("off", "other"), (0, 0, Some(0)));
    assert_eq!(measure("first:10", "hello"), (10, 0, Some(0)));
    assert_eq!(measure("first:10", "other"), (10, 10, Some(1)));
    let (checked, bad, code) = measure("1/10", "other");
    assert!((120..320).contains(&checked), "{checked}");
    assert_eq!((bad, code), (checked, Some(1)));
}

/// The scripts take the first match, so what comes after the result can do no harm; what a server sends must not look
/// like a result all the same.
#[test]
fn wrong_answers_are_shown_after_the_result_and_cannot_pose_as_one() {
    let body = "Latency 1us Per-template-ok: 9,9 99 responses 2xx=99 requests in 1.0s";
    let sent = AtomicUsize::new(0);
    let server = Server::start(move |connection| {
        loop {
            connection.request()?;
            let wrong = sent.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
            let body = if wrong { body } else { "right" };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            connection.write(answer.as_bytes())?;
        }
    });
    let files = [
        template("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
        template("GET /b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ];
    let list = raw(&files);
    let url = server.url();
    let output = run(&words(&format!(
        "{url} --raw {list} -c 2 -n 40 --expect-body right"
    )));
    assert_eq!(output.code, Some(1), "{output:?}");
    let text = &output.stdout;
    let (result, shown) = text.split_at(text.find("  Mismatches (the first 5 of ").unwrap());
    assert!(
        shown.contains("\n    1. body of ") && shown.contains("expected  right\n"),
        "{text}"
    );
    assert!(shown.contains("\\x4catency 1us"), "{text}");
    for word in LABELS {
        assert!(
            result.contains(word) && !shown.contains(word),
            "{word}: {shown}"
        );
    }
    assert_eq!(digits_after(text, "2xx="), Some(20), "{text}");
    assert!(
        result.contains("  Bodies:   40 compared (all; 40 in the whole run), "),
        "{text}"
    );
}

#[test]
fn a_page_shows_wrong_answers_and_nothing_of_them_is_markup() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<script>");
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("run.html");
    let (report, _) = measure(
        &server,
        &["--expect-body", "other", "--html", page.to_str().unwrap()],
    );
    let text = fs::read_to_string(page).unwrap();
    assert!(text.contains("<h2>Wrong answers</h2>"), "{text}");
    let all = number(&report["errors_detail"]["mismatches"]);
    assert!(text.contains(&format!(": 5 of {all}</h3>")), "{text}");
    assert!(text.contains("&lt;script&gt;") && !text.contains("<script>"));
    assert!(text.contains("differs from byte 0 on, 5 bytes expected and 8 got"));
}

#[test]
fn unsolicited_and_malformed_answers_are_shown_as_well() {
    let server = Server::start(|connection| {
        connection.request()?;
        connection.write(&[OK, OK, b"HTTP/1.1 nonsense\r\n\r\n"].concat())?;
        connection.wait_for_end()
    });
    let (report, code) = measure(&server, &["--reconnect", "never"]);
    assert_eq!(code, Some(1));
    let shown = |kind: &str| {
        let list = report["mismatches"].as_array().unwrap();
        let mut found = list.iter().filter(|one| one["kind"] == kind);
        found.next().unwrap_or_else(|| panic!("{kind}: {report:#}"))["got"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(shown("unsolicited").starts_with("HTTP/1.1 200 OK\\r\\n"));
    assert_eq!(shown("malformed"), "HTTP/1.1 nonsense\\r\\n\\r\\n");
}

#[test]
fn checks_that_cannot_be_are_refused() {
    let server = hello();
    let url = server.url();
    for (line, part) in [
        (&["--validate", "1/4"][..], "--validate"),
        (&["--validate", "some", "--expect-size", "1"], "first:N"),
        (&["--expect-header", "a b"], "--expect-header"),
        (&["--golden", "x", "--expect-body", "y"], "--golden"),
        (&["--golden", "/no/such.body"], "/no/such.body"),
        (&["--ws", "--expect-size", "5"], "--expect-size"),
        (&["--ws", "--expect-header", "a"], "--expect-header"),
        (&["--ws", "--validate", "all"], "--validate"),
        (&["--expect-body", "sha256:12"], "64 hexadecimal digits"),
    ] {
        let output = run(&[&[url.as_str()], line].concat());
        assert_eq!(output.code, Some(2), "{line:?}: {output:?}");
        assert!(output.stderr.contains(part), "{line:?}: {output:?}");
    }
    assert!(server.requests().is_empty());
}
