//! Deadlines and the graceful stop.

mod common;

use common::{Client, config, engines, expect_clean, pattern, start};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use sws::{Config, EngineKind};

fn short(engine: EngineKind) -> Config {
    Config {
        idle_timeout: Duration::from_millis(600),
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(400),
        shutdown_timeout: Duration::from_millis(1500),
        ..config(engine)
    }
}

#[test]
fn an_idle_connection_is_closed_and_an_active_one_is_not() {
    for engine in engines() {
        let server = start(short(engine));
        let (mut idle, mut active) = (Client::new(server.addr()), Client::new(server.addr()));
        let mut silent = Client::new(server.addr());
        assert_eq!(idle.get("/").text(), "root");
        for _ in 0..6 {
            std::thread::sleep(Duration::from_millis(250));
            assert_eq!(active.get("/").text(), "root");
        }
        idle.expect_eof();
        silent.expect_eof();
        assert_eq!(active.get("/").text(), "root");
        drop((idle, silent, active));
        expect_clean(&server);
    }
}

#[test]
fn unfinished_requests_get_408() {
    for engine in engines() {
        let server = start(short(engine));
        for request in [
            "GET / HT",
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc",
            "POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc",
        ] {
            let mut client = Client::new(server.addr());
            client.send(request);
            let answer = client.answer();
            assert_eq!(
                (answer.status, answer.field("connection")),
                (408, Some("close")),
                "{request:?}"
            );
            client.expect_eof();
        }
        expect_clean(&server);
    }
}

#[test]
fn a_head_that_trickles_is_cut_off() {
    for engine in engines() {
        let server = start(short(engine));
        let mut client = Client::new(server.addr());
        let begin = Instant::now();
        client.send("GET / HTTP/1.1\r\nHost: t\r\n");
        client
            .stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        while begin.elapsed() < Duration::from_secs(5) {
            if client.stream.write_all(b"X: y\r\n").is_err() {
                break;
            }
            let mut byte = [0];
            if matches!(client.stream.peek(&mut byte), Ok(1)) {
                break;
            }
        }
        client
            .stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        assert_eq!(client.answer().status, 408);
        assert!(
            begin.elapsed() < Duration::from_secs(4),
            "bytes moved the deadline"
        );
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn requests_that_are_always_cut_in_their_heads_are_not_late() {
    for engine in engines() {
        let server = start(short(engine));
        let mut client = Client::new(server.addr());
        let (head, tail) = ("GET /query?a HT", "TP/1.1\r\nHost: t\r\n\r\n");
        client.send(head);
        // Never between two heads, for several times the time that one head may take.
        for _ in 0..12 {
            std::thread::sleep(Duration::from_millis(100));
            client.send(format!("{tail}{head}"));
            assert_eq!(client.answer().status, 200, "{engine}");
        }
        assert_eq!(client.answer().status, 408);
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn no_deadline_is_early() {
    for engine in engines() {
        let server = start(Config {
            idle_timeout: Duration::from_millis(100),
            ..short(engine)
        });
        for _ in 0..8 {
            let mut client = Client::new(server.addr());
            let begin = Instant::now();
            assert_eq!(client.get("/").text(), "root");
            client.expect_eof();
            // The server's clock may be one kernel tick behind.
            assert!(
                begin.elapsed() >= Duration::from_millis(85),
                "{engine}: {:?}",
                begin.elapsed()
            );
        }
    }
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    for engine in engines() {
        let server = start(short(engine));
        let mut client = Client::narrow(server.addr());
        client.send("GET /bytes/8000000 HTTP/1.1\r\nHost: t\r\n\r\n");
        let counters = common::eventually(&server, "the write deadline", |c| {
            c.timeouts == 1 && c.slots_open == 0
        });
        assert_eq!(counters.connections_buffering, 0);
        // By a reset: the kernel does not go on to hold megabytes for it, and half an answer does not look whole.
        let error = client.stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{engine}");
    }
}

#[test]
fn a_client_that_is_slow_is_not_cut_off() {
    for engine in engines() {
        // A window opens in steps of up to half a socket buffer; a small one makes the steps small.
        let write_timeout = Duration::from_secs(1);
        let server = start(Config {
            write_timeout,
            ..short(engine)
        });
        let mut client = Client::with_receive_buffer(server.addr(), 100_000);
        let size = 8_000_000;
        client.send(format!("GET /bytes/{size} HTTP/1.1\r\nHost: t\r\n\r\n"));
        let begin = Instant::now();
        let mut taken = 0;
        let mut chunk = vec![0; 100_000];
        while taken < size {
            std::thread::sleep(Duration::from_millis(30));
            let count = client.stream.read(&mut chunk).unwrap();
            assert!(
                count > 0,
                "{engine}: cut off after {taken} bytes: {:?} {:?}",
                begin.elapsed(),
                server.counters()
            );
            taken += count;
        }
        assert!(
            begin.elapsed() > write_timeout * 2,
            "not slow enough to mean anything"
        );
    }
}

#[test]
fn a_stop_finishes_what_is_in_flight() {
    for engine in engines() {
        let server = start(Config {
            shutdown_timeout: Duration::from_secs(10),
            ..config(engine)
        });
        let addr = server.addr();
        let mut idle = Client::new(addr);
        assert_eq!(idle.get("/").text(), "root");
        let mut busy = Client::new(addr);
        busy.send("GET /bytes/9000000 HTTP/1.1\r\nHost: t\r\n\r\n");
        let mut halfway = Client::new(addr);
        halfway.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbo");
        common::eventually(&server, "three connections in progress", |c| {
            c.requests == 3
        });
        let stopping = std::thread::spawn(move || server.stop());
        idle.expect_eof();
        halfway.send("dy");
        let answer = halfway.answer();
        assert_eq!(
            (answer.text(), answer.field("connection")),
            ("body", Some("close"))
        );
        halfway.expect_eof();
        assert!(busy.answer().body == pattern(9_000_000));
        busy.expect_eof();
        drop((idle, halfway, busy));
        stopping.join().unwrap().unwrap();
        assert!(
            TcpStream::connect(addr).is_err(),
            "{engine}: still listening"
        );
    }
}

#[test]
fn a_stop_does_not_wait_for_those_who_owe_nothing_more() {
    for engine in engines() {
        let server = start(Config {
            shutdown_timeout: Duration::from_secs(60),
            ..config(engine)
        });
        let mut client = Client::new(server.addr());
        // Answered already; the rest of the body is skipped, and then nothing is to come.
        client.send("POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbo");
        assert_eq!(client.answer().status, 404);
        let stopping = std::thread::spawn(move || server.stop());
        std::thread::sleep(Duration::from_millis(100));
        client.send("dy");
        let begin = Instant::now();
        client.expect_eof();
        drop(client);
        stopping.join().unwrap().unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "{engine}: {:?}",
            begin.elapsed()
        );
    }
}

/// A head that is not complete is no request; after a moment for the rest of it the connection is closed.
#[test]
fn a_stop_does_not_wait_for_half_a_head() {
    for engine in engines() {
        let server = start(Config {
            shutdown_timeout: Duration::from_secs(120),
            head_timeout: Duration::from_secs(120),
            ..config(engine)
        });
        let mut halfway = Client::new(server.addr());
        halfway.send("GET / HTTP/1.1\r\nHo");
        common::eventually(&server, "half a head", |c| c.connections_buffering == 1);
        let begin = Instant::now();
        let stopping = std::thread::spawn(move || server.stop());
        let answer = halfway.answer();
        assert_eq!(
            (answer.status, answer.field("connection")),
            (408, Some("close"))
        );
        halfway.expect_eof();
        drop(halfway);
        stopping.join().unwrap().unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{engine}: {:?}",
            begin.elapsed()
        );
    }
}

/// What a client goes on to send after its last answer is discarded, but not for ever.
#[test]
fn closing_takes_no_longer_than_its_time() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        client.send("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        assert_eq!(client.answer().text(), "root");
        let begin = Instant::now();
        while client.stream.write_all(&[b'x'; 1000]).is_ok() {
            assert!(begin.elapsed() < Duration::from_secs(60), "{engine}");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(begin.elapsed() > Duration::from_secs(4), "{engine}");
        expect_clean(&server);
    }
}

#[test]
fn a_stop_is_bounded() {
    for engine in engines() {
        let server = start(short(engine));
        // One that never finishes its request, one that never reads.
        let mut stuck = Client::new(server.addr());
        stuck.send("POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut deaf = Client::narrow(server.addr());
        deaf.send("GET /bytes/8000000 HTTP/1.1\r\nHost: t\r\n\r\n");
        common::eventually(&server, "both in progress", |c| c.requests == 2);
        let begin = Instant::now();
        server.stop().unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(6),
            "{:?}",
            begin.elapsed()
        );
    }
}
