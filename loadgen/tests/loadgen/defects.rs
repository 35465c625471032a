//! Known defects of load generators: `docs/loadgen-defects.md` has a row with tests for each; here are those that no other
//! file has, and the test of the table.

#[path = "../../../sws/tests/common/sources.rs"]
mod sources;

use crate::{
    server::{OK, Server},
    tool::{json, json_once, number, raw, run_once, template, words},
};
use socket2::Socket;
use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

#[test]
fn every_defect_has_a_row_and_every_test_in_it_exists() {
    let path = sources::root().join("docs/loadgen-defects.md");
    let text = std::fs::read_to_string(path).unwrap();
    let lists = [("A", 14), ("B", 15), ("C", 13)];
    let names = lists
        .into_iter()
        .flat_map(|(list, count)| (1..=count).map(move |number| format!("| {list}{number} |")));
    for name in names {
        let rows: Vec<&str> = text.lines().filter(|row| row.starts_with(&name)).collect();
        assert_eq!(rows.len(), 1, "{name}");
        let tests = sources::tests_named_in(rows[0]);
        assert!(!tests.is_empty(), "{name} names no test");
        for test in tests {
            sources::expect_test(test);
        }
    }
}

#[test]
fn more_templates_than_any_table_holds() {
    let server = Server::answering(OK);
    let files: Vec<_> = (0..100)
        .map(|number| template(format!("GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n")))
        .collect();
    let list = raw(&files);
    let (report, output) = json(&[&server.url(), "--raw", &list, "-c", "100", "-n", "1000"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    let templates = report["per_template"].as_array().unwrap();
    assert_eq!(templates.len(), 100);
    let answers = templates.iter().map(|one| number(&one["responses"]));
    assert_eq!(answers.sum::<u64>(), 1000);
    for path in ["/0", "/63", "/64", "/99"] {
        let line = format!("GET {path} ");
        let asked = server.requests();
        assert!(
            asked.iter().any(|one| one.starts_with(line.as_bytes())),
            "{path}"
        );
    }
}

#[test]
fn messages_of_any_length() {
    for length in [125, 126, 240, 256, 65_535, 65_536] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let Ok(mut socket) = tungstenite::accept(stream) else {
                    continue;
                };
                while let Ok(message) = socket.read() {
                    let echo = message.is_text();
                    if echo && socket.send(message).is_err() {
                        break;
                    }
                }
            }
        });
        let message = "m".repeat(length);
        let url = format!("http://{address}/");
        let (report, output) = json(&[&url, "-c", "1", "-n", "20", "--ws-msg", &message]);
        assert_eq!(output.code, Some(0), "{length}: {report:#}");
        assert_eq!(number(&report["responses"]), 20, "{length}");
    }
}

#[test]
fn the_warm_up_is_counted_apart() {
    let begin = Instant::now();
    let server = Server::answering(OK);
    let (report, output) = json(&words(&format!(
        "{} -c 3 -t 2 -w 300ms -d 300ms",
        server.url()
    )));
    assert!(begin.elapsed() >= Duration::from_millis(600));
    assert_eq!(output.code, Some(0), "{report:#}");
    let (counts, whole) = (&report["counts"], &report["counts"]["whole_run"]);
    // What the server saw is the whole run; the report is about a part of it only.
    assert_eq!(
        server.requests().len() as u64,
        number(&whole["sent"]),
        "{report:#}"
    );
    assert!(
        number(&counts["sent"]) < number(&whole["sent"]),
        "{report:#}"
    );
    assert_eq!(report["latency"]["count"], report["responses"]);
    assert_eq!(report["requests"], counts["sent"]);
    let windows = report["windows"].as_array().unwrap().iter();
    assert_eq!(
        windows.map(|row| number(&row["ok"])).sum::<u64>(),
        number(&counts["ok"])
    );
    assert!(number(&report["phases"]["warmup_ns"]) >= 300_000_000);
}

#[test]
fn bandwidth_is_bytes_per_second() {
    let server = Server::answering(OK);
    let (report, _) = json(&[&server.url(), "-c", "2", "-d", "300ms"]);
    let bytes = number(&report["bytes_read"]) as f64;
    let seconds = report["elapsed_sec"].as_f64().unwrap();
    let bandwidth = report["bandwidth_bps"].as_f64().unwrap();
    // Seconds are rounded to milliseconds.
    assert!(
        (bandwidth * seconds / bytes - 1.0).abs() < 0.01,
        "{report:#}"
    );
    let schema = include_str!("../../schema/loadgen-1.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let said = schema["properties"]["bandwidth_bps"]["description"].as_str();
    assert!(said.unwrap().contains("bytes per second"), "{said:?}");
}

#[test]
fn connections_that_were_never_up_are_missed() {
    // A listener that never accepts: the kernel lets no more connections be established than its backlog has room for, and
    // drops what follows.
    let listener = Socket::from(TcpListener::bind("127.0.0.1:0").unwrap());
    listener.listen(1).unwrap();
    let listener = TcpListener::from(listener);
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let text = format!("{url} -c 12 -d 300ms --connect-timeout 100ms");
    let line = words(&text);
    let (report, output) = json_once(&line);
    assert_eq!(output.code, Some(5), "{report:#}");
    let missing = number(&report["errors_detail"]["never_connected"]);
    assert!((1..12).contains(&missing), "{report:#}");
    assert!(
        number(&report["errors_detail"]["by_phase"]["connect"]["ETIMEDOUT"]) > 0,
        "{report:#}"
    );
    let text = run_once(&line).stdout;
    assert!(text.contains(" of 12 connections were never up"), "{text}");
}
