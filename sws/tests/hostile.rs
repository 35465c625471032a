//! Clients that mean no good: the server survives, and afterwards every slot and buffer is back.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, expect_clean, start};
use socket2::SockRef;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};
use sws::{Config, EngineKind};

const CONNECTIONS: usize = 10_000;
/// Open at a time; descriptors are shared with whatever else the machine tests.
const AT_ONCE: usize = 250;

fn attack(addr: SocketAddr, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let noise: Vec<u8> = (0..256usize)
        .map(|i| (i.wrapping_mul(number + 17) >> 3) as u8)
        .collect();
    let sent = match number % 8 {
        0 => stream.write_all(&noise),
        1 => stream.write_all(b"GET /bytes/1000 HTTP/1.1\r\nHo"),
        2 => stream.write_all(
            format!("GET / HTTP/1.1\r\nHost: t\r\nX: {}", "y".repeat(30_000)).as_bytes(),
        ),
        3 => stream
            .write_all(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5000\r\n\r\nonly this"),
        4 => stream.write_all(
            b"POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nnot all",
        ),
        5 => stream.write_all(
            b"GET /bytes/30000 HTTP/1.1\r\nHost: t\r\n\r\n"
                .repeat(5)
                .as_slice(),
        ),
        6 => stream
            .write_all(b"POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nhalf"),
        _ => Ok(()),
    };
    // A server that has had enough may have closed already.
    let _ = sent;
    if number.is_multiple_of(3) {
        // A reset instead of a FIN.
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    stream
}

/// Gives up soon, whatever it waits for.
fn impatient(engine: EngineKind, timeout: Duration) -> Config {
    Config {
        head_timeout: timeout,
        body_timeout: timeout,
        idle_timeout: timeout,
        write_timeout: timeout,
        ..config(engine)
    }
}

#[test]
fn ten_thousand_hostile_connections() {
    for engine in engines() {
        let server = start(Config {
            // The honest client may be slow, too, on a machine that is busy.
            idle_timeout: Duration::from_secs(30),
            ..impatient(engine, Duration::from_millis(500))
        });
        let addr = server.addr();
        for first in (0..CONNECTIONS).step_by(AT_ONCE) {
            let streams: Vec<TcpStream> = (first..first + AT_ONCE)
                .map(|number| attack(addr, number))
                .collect();
            assert_eq!(
                Client::new(addr).get("/").text(),
                "root",
                "{engine}: after {first} connections"
            );
            drop(streams);
        }
        let counters = expect_clean(&server);
        assert_eq!(
            counters.accepted,
            (CONNECTIONS + CONNECTIONS / AT_ONCE) as u64
        );
        assert_eq!(counters.accepted, counters.closed);
        assert_eq!(Client::new(addr).get("/").text(), "root");
        server.stop().unwrap();
    }
}

#[test]
fn connections_that_stay_silent_in_mid_request_are_timed_out() {
    for engine in engines() {
        let server = start(impatient(engine, Duration::from_millis(400)));
        let addr = server.addr();
        let mut streams: Vec<TcpStream> = (0..400usize)
            .filter(|number| !number.is_multiple_of(3))
            .map(|number| attack(addr, number))
            .collect();
        // Those that read until the end see an end; those that never read are cut off.
        for (index, stream) in streams.iter_mut().enumerate() {
            if index % 2 == 0 {
                let mut sink = Vec::new();
                let _ = stream.read_to_end(&mut sink);
            }
        }
        let counters = common::eventually(&server, "all are closed", |c| c.slots_open == 0);
        assert!(counters.timeouts > 0);
        expect_clean(&server);
    }
}
