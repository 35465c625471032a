//! Limits and habits of the load beside its duration: `-n`, `--think`, `--connect-rate`, `--close`, `--reconnect`.

use crate::{
    server::{OK, Server},
    tool::{json, json_once, number, run, run_once, words},
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

#[test]
fn exactly_n_requests_are_sent_and_answered() {
    for (line, count) in [
        ("-c 3 -t 2 -n 1001", 1001),
        ("-c 4 -p 8 -n 100", 100),
        ("-c 4 -t 4 -n 2", 2),
        ("-c 4 -r 3 -n 50", 50),
        ("-c 4 -t 3 -n 200 --rate 2k", 200),
        ("-c 4 -n 50 --rate 500 --arrival poisson", 50),
    ] {
        let server = Server::answering(OK);
        let url = server.url();
        let args = [
            &[url.as_str()],
            line.split(' ').collect::<Vec<_>>().as_slice(),
        ]
        .concat();
        let begin = Instant::now();
        let (report, output) = json(&args);
        assert_eq!(output.code, Some(0), "{line}: {report:#}");
        assert!(begin.elapsed() < Duration::from_secs(8), "{line}");
        assert_eq!(number(&report["requests"]), count, "{line}: {report:#}");
        assert_eq!(number(&report["responses"]), count, "{line}");
        assert_eq!(server.requests().len() as u64, count, "{line}");
    }
}

#[test]
fn n_requests_that_the_time_is_too_short_for_are_named() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(50));
            connection.write(OK)?;
        }
    });
    let output = run(&[&server.url(), "-c", "1", "-n", "1000", "-d", "300ms"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output
            .stdout
            .contains("of 1000 requests were sent within 300ms"),
        "{output:?}"
    );
}

#[test]
fn connections_think_before_their_next_request() {
    let server = Server::answering(OK);
    for (pause, depth) in [("50ms", "1"), ("40ms..60ms", "1"), ("50ms", "4")] {
        let (report, output) = json(&words(&format!(
            "{} -c 4 -p {depth} -d 600ms -w 0 --think {pause}",
            server.url()
        )));
        assert_eq!(output.code, Some(0), "{report:#}");
        // 4 connections, a batch now and one every 50 ms at most, and what was in flight at the borders.
        let batches = number(&report["requests"]) / depth.parse::<u64>().unwrap();
        assert!((8..=64).contains(&batches), "{pause}: {report:#}");
    }
}

/// When connections came, until the test takes them.
fn arrivals(extra: &[&str]) -> Vec<Instant> {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let taken = times.clone();
    let server = Server::start(move |connection| {
        taken.lock().unwrap().push(Instant::now());
        loop {
            connection.request()?;
            connection.write(OK)?;
        }
    });
    let (report, output) = json(&[&[server.url().as_str()], extra].concat());
    assert_eq!(output.code, Some(0), "{report:#}");
    times.lock().unwrap().clone()
}

#[test]
fn connections_are_opened_at_their_rate() {
    for threads in ["1", "2"] {
        // 19 gaps of 20 ms. A busy machine makes it longer, but may also accept the first of them late.
        let takes_its_time = |_| {
            let args = ["-c", "20", "-t", threads, "-w", "3s", "-d", "200ms"];
            let times = arrivals(&[&args[..], &["--connect-rate", "50"]].concat());
            let last = times.iter().max().unwrap();
            times.len() == 20
                && last.duration_since(*times.iter().min().unwrap()) > Duration::from_millis(330)
        };
        assert!((0..4).any(takes_its_time), "-t {threads}");
    }
}

/// What the server finds at the end of each connection: 0 is an end in order, else the error.
fn endings(close: &str) -> Vec<bool> {
    let ends: Arc<Mutex<Vec<bool>>> = Arc::default();
    let seen = ends.clone();
    let server = Server::start(move |connection| {
        for _ in 0..3 {
            connection.request()?;
            connection.write(OK)?;
        }
        let end = connection.read().unwrap_err().kind();
        seen.lock()
            .unwrap()
            .push(end == std::io::ErrorKind::UnexpectedEof);
        Ok(())
    });
    let (report, _) = json(&words(&format!(
        "{} -c 2 -r 3 -n 60 --close {close}",
        server.url()
    )));
    assert_eq!(number(&report["responses"]), 60, "{report:#}");
    ends.lock().unwrap().clone()
}

#[test]
fn connections_are_closed_as_asked() {
    let fin = endings("fin");
    assert!(
        fin.len() >= 10 && fin.iter().all(|in_order| *in_order),
        "{fin:?}"
    );
    let rst = endings("rst");
    assert!(
        rst.len() >= 10 && rst.iter().all(|in_order| !in_order),
        "{rst:?}"
    );
}

#[test]
fn connections_come_from_the_addresses_given() {
    let peers: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = peers.clone();
    let server = Server::start(move |connection| {
        let peer = connection.stream().peer_addr()?.ip().to_string();
        seen.lock().unwrap().push(peer);
        loop {
            connection.request()?;
            connection.write(OK)?;
        }
    });
    let url = server.url();
    let (report, output) = json(&words(&format!(
        "{url} -c 6 -t 2 -n 60 --source-ip 127.0.0.7,127.0.0.10-11"
    )));
    assert_eq!(output.code, Some(0), "{report:#}");
    let mut peers = peers.lock().unwrap().clone();
    peers.sort();
    assert_eq!(
        peers,
        [
            "127.0.0.10",
            "127.0.0.10",
            "127.0.0.11",
            "127.0.0.11",
            "127.0.0.7",
            "127.0.0.7"
        ]
    );
    let output = run(&[&url, "--source-ip", "::1"]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("--source-ip: ::1"), "{output:?}");
    // An address of documentation, which is not ours.
    let output = run_once(&[&url, "-c", "1", "-d", "100ms", "--source-ip", "192.0.2.1"]);
    assert!(
        output.stdout.contains("Cannot assign requested address"),
        "{output:?}"
    );
}

#[test]
fn a_server_may_be_a_unix_socket_or_ipv6() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                    if stream.write_all(OK).is_err() {
                        break;
                    }
                }
            });
        }
    });
    let (report, output) = json(&words(&format!(
        "http://no-such-host.invalid/x --unix {} -c 4 -n 100",
        path.to_str().unwrap()
    )));
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["target"], "no-such-host.invalid/x");
    let long = "x".repeat(200);
    assert_eq!(run(&["http://h/", "--unix", &long]).code, Some(2));

    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("skipped: no IPv6 here");
        return;
    };
    let server = Server::on(listener, |connection| {
        loop {
            connection.request()?;
            connection.write(OK)?;
        }
    });
    let (report, output) = json(&[&server.url(), "-c", "2", "-n", "20", "--source-ip", "::1"]);
    assert_eq!(output.code, Some(0), "{report:#}");
}

#[test]
fn connections_come_back_as_asked() {
    let closing = || {
        Server::start(|connection| {
            connection.request()?;
            connection.write(OK)
        })
    };
    let reconnects = |when: &str, duration: &str| {
        let server = closing();
        let url = server.url();
        let args = [&url, "-c", "2", "-w", "0", "-d", duration];
        let (report, _) = json_once(&[&args[..], &["--reconnect", when]].concat());
        number(&report["reconnects"])
    };
    assert_eq!(reconnects("never", "300ms"), 0);
    let differ = |duration| {
        let (slow, fast) = (reconnects("backoff", duration), reconnects("now", duration));
        slow > 0 && slow < fast
    };
    assert!(["300ms", "2s", "8s"].into_iter().any(differ));
}
