//! Deadlines when there are many connections: as punctual as with one (`time.rs`).
//!
//! It needs many descriptors, so there is one test in this file.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, start};
use std::time::{Duration, Instant};
use sws::Config;

const CONNECTIONS: usize = 4000;

/// Idle ones, late heads, late bodies, late handlers' clients: each goes at its time, whatever the others do. Deadlines are
/// of the monotonic clock; the simulated engine (`sws/src/reactor/tests.rs`) lets time jump.
#[test]
fn check_18_thousands_of_deadlines_at_once() {
    let patience = Duration::from_millis(1500);
    for engine in engines() {
        let server = start(Config {
            idle_timeout: patience,
            head_timeout: patience,
            body_timeout: patience,
            ..config(engine)
        });
        let mut active = Client::new(server.addr());
        let mut last = Instant::now();
        let mut clients: Vec<(Instant, Client)> = (0..CONNECTIONS)
            .map(|number| {
                let mut client = Client::new(server.addr());
                match number % 4 {
                    0 => client.send("GET / HTTP/1.1\r\nHos"),
                    1 => client
                        .send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc"),
                    2 => assert_eq!(client.get("/").text(), "root"),
                    _ => {}
                }
                if last.elapsed() > patience / 5 {
                    last = Instant::now();
                    assert_eq!(active.get("/").text(), "root", "{engine}");
                }
                (Instant::now(), client)
            })
            .collect();
        // All of them are waited for from here on by a thread, while one goes on asking.
        let waiting = std::thread::spawn(move || {
            for (number, (sent, client)) in clients.iter_mut().enumerate() {
                if number % 4 < 2 {
                    assert_eq!(client.answer().status, 408, "{engine}");
                }
                client.expect_eof();
                // The server's clock may be one kernel tick behind, and it may have heard before `sent` was taken.
                let lasted = sent.elapsed();
                let early = patience.checked_sub(Duration::from_millis(200)).unwrap();
                assert!(lasted > early, "{engine}: {number}: {lasted:?}");
            }
            Instant::now()
        });
        let begin = Instant::now();
        while !waiting.is_finished() {
            std::thread::sleep(patience / 5);
            assert_eq!(active.get("/").text(), "root", "{engine}");
        }
        // Far from the minutes of a scan that has no clock; how late exactly is not for a test that shares its machine.
        let took = waiting.join().unwrap() - begin;
        assert!(took < Duration::from_secs(15), "{engine}: {took:?}");
        let timeouts = common::eventually(&server, "all are gone", |c| c.slots_open == 1).timeouts;
        assert_eq!(timeouts, CONNECTIONS as u64, "{engine}");
        drop(active);
        server.stop().unwrap();
    }
}
