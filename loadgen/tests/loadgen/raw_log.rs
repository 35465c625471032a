//! `--raw-log`: every answer on a line of its own, and that results are the sum of them.

use crate::{
    files::{histogram, read},
    server::{OK, Server},
    together::workers,
    tool::{json, number, raw, run, template, words},
};
use hdrhistogram::Histogram;
use serde_json::Value;
use std::{fs, path::Path};

/// One line.
pub(crate) struct Answer {
    pub(crate) end: u64,
    pub(crate) phase: String,
    pub(crate) service: u64,
    pub(crate) response: Option<u64>,
    pub(crate) template: usize,
    pub(crate) status: Option<u16>,
    pub(crate) judgement: String,
}

/// Reads a log.
pub(crate) fn answers(path: &Path) -> Vec<Answer> {
    let text = fs::read_to_string(path).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    assert_eq!(
        header,
        "end_unix_ns,phase,service_ns,response_ns,template,status,judgement"
    );
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 7, "{line}");
        Answer {
            end: fields[0].parse().unwrap(),
            phase: fields[1].into(),
            service: fields[2].parse().unwrap(),
            response: fields[3].parse().ok(),
            template: fields[4].parse().unwrap(),
            status: fields[5].parse().ok(),
            judgement: fields[6].into(),
        }
    };
    lines.lines().map(line).collect()
}

/// The histogram that single values make, and their exact sum.
fn gathered(values: impl Iterator<Item = u64>) -> (Histogram<u64>, u128) {
    let mut histogram = Histogram::new_with_bounds(100, 3_600_000_000_000, 3).unwrap();
    let mut sum = 0;
    for value in values {
        histogram.saturating_record(value);
        sum += u128::from(value);
    }
    (histogram, sum)
}

/// Checks that a result is what these answers, and no others, make.
pub(crate) fn is_the_sum(result: &Value, answers: &[Answer]) {
    let window = || answers.iter().filter(|answer| answer.phase == "window");
    assert_eq!(number(&result["responses"]), window().count() as u64);
    let whole = &result["counts"]["whole_run"];
    assert_eq!(
        number(&whole["ok"]) + number(&whole["bad"]),
        answers.len() as u64
    );
    let check = |measured: &Value, (truth, sum): (Histogram<u64>, u128)| {
        assert_eq!(histogram(measured["hdr"].as_str().unwrap()), truth);
        assert_eq!(number(&measured["count"]), truth.len());
        if !truth.is_empty() {
            let mean = sum / u128::from(truth.len());
            // Means of workers are whole nanoseconds.
            assert!(u128::from(number(&measured["mean"])).abs_diff(mean) <= 1);
            assert_eq!(number(&measured["max"]), truth.max());
            assert_eq!(number(&measured["p99"]), truth.value_at_quantile(0.99));
        }
    };
    let latency = &result["latency"];
    check(
        &latency["service"],
        gathered(window().map(|answer| answer.service)),
    );
    let is_open = result["load"]["due"].is_u64();
    assert_eq!(latency["response"].is_object(), is_open);
    assert!(
        answers
            .iter()
            .all(|answer| answer.response.is_some() == is_open)
    );
    if is_open {
        let response = window().filter_map(|answer| answer.response);
        check(&latency["response"], gathered(response));
    }
}

/// A run of two workers is, bit for bit, what their answers make.
fn two_workers(line: &[&str]) {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("w{}.csv");
    let url = server.url();
    let own = [url.as_str(), "--raw-log", log.to_str().unwrap()];
    let whole = workers(2, folder.path(), &[&own, line].concat());
    let path = |name: String| folder.path().join(name);
    let parts = [0, 1].map(|worker| answers(&path(format!("w{worker}.csv"))));
    for (worker, part) in parts.iter().enumerate() {
        let result = read(&path(format!("w{worker}.json")));
        is_the_sum(&result, part);
        assert!(!part.is_empty());
        // The window's answers came in the window, as the clock of the log has it.
        let start = number(&result["phases"]["start_unix_ns"]);
        let end = start + number(&result["phases"]["measure_ns"]);
        let window = part.iter().filter(|answer| answer.phase == "window");
        for answer in window {
            assert!(answer.end + 1_000_000 >= start, "{} {start}", answer.end);
            assert!(answer.end <= end + 1_000_000, "{} {end}", answer.end);
        }
    }
    let all: Vec<Answer> = parts.into_iter().flatten().collect();
    is_the_sum(&whole, &all);
}

#[test]
fn a_closed_loop_of_two_workers_is_the_sum_of_its_answers() {
    two_workers(&["-c", "5", "-t", "2", "-p", "3", "-d", "600ms"]);
}

#[test]
fn an_open_loop_of_two_workers_is_the_sum_of_its_answers() {
    let arrival = ["--rate", "700", "--arrival", "poisson", "--seed", "3"];
    two_workers(&[&["-c", "5", "-t", "2", "-d", "600ms"], &arrival[..]].concat());
}

#[test]
fn what_was_wrong_is_said() {
    let server = Server::start(|connection| {
        for number in 0.. {
            connection.request()?;
            let answer: &[u8] = match number % 3 {
                0 => OK,
                1 => b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nok",
                _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
            };
            connection.write(answer)?;
        }
        Ok(())
    });
    let files =
        ["/a", "/b"].map(|path| template(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("raw.csv");
    let (report, output) = json(&words(&format!(
        "{} --raw {} --expect-body ok -c 2 -n 60 --raw-log {}",
        server.url(),
        raw(&files),
        log.to_str().unwrap()
    )));
    assert_eq!(output.code, Some(1), "{report:#}");
    let answers = answers(&log);
    is_the_sum(&report, &answers);
    assert_eq!(answers.len(), 60);
    for answer in &answers {
        let expected = match answer.judgement.as_str() {
            "status" => 503,
            _ => 200,
        };
        assert_eq!(answer.status, Some(expected));
    }
    let count = |judgement: &str| {
        let these = answers
            .iter()
            .filter(|answer| answer.judgement == judgement);
        these.count() as u64
    };
    let counts = &report["counts"];
    assert_eq!(count("ok"), number(&counts["ok"]));
    assert_eq!(count("status"), number(&counts["bad_status"]));
    assert_eq!(count("body"), number(&counts["bad_body"]));
    for template in [0, 1] {
        let these = answers.iter().filter(|answer| answer.template == template);
        let reported = &report["per_template"][template]["responses"];
        assert_eq!(these.count() as u64, number(reported));
    }
}

#[test]
fn messages_are_answers_too() {
    let server = crate::websocket::echoing();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("raw.csv");
    let log_path = log.to_str().unwrap();
    let (report, _) = json(&words(&format!(
        "{} --ws -c 2 -p 2 -d 200ms --raw-log {log_path}",
        server.url()
    )));
    let answers = answers(&log);
    is_the_sum(&report, &answers);
    assert!(answers.iter().all(|answer| answer.status.is_none()));

    let output = run(&[&server.url(), "--raw-log", "/no/such/folder/x.csv"]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("/no/such/folder"), "{output:?}");
}
