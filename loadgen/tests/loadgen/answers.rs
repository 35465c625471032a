//! Answers of every shape: each must be understood, or named for what it is.

use crate::{
    server::{OK, Server},
    tool::{json, number, raw, run, template, words},
};
use std::{io, thread, time::Duration};

/// Runs briefly and expects a perfect result, with more answers than connections.
fn all_ok(server: &Server, extra: &[&str]) -> serde_json::Value {
    let url = server.url();
    let (report, output) = json(&[&[url.as_str(), "-c", "3", "-d", "300ms"], extra].concat());
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["responses"]) > 3, "{report:#}");
    assert_eq!(report["verdict"]["valid"], true, "{report:#}");
    assert_eq!(report["errors"]["read"], 0);
    report
}

fn only_2xx(report: &serde_json::Value) {
    assert_eq!(report["status"]["2xx"], report["responses"]);
}

#[test]
fn long_heads_and_many_header_fields() {
    let mut answer = String::from("HTTP/1.1 200 OK\r\n");
    for number in 0..60 {
        answer += &format!("X-Field-{number}: {}\r\n", "v".repeat(100));
    }
    answer += "Content-Length: 2\r\n\r\nok";
    assert!(answer.len() > 6000);
    only_2xx(&all_ok(
        &Server::answering(answer),
        &["--expect-body", "ok"],
    ));
}

#[test]
fn a_head_in_single_bytes() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            for byte in OK {
                connection.write(&[*byte])?;
            }
        }
    });
    only_2xx(&all_ok(&server, &["--expect-body", "ok"]));
}

#[test]
fn a_body_that_ends_with_the_connection() {
    // The body looks like further answers, which it is not.
    let body = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".repeat(3);
    let answer = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    let server = Server::start(move |connection| {
        connection.request()?;
        connection.write(answer.as_bytes())
    });
    let report = all_ok(&server, &["--expect-body", &body]);
    only_2xx(&report);
    assert!(number(&report["reconnects"]) > 0);
}

#[test]
fn statuses_without_a_body() {
    let server = Server::answering("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n");
    let report = all_ok(&server, &["-s", "304"]);
    assert_eq!(report["status"]["3xx"], report["responses"]);
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n");
    only_2xx(&all_ok(&server, &[]));
}

#[test]
fn answers_to_head() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    let file = template(request);
    only_2xx(&all_ok(
        &server,
        &["--raw", &raw([&file]), "--expect-body", "not compared"],
    ));
}

#[test]
fn interim_answers_are_passed_over() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            connection.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")?;
            connection.write(OK)?;
        }
    });
    let report = all_ok(&server, &[]);
    only_2xx(&report);
    assert_eq!(report["status"]["other"], 0);
}

#[test]
fn chunked_bodies_cut_at_awkward_places() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            connection.write_pieces(&[
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;name=\"v;w\"\r\nhello\r",
                b"\n1",
                b"\r\n \r",
                b"\n5\r\nworld",
                b"\r\n0\r\n",
                b"X-Trailer: yes\r",
                b"\n\r\n",
            ])?;
        }
    });
    only_2xx(&all_ok(&server, &["--expect-body", "hello world"]));
}

#[test]
fn the_last_crlf_of_a_chunked_body_in_its_own_segment() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            connection.write_pieces(&[
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
                b"\r\n",
            ])?;
        }
    });
    only_2xx(&all_ok(&server, &["--expect-body", "ok"]));
}

#[test]
fn unsolicited_answers_are_no_success() {
    let twice = [OK, OK].concat();
    let server = Server::answering(twice);
    let url = server.url();
    let (report, output) = json(&[&url, "-c", "2", "-d", "300ms"]);
    assert_eq!(output.code, Some(1));
    let unsolicited = number(&report["errors_detail"]["unsolicited"]);
    assert!(unsolicited > 10, "{report:#}");
    assert!(number(&report["status"]["2xx"]) <= number(&report["requests"]) + 2);
    assert_eq!(report["verdict"]["valid"], false);
    let text = run(&[&url, "-c", "2", "-d", "300ms"]).stdout;
    assert!(
        text.contains("unsolicited answers, which no request had asked for"),
        "{text}"
    );
    assert!(text.contains("INVALID"), "{text}");
}

#[test]
fn unsolicited_answers_that_never_come_together_cannot_hide() {
    // Whenever the second answer arrives, the request that the first one triggered is already out. The server
    // falls behind, and what it still sends when nothing is owed any more gives it away.
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            connection.write_pieces(&[OK, OK])?;
        }
    });
    let (report, output) = json(&[&server.url(), "-c", "1", "-d", "300ms"]);
    assert_eq!(output.code, Some(1), "{report:#}");
    assert!(
        number(&report["errors_detail"]["unsolicited"]) > 0,
        "{report:#}"
    );
}

#[test]
fn an_answer_after_the_last_one_asked_for_is_noticed() {
    let twice = [OK, OK].concat();
    let server = Server::answering(twice);
    let (report, output) = json(&[&server.url(), "-c", "1", "-d", "200ms", "-r", "1"]);
    assert_eq!(output.code, Some(1));
    assert!(
        number(&report["errors_detail"]["unsolicited"]) > 0,
        "{report:#}"
    );
}

#[test]
fn other_status_classes_fail_the_run() {
    let server = Server::answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let (report, output) = json(&[&server.url(), "-c", "2", "-d", "200ms"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(report["status"]["5xx"], report["responses"]);
    assert_eq!(report["status"]["2xx"], 0);
    assert!(number(&report["counts"]["bad_status"]) > 0);
    assert!(number(&report["codes"]["503"]) > 0);
    let (_, output) = json(&[&server.url(), "-c", "2", "-d", "200ms", "-s", "500"]);
    assert_eq!(output.code, Some(0));
}

#[test]
fn other_bodies_are_no_success() {
    let server = Server::answering(OK);
    for expected in ["no", "okay", "o", ""] {
        let line = format!("{} -c 1 -d 150ms --expect-body", server.url());
        let (report, output) = json(&[&words(&line)[..], &[expected]].concat());
        assert_eq!(output.code, Some(1), "{expected}");
        assert_eq!(report["status"]["2xx"], 0, "{expected}");
        assert_eq!(report["counts"]["bad_body"], report["responses"]);
    }
    let file = template("ok");
    let expected = format!("@{}", file.path().display());
    only_2xx(&all_ok(&server, &["--expect-body", &expected]));
}

#[test]
fn malformed_answers_are_named() {
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    for (answer, name) in [
        ("HTTP/1.1 banana\r\n\r\n", "malformed status line"),
        ("garbage without end", "malformed status line"),
        (
            "HTTP/1.1 200 OK\r\nNoColon\r\n\r\n",
            "header line without a colon",
        ),
        (
            "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
            "malformed header name",
        ),
        (
            "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "head line ended by a bare LF",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
            "malformed Content-Length",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "conflicting Content-Length fields",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "both Transfer-Encoding and Content-Length",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "malformed chunk",
        ),
        (huge.as_str(), "head larger than 64 KiB"),
    ] {
        let server = Server::answering(answer);
        let (report, output) = json(&[&server.url(), "-c", "1", "-d", "150ms"]);
        assert_eq!(output.code, Some(1), "{name}: {report:#}");
        assert!(
            number(&report["errors_detail"]["malformed"][name]) > 0,
            "{name}: {report:#}"
        );
        assert_eq!(report["responses"], 0, "{name}");
        // A server that answers nothing else is left alone between the attempts.
        assert!(server.connections() < 50, "{name}");
    }
}

#[test]
fn answers_cut_short_are_no_success() {
    for part in [
        &b"HTTP/1.1 200 OK\r\nContent-Le"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let server = Server::start(move |connection| {
            connection.request()?;
            connection.write(part)
        });
        let (report, output) = json(&[&server.url(), "-c", "2", "-d", "200ms"]);
        assert_eq!(output.code, Some(1), "{report:#}");
        assert_eq!(report["responses"], 0);
        assert!(number(&report["counts"]["whole_run"]["lost"]) > 0);
        let notes = report["verdict"]["notes"].to_string();
        assert!(notes.contains("cut short"), "{notes}");
    }
}

#[test]
fn more_answers_in_one_buffer_than_any_table_holds() {
    // 300 requests of one batch are answered by one write.
    let server = Server::start(|connection| {
        loop {
            let mut answers = Vec::new();
            for _ in 0..300 {
                connection.request()?;
                answers.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
            connection.write(&answers)?;
        }
    });
    let report = all_ok(&server, &["-c", "1", "-p", "300", "--recv-buf", "65536"]);
    assert!(number(&report["responses"]) >= 300);
    only_2xx(&report);
}

#[test]
fn running_out_of_receive_buffers_is_no_error() {
    // 64 connections share 64 small buffers, and each answer needs 400 of them.
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 204800\r\n\r\n".to_vec();
    answer.resize(answer.len() + 204_800, b'x');
    let server = Server::answering(answer);
    let args = ["-c", "64", "-d", "500ms", "--recv-buf", "512"];
    let report = all_ok(&server, &args);
    only_2xx(&report);
    assert_eq!(report["reconnects"], 0);
    let starved = number(&report["errors_detail"]["receives_without_buffer"]);
    assert!(
        starved > 0,
        "the buffers never ran out, so nothing was tested"
    );
}

#[test]
fn a_refused_upload_s_answer_is_still_read() {
    // The server answers after the head and resets while the body is still being sent.
    let server = Server::start(|connection| {
        connection.read()?;
        connection
            .write(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?;
        thread::sleep(Duration::from_millis(20));
        Err(io::ErrorKind::Other.into())
    });
    let mut request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 8000000\r\n\r\n",
        server.address()
    )
    .into_bytes();
    request.resize(request.len() + 8_000_000, b'x');
    let file = template(request);
    let (report, _) = json(&words(&format!(
        "{} --raw {} -c 1 -d 400ms -s 413 --send-buf 65536",
        server.url(),
        raw([&file])
    )));
    assert!(number(&report["status"]["4xx"]) > 0, "{report:#}");
}
