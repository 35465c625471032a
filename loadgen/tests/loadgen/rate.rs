//! Open loop: the schedule, its two latencies, and what happens when it cannot be held.

use crate::{
    server::{OK, Server},
    tool::{json, json_once, json_until, number, raw, run, template, words},
};
use serde_json::Value;
use std::{thread, time::Duration};

#[test]
fn requests_are_sent_at_the_rate_whatever_the_threads() {
    let server = Server::answering(OK);
    for (threads, arrival) in [("1", "uniform"), ("3", "uniform"), ("2", "poisson")] {
        let (report, output) = json(&words(&format!(
            "{} -c 8 -t {threads} -d 500ms --rate 1k --arrival {arrival}",
            server.url()
        )));
        let load = &report["load"];
        assert_eq!(output.code, Some(0), "{report:#}");
        assert_eq!(load["model"], "rate");
        let due = number(&load["due"]);
        match arrival {
            "uniform" => assert_eq!(due, 500, "{report:#}"),
            // Six standard deviations.
            _ => assert!((366..=634).contains(&due), "{due}"),
        }
        let ledger = number(&load["queued_at_start"]) + due;
        let gone = number(&report["requests"]) + number(&load["shed"]);
        assert_eq!(ledger, gone + number(&load["queued_at_end"]), "{report:#}");
        let latency = &report["latency"];
        assert_eq!(latency["service"]["count"], latency["response"]["count"]);
        for part in ["min", "mean", "p50", "p99", "max"] {
            let of = |kind: &str| number(&latency[kind][part]);
            assert!(of("response") >= of("service"), "{report:#}");
        }
    }
}

#[test]
fn what_finds_no_connection_waits_and_the_wait_is_response_time_only() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(20));
            connection.write(OK)?;
        }
    });
    let args = [&server.url(), "-c", "1", "-w", "0", "--rate", "200"];
    // By then the last has waited for 300 ms.
    let (report, output) = json_until(&args, |report| number(&report["responses"]) >= 21);
    assert_eq!(output.code, Some(0), "{report:#}");
    let (load, latency) = (&report["load"], &report["latency"]);
    assert!(number(&load["due"]) >= 120);
    assert_eq!(load["schedule_held"], false);
    assert!(number(&load["queued_at_end"]) > 60, "{report:#}");
    assert!(number(&load["waited"]) > 0);
    // Every fourth request gets its turn, so the last of them has waited for most of the run.
    assert!(
        number(&latency["response"]["max"]) > 300_000_000,
        "{report:#}"
    );
    assert!(number(&latency["response"]["p50"]) > number(&latency["service"]["p50"]));
    // The server was, and this program as well where it gets no CPU.
    assert!(
        ["server", "client"].contains(&report["verdict"]["bound"].as_str().unwrap()),
        "{report:#}"
    );
    let notes = report["verdict"]["notes"].to_string();
    assert!(
        notes.contains("schedule was not held") && notes.contains("(-c)"),
        "{notes}"
    );
    assert!(number(&report["latency_us"]["p50"]) * 1000 <= number(&latency["response"]["p50"]));

    let text = run(&[&args[..], &["-d", "600ms"]].concat()).stdout;
    let rows: Vec<&str> = text.lines().map(str::trim).collect();
    let latency = rows
        .iter()
        .position(|row| row.starts_with("Latency"))
        .unwrap();
    assert!(rows[latency + 1].starts_with("Service"), "{text}");
    assert!(text.contains("Offered:  200/s, achieved"), "{text}");
    assert!(
        text.contains("response time: from when a request was due"),
        "{text}"
    );
}

#[test]
fn what_has_waited_for_longer_than_the_deadline_is_dropped_and_counted() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(20));
            connection.write(OK)?;
        }
    });
    let (report, output) = json(&words(&format!(
        "{} -c 1 -d 600ms --rate 200 --deadline 50ms",
        server.url()
    )));
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["load"]["shed"]) > 60, "{report:#}");
    assert!(number(&report["load"]["queued_at_end"]) < 40, "{report:#}");
    let notes = report["verdict"]["notes"].to_string();
    assert!(notes.contains("waited for more than 50ms"), "{notes}");
}

#[test]
fn every_request_of_a_pipeline_has_its_own_times() {
    // Two requests a time on one connection; the server answers the first at once and the second late.
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            connection.write(OK)?;
            connection.request()?;
            thread::sleep(Duration::from_millis(30));
            connection.write(OK)?;
        }
    });
    let url = server.url();
    let args = [&url, "-c", "1", "-p", "4", "-w", "0", "--rate", "50"];
    let service = |report: &Value, part: &str| number(&report["latency"]["service"][part]);
    // A slow machine may answer none at once.
    let is_quick = |report: &Value| service(report, "min") < 30_000_000;
    let (report, output) = json_until(&args, |report| {
        number(&report["responses"]) > 8 && is_quick(report)
    });
    assert_eq!(output.code, Some(0), "{report:#}");
    let seconds = report["duration_sec"].as_f64().unwrap();
    assert_eq!(number(&report["load"]["due"]) as f64, 50.0 * seconds);
    assert!(service(&report, "p75") >= 30_000_000, "{report:#}");
    assert!(is_quick(&report), "{report:#}");
}

#[test]
fn ramps_and_steps_are_followed_and_templates_mixed() {
    let server = Server::answering(OK);
    let (report, _) = json(&[&server.url(), "-c", "4", "-d", "500ms", "-R", "100:500"]);
    assert_eq!(report["load"]["model"], "ramp");
    assert_eq!(report["load"]["due"], 150, "{report:#}");
    let files = [
        template("GET /{SEQ:100} HTTP/1.1\r\nHost: a\r\n\r\n"),
        template("POST /b HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nb"),
    ];
    let files = raw(&files);
    let (report, _) = json(&words(&format!(
        "{} --raw {files} -c 4 -d 500ms -q 100,300",
        server.url()
    )));
    assert_eq!(report["load"]["model"], "steps");
    assert_eq!(report["load"]["due"], 100, "{report:#}");
    for template in [0, 1] {
        // How many of each depends on which connections were free.
        assert!(
            number(&report["per_template"][template]["responses"]) > 0,
            "{report:#}"
        );
    }
}

#[test]
fn connections_that_come_and_go_lose_nothing_that_is_due() {
    let server = Server::answering(OK);
    let args = [&server.url(), "-c", "4", "-r", "5", "--rate", "400"];
    let (report, output) = json_until(&args, |report| number(&report["reconnects"]) >= 20);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["reconnects"]) >= 20, "{report:#}");
    let seconds = report["duration_sec"].as_f64().unwrap();
    assert_eq!(number(&report["load"]["due"]) as f64, 400.0 * seconds);
    assert_eq!(report["counts"]["lost"], 0);
}

#[test]
fn messages_can_be_due_as_well() {
    let server = crate::websocket::echoing();
    let args = [&server.url(), "--ws", "-c", "4", "--rate", "500"];
    let (report, output) = json_until(&args, |report| number(&report["ws_frames"]) > 200);
    assert_eq!(output.code, Some(0), "{report:#}");
    let seconds = report["duration_sec"].as_f64().unwrap();
    assert_eq!(number(&report["load"]["due"]) as f64, 500.0 * seconds);
    assert!(number(&report["ws_frames"]) > 200);
}

#[test]
fn refusals_name_the_flag() {
    let url = "http://127.0.0.1:1/";
    for (args, part) in [
        (vec![url, "--rate", "0%"], "like 50%"),
        (vec![url, "--deadline", "5ms"], "--deadline"),
        (vec![url, "--rate", "30M", "-t", "2"], "up to 10M/s"),
        (vec![url, "-R", "100", "-q", "5"], "./100"),
    ] {
        let output = run(&args);
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
}

#[test]
fn a_part_of_the_highest_rate_is_measured_first() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(5));
            connection.write(OK)?;
        }
    });
    let url = server.url();
    let (report, output) = json(&[&url, "-c", "4", "-d", "400ms", "--rate", "50%"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    let load = &report["load"];
    assert_eq!(load["highest_part"], 0.5);
    // No connection can have more than an answer in 5 ms.
    let highest = load["highest_rps"].as_f64().unwrap();
    assert!(highest > 0.0 && highest <= 820.0, "{load:#}");
    let rate: f64 = load["rate"].as_str().unwrap().parse().unwrap();
    assert!((rate / highest - 0.5).abs() < 0.01, "{load:#}");
    let due = number(&load["due"]) as f64;
    assert!((due - rate * 0.4).abs() <= 2.0, "{load:#}");

    let output = run(&[&url, "-c", "4", "-d", "300ms", "--rate", "10%"]);
    assert!(
        output.stdout.contains("of which the rate is 10%"),
        "{}",
        output.stdout
    );
}

#[test]
fn where_nothing_answers_there_is_no_highest_rate() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}/");
    let (report, output) = json_once(&[&url, "-c", "2", "-d", "150ms", "--rate", "50%"]);
    assert_eq!(output.code, Some(5), "{report:#}");
    assert_eq!(report["load"]["model"], "closed");
    for shared in [
        &["--worker", "0/2"][..],
        &["--start-at", "next:5s"],
        &["--idle"],
    ] {
        let output = run(&[&[url.as_str(), "--rate", "50%"], shared].concat());
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(shared[0]), "{}", output.stderr);
    }
}
