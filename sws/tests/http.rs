//! HTTP/1.1 over real sockets, on both engines.

mod common;

use common::{Client, config, engines, expect_clean, pattern, start};
use std::time::Duration;

#[test]
fn requests_on_one_connection() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/").text(), "root");
        assert_eq!(client.get("/query?a=1&b=2").text(), "a=1&b=2");
        assert_eq!(client.get("/bytes/100000").body, pattern(100_000));
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(client.answer().text(), "hello");
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n");
        assert_eq!(client.answer().text(), "abcde");
        let date = client
            .get("/")
            .field("date")
            .map(str::to_owned)
            .expect("a Date");
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
        drop(client);
        let counters = expect_clean(&server);
        assert_eq!(
            (counters.requests, counters.accepted, counters.closed),
            (6, 1, 1)
        );
        server.stop().unwrap();
    }
}

#[test]
fn head_options_and_unknown() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        client.send("HEAD /bytes/77 HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer_to_head().field("content-length"), Some("77"));
        client.send("HEAD /nothing HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer_to_head().status, 404);
        client.send("OPTIONS /echo HTTP/1.1\r\nHost: t\r\n\r\n");
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.field("allow")),
            (204, Some("POST, OPTIONS"))
        );
        client.send("GETT / HTTP/1.1\r\nHost: t\r\n\r\n");
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.field("allow")),
            (405, Some("GET, HEAD, OPTIONS"))
        );
        // The body of a request that nobody takes is skipped, and the connection lives on.
        client.send("POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n");
        client.send(vec![b'x'; 100_000]);
        assert_eq!(client.answer().status, 404);
        assert_eq!(client.get("/").text(), "root");
    }
}

#[test]
fn a_body_that_nobody_takes_is_skipped_up_to_the_limit() {
    for engine in engines() {
        let server = start(sws::Config {
            body_bytes_max: 10_000,
            ..config(engine)
        });
        let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
        for (chunks, survives) in [(10, true), (11, false)] {
            let mut client = Client::new(server.addr());
            client.send("POST /nothing HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
            client.send(chunk.repeat(chunks) + "0\r\n\r\n");
            assert_eq!(client.answer().status, 404);
            if survives {
                assert_eq!(client.get("/").text(), "root");
            } else {
                client.expect_eof();
            }
        }
        expect_clean(&server);
    }
}

#[test]
fn persistence() {
    for engine in engines() {
        let server = start(config(engine));
        for (request, field, closes) in [
            (
                "GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
                Some("close"),
                true,
            ),
            (
                "GET / HTTP/1.1\r\nHost: t\r\nConnection: foo, Close\r\n\r\n",
                Some("close"),
                true,
            ),
            ("GET / HTTP/1.0\r\n\r\n", Some("close"), true),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                Some("keep-alive"),
                false,
            ),
            ("GET / HTTP/1.1\r\nHost: t\r\n\r\n", None, false),
        ] {
            let mut client = Client::new(server.addr());
            client.send(request);
            let answer = client.answer();
            assert_eq!(
                (answer.text(), answer.field("connection")),
                ("root", field),
                "{request:?}"
            );
            if closes {
                client.expect_eof();
            } else {
                assert_eq!(client.get("/").text(), "root");
            }
        }
        expect_clean(&server);
    }
}

#[test]
fn bytes_after_a_last_request_are_not_answered() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        client.send("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer().text(), "root");
        client.expect_eof();
    }
}

#[test]
fn a_large_last_answer_arrives_whole() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        client.send("GET /bytes/5000000 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(client.answer().body, pattern(5_000_000));
        client.expect_eof();
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn half_closed_clients_get_their_answers() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        client
            .send("GET /bytes/300000 HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n");
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(client.answer().body, pattern(300_000));
        assert_eq!(client.answer().text(), "root");
        client.expect_eof();
        expect_clean(&server);
    }
}

#[test]
fn refusals_can_be_read() {
    let cases: &[(&str, u16)] = &[
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: t\n\n", 400),
        (
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            400,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
        ("POST /echo HTTP/1.0\r\n\r\n", 411),
        (
            "POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n",
            413,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2000000\r\n\r\n",
            413,
        ),
        ("GET / HTTP/1.1\r\nHost: t\r\nExpect: miracles\r\n\r\n", 417),
        ("GET / HTTP/2.0\r\nHost: t\r\n\r\n", 505),
    ];
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "x".repeat(9000));
    let long_head = format!(
        "GET / HTTP/1.1\r\nHost: t\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let many_fields = format!("GET / HTTP/1.1\r\nHost: t\r\n{}\r\n", "X: y\r\n".repeat(80));
    let long = [
        (long_target.as_str(), 414),
        (long_head.as_str(), 431),
        (many_fields.as_str(), 431),
    ];
    for engine in engines() {
        let server = start(config(engine));
        for &(request, status) in cases.iter().chain(&long) {
            let mut client = Client::new(server.addr());
            client.send(request);
            // What the client goes on sending must not reset the connection under the answer.
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(1));
                let _ = std::io::Write::write(&mut client.stream, &[b'x'; 1000]);
            }
            let answer = client.answer();
            assert_eq!(answer.status, status, "{request:?}");
            assert_eq!(answer.field("connection"), Some("close"), "{request:?}");
            client.expect_eof();
        }
        let counters = expect_clean(&server);
        assert_eq!(counters.bad_requests, (cases.len() + long.len()) as u64);
    }
}

#[test]
fn expect_continue() {
    for engine in engines() {
        let server = start(config(engine));
        for path in ["/echo", "/count"] {
            let mut client = Client::new(server.addr());
            client.send(format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
            assert_eq!(client.answer().status, 100);
            client.send("abc");
            assert_eq!(
                client.answer().text(),
                if path == "/echo" { "abc" } else { "3" }
            );
            // Body already there: no interim answer.
            client.send(format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"));
            assert_eq!(client.answer().status, 200);
        }
        let mut client = Client::new(server.addr());
        client.send("POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.answer().status, 404);
        client.expect_eof();
    }
}

#[test]
fn streamed_bodies_are_counted() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        let size = 20 * 1024 * 1024;
        client.send(format!(
            "POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: {size}\r\n\r\n"
        ));
        client.send(vec![b'x'; size]);
        assert_eq!(client.answer().text(), size.to_string());
        client.send("POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..100 {
            client.send(format!("{:x}\r\n{}\r\n", 5000, "y".repeat(5000)));
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.answer().text(), "500000");
        client.send("POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.answer().text(), "0");
    }
}

#[test]
fn every_split_gives_the_same_answers() {
    let requests = "GET /query?a=1 HTTP/1.1\r\nHost: t\r\n\r\n\
        POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbody\
        POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n\
        POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\nstream";
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        for split in 1..requests.len() {
            client.send(&requests[..split]);
            std::thread::sleep(Duration::from_micros(300));
            client.send(&requests[split..]);
            let texts: Vec<String> = (0..4).map(|_| client.answer().text().to_owned()).collect();
            assert_eq!(texts, ["a=1", "body", "abc", "6"], "split at {split}");
        }
        for byte in requests.as_bytes() {
            client.send([*byte]);
            std::thread::sleep(Duration::from_micros(300));
        }
        let texts: Vec<String> = (0..4).map(|_| client.answer().text().to_owned()).collect();
        assert_eq!(texts, ["a=1", "body", "abc", "6"]);
    }
}

#[test]
fn a_panicking_handler_costs_one_500() {
    for engine in engines() {
        let server = start(config(engine));
        let mut other = Client::new(server.addr());
        assert_eq!(other.get("/").text(), "root");
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/panic").status, 500);
        client.expect_eof();
        let mut client = Client::new(server.addr());
        client.send("HEAD /panic HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer_to_head().status, 500);
        client.expect_eof();
        assert_eq!(other.get("/").text(), "root");
        assert_eq!(server.counters().panics, 2);
    }
}
