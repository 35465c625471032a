//! What is said about a run as a whole: errors by phase, stuck connections, Little's law, who set the limit, steadiness.

use crate::{
    server::{OK, Server},
    tool::{json, json_once, json_until, number, run},
};
use serde_json::Value;
use std::{io, iter, net::TcpListener, thread, time::Duration};

fn measure(server: &Server, line: &str) -> (Value, Option<i32>) {
    let url = server.url();
    let words: Vec<&str> = line.split(' ').collect();
    let (report, output) = json(&[&[url.as_str()], words.as_slice()].concat());
    (report, output.code)
}

/// A run in which nothing is answered.
fn failing(server: &Server, line: &str) -> Value {
    let url = server.url();
    let words: Vec<&str> = line.split(' ').collect();
    json_once(&[&[url.as_str()], words.as_slice()].concat()).0
}

fn phase(report: &Value, phase: &str) -> Value {
    report["errors_detail"]["by_phase"][phase].clone()
}

/// The law as reported, once it is sure that it was judged.
fn law(report: &Value) -> f64 {
    assert!(number(&report["responses"]) >= 100, "{report:#}");
    let notes = report["verdict"]["notes"].to_string();
    assert!(!notes.contains("Little"), "{notes}");
    report["verdict"]["littles_law"].as_f64().unwrap()
}

#[test]
fn nothing_is_wrong_in_any_phase_of_a_good_run() {
    let (report, _) = measure(&Server::answering(OK), "-c 2 -d 200ms");
    for name in ["connect", "tls", "upgrade", "send", "receive", "answer"] {
        assert_eq!(phase(&report, name), serde_json::json!({}), "{name}");
    }
    assert_eq!(report["stuck"], serde_json::json!([]));
}

#[test]
fn errors_are_counted_by_phase_and_kind() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (report, _) = json_once(&[&format!("http://{closed}/"), "-c", "1", "-d", "500ms"]);
    assert!(
        number(&phase(&report, "connect")["ECONNREFUSED"]) > 0,
        "{report:#}"
    );

    // What is unread when a socket is closed makes it a reset.
    let server = Server::start(|connection| {
        connection.stream().peek(&mut [0])?;
        Ok(())
    });
    let report = failing(&server, "-c 1 -d 500ms");
    assert!(
        number(&phase(&report, "receive")["ECONNRESET"]) > 0,
        "{report:#}"
    );

    let server = Server::start(|connection| connection.request().map(drop));
    let report = failing(&server, "-c 1 -d 500ms");
    assert!(
        number(&phase(&report, "receive")["closed early"]) > 0,
        "{report:#}"
    );

    let server = Server::answering("HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nx");
    let (report, _) = measure(&server, "-c 1 -d 150ms");
    assert!(
        number(&phase(&report, "answer")["wrong status"]) > 0,
        "{report:#}"
    );

    let report = failing(&server, "--ws -c 1 -d 500ms");
    let upgrade = phase(&report, "upgrade");
    let kinds: Vec<&String> = upgrade.as_object().unwrap().keys().collect();
    assert!(kinds.len() == 1 && kinds[0].contains("503"), "{kinds:?}");
}

#[test]
fn stuck_connections_are_named() {
    // The third answer of each connection is never completed.
    let server = Server::start(|connection| {
        for _ in 0..2 {
            connection.request()?;
            connection.write(OK)?;
        }
        connection.request()?;
        connection.write(&OK[..20])?;
        connection.wait_for_end()
    });
    let line = "-c 2 -d 400ms --timeout 100ms";
    let (report, code) = measure(&server, line);
    assert_eq!(code, Some(1));
    let stuck = report["stuck"].as_array().unwrap();
    assert!(!stuck.is_empty() && stuck.len() <= 5, "{report:#}");
    for one in stuck {
        assert!(number(&one["connection"]) < 2, "{one:#}");
        assert!(number(&one["silent_ns"]) >= 100_000_000, "{one:#}");
        assert_eq!(number(&one["bytes"]), 2 * OK.len() as u64 + 20, "{one:#}");
        assert_eq!(
            (&one["inside_answer"], &one["in_flight"]),
            (&true.into(), &1.into())
        );
        assert_eq!(
            (&one["waits_for"], &one["at_end"]),
            (&"answer".into(), &false.into())
        );
    }
    let url = server.url();
    let words: Vec<&str> = line.split(' ').collect();
    let text = run(&[&[url.as_str()], words.as_slice()].concat()).stdout;
    assert!(
        text.contains("waits for an answer (1 in flight), 100 bytes had come, a part of this"),
        "{text}"
    );

    let server = Server::start(|connection| connection.wait_for_end());
    let (report, _) = measure(&server, "--ws -c 1 -d 300ms --timeout 100ms");
    let one = &report["stuck"][0];
    assert_eq!(
        (&one["waits_for"], &one["bytes"]),
        (&"upgrade".into(), &0.into()),
        "{report:#}"
    );
}

#[test]
fn little_s_law_holds_whatever_the_load() {
    let fast = Server::answering(OK);
    let slow = Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(3));
            connection.write(OK)?;
        }
    });
    let once = Server::start(|connection| {
        connection.request()?;
        connection.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    });
    for (server, line) in [
        (&fast, "-c 4"),
        (&fast, "-c 16 -t 2"),
        (&fast, "-c 4 -p 16"),
        (&fast, "-c 4 -r 7"),
        (&fast, "-c 2 -w 0"),
        (&slow, "-c 8"),
        (&once, "-c 4"),
    ] {
        let url = server.url();
        let words: Vec<&str> = iter::once(url.as_str()).chain(line.split(' ')).collect();
        let (report, output) = json_until(&words, |report| number(&report["responses"]) >= 100);
        assert_eq!(output.code, Some(0), "{line}: {report:#}");
        let law = law(&report);
        assert!((0.95..=1.05).contains(&law), "{line}: {law} {report:#}");
        let up = report["load"]["connections_up_mean"].as_f64().unwrap();
        assert!(up > 0.5 && up < 17.0, "{line}: {up}");
    }
    // Nobody says how many should be in flight.
    for line in ["-c 2 -d 200ms --think 5ms", "-c 2 -d 200ms --rate 500"] {
        let (report, _) = measure(&fast, line);
        assert!(
            report["verdict"]["littles_law"].is_null(),
            "{line}: {report:#}"
        );
    }
}

#[test]
fn who_set_the_limit_is_unknown_without_the_server_s_figures() {
    // An idle client, so that it is not the limit unless the machine is.
    let slow = Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(20));
            connection.write(OK)?;
        }
    });
    let (report, _) = measure(&slow, "-c 1 -d 300ms");
    assert_eq!(report["verdict"]["bound"], "unknown", "{report:#}");
    // With them: a server that does nothing but sleep is no limit either.
    let pid = std::process::id().to_string();
    let (report, _) = measure(&slow, &format!("-c 1 -d 300ms --server-pid {pid}"));
    let bound = report["verdict"]["bound"].as_str().unwrap().to_owned();
    let saturation = report["server"]["cpu_saturation"].as_f64().unwrap_or(0.0);
    let busiest = report["server"]["busiest_thread"].as_f64().unwrap_or(0.0);
    let expected = match saturation.max(busiest) {
        0.75.. => "server",
        0.5.. => "mixed",
        _ => "unknown",
    };
    assert!(
        bound == expected || bound == "network",
        "{bound} {report:#}"
    );
}

#[test]
fn a_server_that_closes_without_an_answer_breaks_no_law() {
    let server = Server::start(|connection| {
        for _ in 0..50 {
            connection.request()?;
            connection.write(OK)?;
        }
        connection.request()?;
        Err(io::ErrorKind::Other.into())
    });
    let (report, code) = measure(&server, "-c 4 -n 3000 -d 25s");
    assert_eq!(code, Some(1), "{report:#}");
    assert!(
        number(&report["counts"]["whole_run"]["lost"]) > 0,
        "{report:#}"
    );
    law(&report);
}

#[test]
fn the_verdict_s_line_says_what_it_rests_on() {
    let server = Server::answering(OK);
    let url = server.url();
    let text = run(&[&url, "-c", "2", "-d", "600ms", "--interval", "100ms"]).stdout;
    let line = text.lines().find(|line| line.contains("Verdict:")).unwrap();
    assert!(
        line.contains("valid (Little ") && line.ends_with("books balance)"),
        "{line}"
    );
    assert!(
        line.contains(", steady, ") || line.contains(", drifting, "),
        "{line}"
    );
}
