//! Reported times against a server that takes known times and writes down what it took (see `timed`).
//!
//! The ordinary tests assert only what no machine can change: no time is shorter than the server's own, rank by rank, and what
//! a stall must have delayed was delayed. The ignored ones have the bounds that a quiet machine has to meet, 2 % or 50 us
//! from the truth: `cargo test --release -p loadgen --test loadgen -- --ignored --test-threads 1 --nocapture accuracy`.

use crate::{
    raw_log::{self, Answer},
    timed::{Done, Take, Timed, Wait},
    tool::{json, number, run},
};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};
use sws_ring::sys;

const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99_9", 0.999),
];
/// What the truth may be missed by: a part of it, or this time.
const PART: f64 = 0.02;
const NANOS: f64 = 50e3;

/// A run that has no warm-up, and leaves nothing unanswered.
struct Run {
    report: Value,
    answers: Vec<Answer>,
    done: Done,
}

fn measure(server: &Timed, line: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("raw.csv");
    let url = server.url();
    let common = [url.as_str(), "-w", "0", "--drain", "20s", "--raw-log"];
    let (report, output) = json(&[&common[..], &[log.to_str().unwrap()], line].concat());
    assert_eq!(output.code, Some(0), "{report:#}");
    let (answers, done) = (raw_log::answers(&log), server.done());
    raw_log::is_the_sum(&report, &answers);
    assert_eq!(number(&report["counts"]["whole_run"]["unfinished"]), 0);
    assert_eq!(answers.len(), done.answers.len());
    Run {
        report,
        answers,
        done,
    }
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

impl Run {
    fn service(&self) -> Vec<u64> {
        sorted(self.answers.iter().map(|answer| answer.service))
    }

    fn response(&self) -> Vec<u64> {
        sorted(self.answers.iter().filter_map(|answer| answer.response))
    }

    fn taken(&self) -> Vec<u64> {
        sorted(self.done.answers.iter().map(|(time, _)| nanos(*time)))
    }

    /// Every single answer took at least as long as the server says: then so did the n-th fastest of them, for every n.
    fn no_answer_is_faster_than_the_server(&self) {
        let (service, taken) = (self.service(), self.taken());
        for (rank, (service, taken)) in service.iter().zip(&taken).enumerate() {
            assert!(service >= taken, "{rank}: {service} < {taken}");
        }
        for answer in &self.answers {
            assert!(
                answer
                    .response
                    .is_none_or(|response| response >= answer.service)
            );
        }
    }
}

fn constant(_: usize) -> Take {
    Take::Time(Duration::from_millis(5))
}

/// One in five takes ten times as long, so the 75th percentile is short and the 90th long.
fn bimodal(number: usize) -> Take {
    let time = if number.is_multiple_of(5) { 30 } else { 3 };
    Take::Time(Duration::from_millis(time))
}

#[test]
fn no_time_is_shorter_than_what_was_planned() {
    for plan in [constant, bimodal] {
        let server = Timed::start(Wait::Sleep, plan);
        let run = measure(&server, &["-c", "40", "-d", "500ms", "--rate", "300"]);
        run.no_answer_is_faster_than_the_server();
        let (service, response) = (run.service(), run.response());
        let long = |times: &[u64], least: u64| {
            times
                .iter()
                .filter(|time| **time >= least * 1_000_000)
                .count()
        };
        let all = service.len();
        let late: usize = number(&run.report["load"]["queued_at_end"]) as usize;
        assert_eq!(all + late, 150);
        let (least, part) = match plan(0) {
            Take::Time(time) if time == Duration::from_millis(5) => (5, all),
            _ => (30, all.div_ceil(5)),
        };
        assert!(long(&service, least) >= part, "{:#}", run.report);
        assert!(long(&response, least) >= part);
        assert_eq!(long(&service, 3), all);
    }
}

/// The server stalls once, for `length`, at one of the first requests.
fn stalling(wait: Wait, first: usize, length: Duration) -> Timed {
    Timed::start(wait, move |number| match number == first {
        true => Take::Stall(length),
        false => Take::Time(Duration::ZERO),
    })
}

#[test]
fn a_stall_shows_in_the_response_times_that_it_must() {
    let length = Duration::from_millis(400);
    let server = stalling(Wait::Sleep, 20, length);
    let run = measure(&server, &["-c", "2", "-d", "1s", "--rate", "500"]);
    run.no_answer_is_faster_than_the_server();
    let (begin, end) = run.done.stalls[0];
    let stall = nanos(end - begin);
    assert!(stall >= nanos(length));
    // Nothing is answered before its end, so of what falls due in it every 2 ms all that is due longer than some time before
    // its end takes longer than that. Were the window over by then, some would still wait.
    let waiting = number(&run.report["load"]["queued_at_end"]);
    let window = number(&run.report["phases"]["measure_ns"]);
    assert!(window >= 1_000_000_000, "{window}");
    let response = run.response();
    for part in [0.25, 0.5, 0.75] {
        let least = (length.as_nanos() as f64 * part) as u64;
        let long = response.iter().filter(|time| **time >= least).count() as u64;
        let due = (nanos(length) - least) / 2_000_000;
        assert!(
            long + waiting + 2 >= due,
            "{long} of {due}: {:#}",
            run.report
        );
    }
    // Service time knows of it by at most what was on its way, and by something.
    let service = run.service();
    assert!(*service.last().unwrap() >= stall);
    // A corrected measurement would invent samples; here each is an answer.
    assert_eq!(response.len(), service.len());
}

#[test]
fn a_closed_loop_says_that_it_hides_waiting() {
    let length = Duration::from_millis(200);
    let server = stalling(Wait::Sleep, 10, length);
    let closed = measure(&server, &["-c", "4", "-d", "600ms"]);
    closed.no_answer_is_faster_than_the_server();
    assert_eq!(closed.report["latency"]["response"], Value::Null);
    // Who was on the way has met it, and nobody was sent to meet it later.
    let service = closed.service();
    assert!(*service.last().unwrap() >= nanos(length));
    // Times on one connection do not overlap, so that all together cannot be longer than the run on four.
    let begin = closed
        .answers
        .iter()
        .map(|answer| answer.end - answer.service);
    let end = closed.answers.iter().map(|answer| answer.end);
    let span = end.max().unwrap() - begin.min().unwrap();
    assert!(service.iter().sum::<u64>() <= 4 * span);
    let text = run(&[&server.url(), "-c", "1", "-d", "100ms"]).stdout;
    assert!(text.contains("a closed loop hides waiting"), "{text}");
}

fn quantile(sorted: &[u64], part: f64) -> u64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Ten seconds, a thousand requests each, on another CPU than the server's.
fn measure_elsewhere(server: &Timed) -> Run {
    let cpus = sys::allowed_cpus();
    assert!(cpus.len() > 1, "this needs two CPUs");
    let cpu = cpus[1].to_string();
    let line = ["-c", "64", "-d", "10s", "--rate", "1000", "--cpus", &cpu];
    let run = measure(server, &line);
    for key in ["p50", "p99", "max"] {
        let lag = number(&run.report["load"][format!("schedule_lag_{key}_ns")]);
        println!("the client noticed what was due {lag} ns late ({key})");
    }
    run
}

/// Compares the percentiles of the report with those of the truth.
fn compare(name: &str, reported: &Value, truth: &[u64]) -> usize {
    let mut misses = 0;
    for (key, part) in QUANTILES {
        let Some(reported) = reported[key].as_u64() else {
            continue;
        };
        let truth = quantile(truth, part);
        let off = reported as f64 - truth as f64;
        let is_near = off.abs() <= (truth as f64 * PART).max(NANOS);
        println!("{name} {key}: reported {reported}, truth {truth}, off by {off} ns: {is_near}");
        misses += usize::from(!is_near);
    }
    misses
}

/// With connections enough for all, both latencies are what the server took.
fn strictly(plan: fn(usize) -> Take) {
    let server = Timed::start(Wait::Spin, plan);
    let run = measure_elsewhere(&server);
    run.no_answer_is_faster_than_the_server();
    let (latency, taken) = (&run.report["latency"], run.taken());
    let misses = compare("service", &latency["service"], &taken)
        + compare("response", &latency["response"], &taken);
    assert_eq!(misses, 0);
}

// Times so long that 2 % of them are more than what a virtual machine takes to wake up, which is no fault of the report.
#[test]
#[ignore = "needs a machine that does nothing else"]
fn strictly_constant_times() {
    strictly(|_| Take::Time(Duration::from_millis(20)));
}

#[test]
#[ignore = "needs a machine that does nothing else"]
fn strictly_times_of_two_kinds() {
    strictly(|number| {
        let time = if number.is_multiple_of(5) { 100 } else { 10 };
        Take::Time(Duration::from_millis(time))
    });
}

/// What falls due in a stall of one second in ten waits for the rest of it, and then for what was due before it. So the n-th
/// request, due at n thousandths of a second, took until the server's n-th answer.
#[test]
#[ignore = "needs a machine that does nothing else"]
fn strictly_one_stall_of_a_second_in_ten() {
    let server = stalling(Wait::Spin, 4000, Duration::from_secs(1));
    let run = measure_elsewhere(&server);
    let (here, wall) = (Instant::now(), SystemTime::now());
    let begin = Duration::from_nanos(number(&run.report["phases"]["start_unix_ns"]));
    let begin = here - (wall.duration_since(SystemTime::UNIX_EPOCH).unwrap() - begin);
    let truth = run
        .done
        .answers
        .iter()
        .enumerate()
        .map(|(number, (_, at))| {
            let due = begin + Duration::from_micros(500 + 1000 * number as u64);
            nanos(at.saturating_duration_since(due))
        });
    let truth = sorted(truth);
    let latency = &run.report["latency"];
    let mut misses = compare("response", &latency["response"], &truth);
    // The shape that it has in theory: a tenth of all falls due in it, so p95 waits for half of it, p99 for nine tenths.
    for (key, theory) in [("p99", 900_000_000), ("p99_9", 990_000_000)] {
        let reported = number(&latency["response"][key]);
        let is_near = reported.abs_diff(theory) <= theory / 50;
        println!("theory {key}: reported {reported}, theory {theory}: {is_near}");
        misses += usize::from(!is_near);
    }
    assert_eq!(misses, 0);
    // A closed loop's view of the same: all but those on their way look well.
    assert!(
        number(&latency["service"]["p99"]) < 100_000_000,
        "{latency:#}"
    );
}
