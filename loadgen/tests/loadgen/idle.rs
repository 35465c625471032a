//! Connections that are held and not kept busy: `--idle`, `--ws-mode`.

use crate::{
    many::Processes,
    server::{OK, Server},
    together::{try_workers, workers},
    tool::{json, json_once, number, run, words},
    websocket::{TEXT, frame, upgrade},
};
use serde_json::Value;
use std::{thread, time::Duration};

/// Connections of the run that is measured as one process and as several.
const CONNECTIONS: u64 = 2000;

fn held(report: &Value, key: &str) -> u64 {
    number(&report["hold"][key])
}

/// Connections that were used, and requests that a slow machine has not got through.
fn used(report: &Value) -> u64 {
    held(report, "touched")
        + number(&report["counts"]["whole_run"]["unfinished"])
        + number(&report["load"]["queued_at_end"])
}

#[test]
fn without_a_rate_nothing_is_sent() {
    let server = Server::answering(OK);
    let (report, output) = json(&words(&format!(
        "{} --idle -c 20 -t 2 -d 300ms --strict",
        server.url()
    )));
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["load"]["model"], "hold");
    assert_eq!(report["hold"]["mode"], "idle");
    assert_eq!(
        (held(&report, "up_at_start"), held(&report, "up_at_end")),
        (20, 20)
    );
    assert_eq!(held(&report, "touched"), 0);
    assert_eq!(number(&report["counts"]["whole_run"]["sent"]), 0);
    assert_eq!(report["phases"]["steady"], Value::Null);
    assert_eq!(report["verdict"]["valid"], true);
    assert!(server.requests().is_empty());
    assert_eq!(server.connections(), 20);

    let text = run(&[&server.url(), "--idle", "-c", "3", "-d", "200ms"]).stdout;
    assert!(text.contains("Hold:      idle"), "{text}");
    assert!(
        text.contains("3 of 3 connections at the begin, 3 at the end"),
        "{text}"
    );
}

#[test]
fn a_rate_uses_the_connections_in_turn() {
    let server = Server::answering(OK);
    let line = [&server.url(), "--idle", "-c", "20", "-t", "2", "-w", "0"];
    let (report, output) = json(&[&line[..], &["-d", "500ms", "--rate", "40"]].concat());
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["load"]["model"], "rate");
    assert_eq!(number(&report["load"]["due"]), 20);
    // None was used twice: as many as there were requests.
    assert_eq!(used(&report), 20, "{report:#}");
    assert!(held(&report, "touched") > 0, "{report:#}");
}

#[test]
fn connections_that_the_server_ends_are_counted_and_named() {
    let server = Server::start(|_| {
        thread::sleep(Duration::from_millis(20));
        Ok(())
    });
    let args = [&server.url(), "--idle", "-c", "7", "-d", "600ms"];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(1), "{report:#}");
    let closed = number(&report["hold"]["dropped"]["closed"]);
    assert!(closed >= 7, "{report:#}");
    assert!(number(&report["hold"]["up_at_end"]) <= 7);
    let first = report["hold"]["first_dropped"].as_array().unwrap();
    assert_eq!(first.len(), 5);
    for named in first {
        assert!(number(&named["connection"]) < 7);
        assert_eq!(named["how"], "closed");
        assert!(named["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    let notes = report["verdict"]["notes"].to_string();
    assert!(
        notes.contains("on which nothing was owed (closed "),
        "{notes}"
    );
    let text = run(&args).stdout;
    assert!(text.contains("Dropped:  connection"), "{text}");
    assert!(text.contains("closed by the server after"), "{text}");
}

/// Upgrades, and sends a message every 20 ms.
fn pushing() -> Server {
    Server::start(|connection| {
        upgrade(connection)?;
        loop {
            connection.write(&frame(TEXT, b"news"))?;
            thread::sleep(Duration::from_millis(20));
        }
    })
}

#[test]
fn pushed_messages_are_counted() {
    let server = pushing();
    let (report, output) = json(&[&server.url(), "--ws-mode", "push", "-c", "5", "-d", "500ms"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["mode"], "websocket");
    let pushed = held(&report, "pushed");
    assert!(pushed > 0, "{report:#}");
    // Six bytes each; at the borders a few are cut.
    assert!(
        number(&report["bytes_read"]).abs_diff(pushed * 6) <= 5 * 12,
        "{report:#}"
    );
    assert_eq!(
        (number(&report["requests"]), number(&report["ws_upgrades"])),
        (0, 5)
    );
    assert_eq!(number(&report["errors_detail"]["unsolicited"]), 0);
    let text = run(&[&server.url(), "--ws-mode", "push", "-c", "2", "-d", "200ms"]).stdout;
    assert!(text.contains("Pushed:"), "{text}");
}

#[test]
fn who_only_connects_does_not_want_messages() {
    let quiet = Server::start(|connection| {
        upgrade(connection)?;
        connection.wait_for_end()
    });
    let args = ["--ws-mode", "connect-only", "-c", "5", "-d", "300ms"];
    let (report, output) = json(&[&[quiet.url().as_str()], &args[..]].concat());
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(held(&report, "up_at_end"), 5);
    assert_eq!(report["hold"]["pushed"], Value::Null);

    let (report, output) = json(&[&[pushing().url().as_str()], &args[..]].concat());
    assert_eq!(output.code, Some(1), "{report:#}");
    assert!(number(&report["errors_detail"]["unsolicited"]) > 0);
    let (_, output) = json_once(&[&quiet.url(), "--ws-mode", "push", "-c", "2", "-d", "200ms"]);
    assert_eq!(output.code, Some(5), "{output:?}");
}

/// Everything that is counted and does not depend on how fast the machine is.
fn counts(report: &Value) -> Value {
    let load = &report["load"];
    let whole = &report["counts"]["whole_run"];
    serde_json::json!({
        "connections": report["connections"],
        "threads": report["threads"],
        "due": load["due"],
        "shed": load["shed"],
        "sent": number(&whole["sent"]) + number(&load["queued_at_end"]),
        "bad": whole["bad"],
        "lost": whole["lost"],
        "up": [report["hold"]["up_at_start"], report["hold"]["up_at_end"]],
        "used": used(report),
        "dropped": report["hold"]["dropped"],
        "reconnects": report["reconnects"],
        "errors": report["errors"],
        "never_connected": report["errors_detail"]["never_connected"],
        "answers": report["latency"]["response"]["count"].as_u64() == report["responses"].as_u64(),
        "balance": report["verdict"]["counts_balance"],
    })
}

#[test]
fn several_processes_report_the_same_as_one() {
    sws_ring::sys::raise_nofile().unwrap();
    let server = Processes::start(1);
    let folder = tempfile::tempdir().unwrap();
    let all = CONNECTIONS.to_string();
    // Fewer requests than connections, so that each goes to one that has not been used.
    let line = [
        server.url(),
        "--idle".into(),
        "-c".into(),
        all,
        "-w".into(),
        "0".into(),
        "-d".into(),
        "500ms".into(),
        "--rate".into(),
        "2000".into(),
        "--deadline".into(),
        "20s".into(),
        "--drain".into(),
        "20s".into(),
    ];
    let mut line: Vec<&str> = line.iter().map(String::as_str).collect();
    let parts = workers(4, folder.path(), &line);
    line.extend(["-t", "4"]);
    let one = json(&line).0;
    assert_eq!(counts(&parts), counts(&one));
    assert_eq!(number(&one["load"]["due"]), 1000);
    assert_eq!(held(&one, "up_at_end"), CONNECTIONS);
    assert_eq!(parts["workers"].as_array().unwrap().len(), 4);
}

/// By hand: `cargo test --release -p loadgen -- --ignored --nocapture --test-threads 1 idle::by_hand`. Needs 20,000 open files for each
/// process, and about 3 GiB for the kernel's sockets.
fn by_hand(servers: usize, clients: u32, connections: &str, rate: &str) {
    let server = Processes::start(servers);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url();
    let text = format!(
        "{url} --idle -c {connections} -w 5s -d 10s --rate {rate} \
        --source-ip 127.0.0.2-17 --connect-rate 20000"
    );
    let line = words(&text);
    let whole = match clients {
        1 => json(&line).0,
        _ => try_workers(clients, folder.path(), Duration::from_secs(20), &line).unwrap(),
    };
    let all: u64 = connections.parse().unwrap();
    println!(
        "{clients} processes: {:#}\n{:#}",
        counts(&whole),
        whole["hold"]
    );
    println!("response {:#}", whole["latency"]["response"]["p99"]);
    assert_eq!(
        (held(&whole, "up_at_start"), held(&whole, "up_at_end")),
        (all, all)
    );
    assert_eq!(whole["hold"]["dropped"], serde_json::json!({}));
    assert_eq!(whole["load"]["due"], rate.parse::<u64>().unwrap() * 10);
    assert!(held(&whole, "bytes_per_connection") < 2048);
}

#[test]
#[ignore = "needs 20,000 open files"]
fn by_hand_16384_connections_of_one_process() {
    by_hand(1, 1, "16384", "2000");
}

#[test]
#[ignore = "needs 120,000 connections"]
fn by_hand_100000_connections_of_six_processes() {
    by_hand(6, 6, "100000", "6000");
}
