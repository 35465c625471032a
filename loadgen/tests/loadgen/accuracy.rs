//! Reported latencies against a server that takes known times and writes down what it took.
//!
//! What is compared is the server's own record of the same requests, so a machine that is busy with other things
//! shifts both sides. The way to and from the server is in one number and not in the other: how long that takes
//! here and now is measured with a server that does not sleep. The bounds of the ordinary tests are wide all the
//! same, because that changes from one moment to the next; the ignored ones have the bounds that a quiet machine
//! has to meet: `cargo test --release -p loadgen -- --ignored --test-threads 1 accuracy`.

use crate::{
    server::{OK, Server},
    tool::{json, number, run},
};
use serde_json::Value;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99)];

/// How far a reported time may be above the server's own.
struct Bounds {
    part: f64,
    nanos: f64,
    /// More than this is not put down to the way.
    way_max: u64,
    /// How many of the quantiles: the last ones of a short run are a handful of requests.
    quantiles: usize,
}

const WIDE: Bounds = Bounds {
    part: 0.5,
    nanos: 15e6,
    way_max: u64::MAX,
    quantiles: 3,
};
const STRICT: Bounds = Bounds {
    part: 0.02,
    nanos: 50e3,
    way_max: 250_000,
    quantiles: 4,
};

impl Bounds {
    /// Some part of the truth or some time, whichever is more, and `allowed` above it.
    fn check(&self, name: &str, reported: u64, truth: u64, allowed: u64) {
        println!("{name}: reported {reported}, truth {truth}, allowed {allowed}");
        let (reported, truth) = (reported as f64, truth as f64);
        let allowed = allowed.min(self.way_max);
        let above = (truth * self.part).max(self.nanos) + allowed as f64;
        // A histogram of three digits may round down.
        let below = truth * 0.002 + (truth * self.part).max(self.nanos).min(truth * 0.02);
        assert!(
            reported <= truth + above && reported >= truth - below,
            "{name}: reported {reported}, but the server took {truth}, and {allowed} ns are allowed"
        );
    }
}

/// A server that sleeps as `pause` says for each request, and its record of how long each answer took.
fn sleeping(
    pause: impl Fn(usize) -> Duration + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Vec<u64>>>) {
    let record: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (taken, count) = (record.clone(), AtomicUsize::new(0));
    let server = Server::start(move |connection| {
        loop {
            connection.request()?;
            let begin = Instant::now();
            thread::sleep(pause(count.fetch_add(1, Ordering::Relaxed)));
            let nanos = begin.elapsed().as_nanos() as u64;
            taken.lock().unwrap().push(nanos);
            connection.write(OK)?;
        }
    });
    (server, record)
}

fn quantile(sorted: &[u64], part: f64) -> u64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn open_loop(server: &Server, connections: &str, time: &str, rate: &str) -> Value {
    let (report, output) = json(&[
        &server.url(),
        "-c",
        connections,
        "-d",
        time,
        "-w",
        "0",
        "--rate",
        rate,
    ]);
    assert_eq!(output.code, Some(0), "{report:#}");
    report
}

/// With connections enough for all, both latencies are what the server took.
fn known_times(
    bounds: &Bounds,
    time: &str,
    pause: impl Fn(usize) -> Duration + Send + Sync + 'static,
) {
    // The way there and back, without sleep.
    let way = open_loop(&Server::answering(OK), "40", time, "300");
    let (server, record) = sleeping(pause);
    let report = open_loop(&server, "40", time, "300");
    let mut taken = record.lock().unwrap().clone();
    taken.sort_unstable();
    for (name, part) in QUANTILES.into_iter().take(bounds.quantiles) {
        let truth = quantile(&taken, part);
        for kind in ["service", "response"] {
            let of = |report: &Value| number(&report["latency"][kind][name]);
            bounds.check(&format!("{kind} {name}"), of(&report), truth, of(&way));
        }
    }
}

fn constant(_: usize) -> Duration {
    Duration::from_millis(5)
}

/// One in five takes ten times as long, so the 75th percentile is short and the 90th long.
fn bimodal(number: usize) -> Duration {
    Duration::from_millis(if number.is_multiple_of(5) { 30 } else { 3 })
}

#[test]
#[ignore = "times that a busy machine does not keep"]
fn constant_times() {
    known_times(&WIDE, "700ms", constant);
}

#[test]
#[ignore = "times that a busy machine does not keep"]
fn times_of_two_kinds() {
    known_times(&WIDE, "700ms", bimodal);
}

/// A server all of whose answers wait while it stalls, once, from the `first` request on.
struct Stalling {
    server: Server,
    /// When the stall began and ended, as it was.
    stall: Arc<Mutex<Option<(Instant, Instant)>>>,
}

fn stalling(first: usize, length: Duration) -> Stalling {
    let stall: Arc<Mutex<Option<(Instant, Instant)>>> = Arc::default();
    let (count, record) = (AtomicUsize::new(0), stall.clone());
    let server = Server::start(move |connection| {
        loop {
            connection.request()?;
            let begin = Instant::now();
            // Whoever comes meanwhile waits for the lock.
            let mut stalled = record.lock().unwrap();
            if count.fetch_add(1, Ordering::Relaxed) == first {
                thread::sleep(length);
                *stalled = Some((begin, Instant::now()));
            }
            drop(stalled);
            connection.write(OK)?;
        }
    });
    Stalling { server, stall }
}

/// One stall of a tenth of the run, four connections: who falls due meanwhile waits for the rest of it, so a
/// twentieth of all requests wait for more than half of it. Only four of them had been sent.
fn one_stall(bounds: &Bounds, time: Duration, rate: usize) {
    let stall = time / 10;
    let requests = rate * time.as_millis() as usize / 1000;
    let Stalling {
        server,
        stall: record,
    } = stalling(requests * 2 / 5, stall);
    let (time, rate) = (format!("{}ms", time.as_millis()), rate.to_string());
    let report = open_loop(&server, "4", &time, &rate);
    let (begin, end) = record.lock().unwrap().unwrap();
    let stall = (end - begin).as_nanos() as u64;
    let (service, response) = (
        &report["latency"]["service"],
        &report["latency"]["response"],
    );
    // Both have met it, and as long as it was...
    let late = number(&report["load"]["schedule_lag_max_ns"]);
    for (kind, max) in [("service", &service["max"]), ("response", &response["max"])] {
        bounds.check(&format!("{kind} max"), number(max), stall, late);
    }
    // ...but service time only by the requests that were on their way.
    assert!(number(&service["p90"]) < stall / 4, "{report:#}");
    // Of 1000 requests 100 fell due in the stall, the n-th at n hundredths of it, and waited for the rest: 10 of
    // all 1000 for more than nine tenths of it.
    let p99 = stall - stall * 10 / 100;
    bounds.check("response p99", number(&response["p99"]), p99, late);
    assert!(
        number(&report["load"]["waited"]) as usize >= requests / 20,
        "{report:#}"
    );
}

#[test]
fn a_stall_shows_in_response_time_and_hides_in_service_time() {
    one_stall(&WIDE, Duration::from_secs(2), 500);
}

#[test]
fn a_closed_loop_says_that_it_hides_waiting() {
    let Stalling { server, .. } = stalling(300, Duration::from_millis(200));
    let (report, output) = json(&[&server.url(), "-c", "4", "-d", "1s", "-w", "0"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["latency"]["response"], Value::Null);
    // A fifth of the time nothing moved, and yet...
    assert!(
        number(&report["latency"]["service"]["max"]) >= 190_000_000,
        "{report:#}"
    );
    assert!(
        number(&report["latency"]["service"]["p99"]) < 100_000_000,
        "{report:#}"
    );
    let text = run(&[&server.url(), "-c", "1", "-d", "100ms"]).stdout;
    assert!(text.contains("a closed loop hides waiting"), "{text}");
}

#[test]
#[ignore = "needs a machine that does nothing else"]
fn strictly_constant_times() {
    known_times(&STRICT, "10s", constant);
}

#[test]
#[ignore = "needs a machine that does nothing else"]
fn strictly_times_of_two_kinds() {
    known_times(&STRICT, "10s", bimodal);
}

#[test]
#[ignore = "needs a machine that does nothing else"]
fn strictly_one_stall_of_a_second_in_ten() {
    one_stall(&STRICT, Duration::from_secs(10), 1000);
}
