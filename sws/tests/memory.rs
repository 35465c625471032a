//! What a server holds does not grow with what it has served.
//!
//! Memory is the whole process's, so there is one test in this file.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, expect_clean, pattern, start};
use std::{
    io::{Read, Write},
    net::SocketAddr,
};
use sws::Running;

/// More than noise, far less than a leak of 40 bytes a request or 4 KiB a connection.
const GROWTH_BYTES_MAX: usize = 8 << 20;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn requests(addr: SocketAddr, batches: usize) {
    let batch = b"GET /query?abc HTTP/1.1\r\nHost: t\r\n\r\n".repeat(100);
    let mut clients: Vec<Client> = (0..20).map(|_| Client::new(addr)).collect();
    // All answers are as long as one; what is in them is the business of other tests.
    let answer = clients[0].get("/query?abc");
    let mut answers = vec![0; 100 * (answer.head.len() + answer.body.len())];
    for _ in 0..batches {
        for client in &mut clients {
            client.send(&batch);
        }
        for client in &mut clients {
            client.stream.read_exact(&mut answers).unwrap();
            assert!(answers.ends_with(b"\r\n\r\nabc"));
        }
    }
}

/// Connections of every kind: quick ones, those that leave much unread, those that go in mid-request.
fn connections(addr: SocketAddr, count: usize) {
    let large = pattern(100_000);
    for number in 0..count {
        let mut client = Client::new(addr);
        match number % 5 {
            0 => assert_eq!(client.get("/").text(), "root"),
            1 => assert!(client.get("/bytes/100000").body == large),
            2 => client.send("GET /bytes/90000 HTTP/1.1\r\nHost: t\r\n\r\n".repeat(4)),
            3 => client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9000\r\n\r\nhalf"),
            _ => {
                let head = "POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n";
                client.send(head);
                // It may have been closed; it was not.
                client.stream.write_all(&large).unwrap();
            }
        }
    }
}

#[test]
fn memory_does_not_grow() {
    for engine in engines() {
        let server = start(config(engine));
        let addr = server.addr();
        requests(addr, 10);
        connections(addr, 200);
        let slots = settled(&server);
        let before = resident_bytes();
        requests(addr, 100);
        connections(addr, 2000);
        // A connection may come before the one before it is gone.
        let more = settled(&server) - slots;
        assert!(more < 20, "{engine}: {more} slots more");
        let growth = resident_bytes().saturating_sub(before);
        assert!(growth < GROWTH_BYTES_MAX, "{engine}: {growth} bytes more");
        let counters = server.counters();
        assert_eq!(
            (counters.accepted, counters.closed),
            (2 * 20 + 2200, 2 * 20 + 2200),
            "{engine}"
        );
        server.stop().unwrap();
    }
}

/// Slots that there are, when nobody uses one.
fn settled(server: &Running<common::App>) -> u64 {
    expect_clean(server).slots_total
}
