//! How handlers that wait come to their ends.

use crate::{
    Seen,
    common::{Client, config, engines, eventually, expect_clean},
    serve,
};
use std::{
    net::Shutdown,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};
use sws::{Config, EngineKind};

fn short(engine: EngineKind) -> Config {
    Config {
        handler_timeout: Some(Duration::from_millis(200)),
        ..config(engine)
    }
}

#[test]
fn answers_at_once_later_and_from_workers() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/inline").text(), "inline");
        assert_eq!(client.get("/sleep/20").text(), "slept 20");
        assert_eq!(client.get("/worker/12").text(), "144");
        let answer = client.get("/error");
        assert_eq!((answer.status, answer.text()), (418, "no coffee\n"));
        assert_eq!(client.get("/sleep/x").status, 400);
        client.send("HEAD /sleep/20 HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer_to_head().field("content-length"), Some("8"));
        client.send("GET /sleep/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.answer();
        assert_eq!(
            (answer.text(), answer.field("connection")),
            ("slept 1", Some("keep-alive"))
        );
        client.send("GET /sleep/1 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        assert_eq!(client.answer().field("connection"), Some("close"));
        client.expect_eof();
        drop(client);
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

/// 200 handlers that wait 100 ms each on one thread would take 20 s one after the other.
#[test]
fn handlers_wait_side_by_side() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut clients: Vec<Client> = (0..200).map(|_| Client::new(server.addr())).collect();
        let begin = std::time::Instant::now();
        for client in &mut clients {
            client.send("GET /sleep/100 HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        for client in &mut clients {
            assert_eq!(client.answer().text(), "slept 100");
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{engine}");
        drop(clients);
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

#[test]
fn a_handler_ends_with_its_client() {
    for engine in engines() {
        let seen = Arc::<Seen>::default();
        let server = serve(config(engine), &seen);
        for number in 1..=8 {
            let mut client = Client::new(server.addr());
            client.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
            eventually(&server, "it waits", |c| c.tasks == 1);
            if number % 2 == 0 {
                client.reset();
            } else {
                drop(client);
            }
            eventually(&server, "it has ended", |c| c.tasks == 0);
            assert_eq!(seen.cancelled.load(SeqCst), number, "{engine}");
        }
        assert_eq!(seen.ended.load(SeqCst), 0);
        expect_clean(&server);
    }
}

#[test]
fn half_closed_clients_get_their_answers_if_configured() {
    for engine in engines() {
        for half_close in [false, true] {
            let server = serve(
                Config {
                    half_close,
                    ..config(engine)
                },
                &Arc::default(),
            );
            let mut client = Client::new(server.addr());
            client.send("GET /sleep/150 HTTP/1.1\r\nHost: t\r\n\r\nGET /echo/second HTTP/1.1\r\nHost: t\r\n\r\n");
            eventually(&server, "it waits", |c| c.tasks == 1);
            client.stream.shutdown(Shutdown::Write).unwrap();
            if half_close {
                assert_eq!(client.answer().text(), "slept 150", "{engine}");
                assert_eq!(client.answer().text(), "second", "{engine}");
                client.expect_eof();
            } else {
                assert_eq!(client.rest().0, b"", "{engine}");
            }
            assert_eq!(expect_clean(&server).tasks, 0);
        }
    }
}

#[test]
fn a_handler_that_takes_too_long_is_cancelled() {
    for engine in engines() {
        let seen = Arc::<Seen>::default();
        let server = serve(short(engine), &seen);
        for head in [false, true] {
            let mut client = Client::new(server.addr());
            assert_eq!(client.get("/sleep/20").text(), "slept 20");
            let method = if head { "HEAD" } else { "GET" };
            client.send(format!("{method} /forever HTTP/1.1\r\nHost: t\r\n\r\n"));
            let answer = if head {
                client.answer_to_head()
            } else {
                client.answer()
            };
            assert_eq!(
                (answer.status, answer.field("connection")),
                (503, Some("close"))
            );
            client.expect_eof();
        }
        assert_eq!(seen.cancelled.load(SeqCst), 2, "{engine}");
        let counters = expect_clean(&server);
        assert_eq!((counters.tasks, counters.timeouts), (0, 2));
    }
}

#[test]
fn check_23_a_panic_costs_one_500_wherever_it_happens() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut other = Client::new(server.addr());
        for (count, path) in ["/panic", "/panic-later", "/panic-outside"]
            .into_iter()
            .enumerate()
        {
            let mut client = Client::new(server.addr());
            client.send(format!(
                "GET {path} HTTP/1.1\r\nHost: t\r\n\r\nGET /echo/never HTTP/1.1\r\nHost: t\r\n\r\n"
            ));
            let answer = client.answer();
            assert_eq!(
                (answer.status, answer.field("connection")),
                (500, Some("close")),
                "{engine}: {path}"
            );
            client.expect_eof();
            assert_eq!(other.get("/echo/fine").text(), "fine", "{engine}: {path}");
            let panics = count as u64 + 1;
            eventually(&server, "it is counted once", |c| c.panics == panics);
        }
        drop(other);
        let counters = expect_clean(&server);
        assert_eq!((counters.tasks, counters.panics), (0, 3));
    }
}
