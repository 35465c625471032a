//! Bodies that come piece by piece, over real sockets, on both engines.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean, pattern};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use sws::{BodyError, BodyStream, Config, Context, Running, Server, next, time::sleep};

const MIB: usize = 1 << 20;

/// What a reader of a body came to.
#[derive(Default)]
struct Read {
    /// The slow one may begin.
    may_begin: AtomicBool,
    bytes: AtomicU64,
    gone: AtomicU64,
}

fn uploads(config: Config, read: &Arc<Read>) -> Running {
    let (slow, broken) = (Arc::clone(read), Arc::clone(read));
    Server::builder()
        .config(config)
        .post(
            "/count",
            |_: Context<()>, mut body: BodyStream| async move {
                let (mut count, mut sum) = (0, 0u64);
                while let Some(piece) = body.next().await {
                    let piece = piece.unwrap();
                    assert!(!piece.is_empty());
                    count += piece.len();
                    sum = piece.iter().fold(sum, |sum, b| sum + u64::from(*b));
                }
                format!("{count} {sum}")
            },
        )
        .post("/slow", move |_: Context<()>, mut body: BodyStream| {
            let read = Arc::clone(&slow);
            async move {
                while !read.may_begin.load(SeqCst) {
                    sleep(Duration::from_millis(5)).await;
                }
                while let Some(piece) = body.next().await {
                    read.bytes.fetch_add(piece.unwrap().len() as u64, SeqCst);
                }
                "read"
            }
        })
        .post(
            "/early",
            |_: Context<()>, mut body: BodyStream| async move {
                let first = body.next().await;
                assert!(first.is_some_and(|piece| piece.is_ok()));
                "enough"
            },
        )
        .post("/unread", |_: Context<()>, _: BodyStream| async {
            "at once"
        })
        .post(
            "/unread-later",
            |_: Context<()>, body: BodyStream| async move {
                sleep(Duration::from_millis(50)).await;
                drop(body);
                sleep(Duration::from_millis(50)).await;
                "later"
            },
        )
        .post("/never", |_: Context<()>, body: BodyStream| async move {
            sleep(Duration::from_secs(3600)).await;
            drop(body);
            "never"
        })
        .post("/watch", move |_: Context<()>, mut body: BodyStream| {
            let read = Arc::clone(&broken);
            async move {
                // In a task of its own, because the handler ends with its client.
                let task = next::go(async move {
                    loop {
                        match body.next().await {
                            Some(Ok(piece)) => {
                                read.bytes.fetch_add(piece.len() as u64, SeqCst);
                            }
                            Some(Err(BodyError::Gone)) => {
                                read.gone.fetch_add(1, SeqCst);
                                return;
                            }
                            _ => return,
                        }
                    }
                });
                task.unwrap().await.unwrap();
                "whole"
            }
        })
        .start()
        .unwrap()
}

fn sum(body: &[u8]) -> String {
    let sum: u64 = body.iter().map(|b| u64::from(*b)).sum();
    format!("{} {sum}", body.len())
}

#[test]
fn uploads_arrive_whole_chunked_or_not() {
    for engine in engines() {
        let server = uploads(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        for size in [0, 1, 65_535, 65_536, 65_537, 5 * MIB] {
            let body = pattern(size);
            client.send(format!(
                "POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: {size}\r\n\r\n"
            ));
            client.send(&body);
            assert_eq!(client.answer().text(), sum(&body), "{engine}");
            client.send("POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(7777) {
                client.send(format!("{:x};e\r\n", chunk.len()));
                client.send(chunk);
                client.send("\r\n");
            }
            // The next request is there before this one is answered.
            client.send(
                "0\r\nT: v\r\n\r\nPOST /unread HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx",
            );
            assert_eq!(client.answer().text(), sum(&body), "{engine}");
            assert_eq!(client.answer().text(), "at once", "{engine}");
        }
        drop(client);
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

/// While the handler does not read, neither does the server: TCP holds the client back.
#[test]
fn a_client_is_read_no_faster_than_its_handler_reads() {
    for engine in engines() {
        let read = Arc::<Read>::default();
        let server = uploads(config(engine), &read);
        let mut client = Client::new(server.addr());
        let mut writer = client.stream.try_clone().unwrap();
        let size = 24 * MIB;
        let feeder = std::thread::spawn(move || {
            let head = format!("POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: {size}\r\n\r\n");
            writer.write_all(head.as_bytes()).unwrap();
            writer.write_all(&vec![b'x'; size]).unwrap();
        });
        eventually(&server, "it waits", |c| c.tasks == 1);
        std::thread::sleep(Duration::from_millis(150));
        assert!(!feeder.is_finished(), "{engine}: all was taken");
        read.may_begin.store(true, SeqCst);
        assert_eq!(client.answer().text(), "read");
        assert_eq!(read.bytes.load(SeqCst), size as u64);
        feeder.join().unwrap();
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn a_handler_that_answers_early_has_the_rest_skipped() {
    for engine in engines() {
        let server = uploads(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        for path in ["/early", "/unread", "/unread-later"] {
            let size = 3 * MIB;
            let mut writer = client.stream.try_clone().unwrap();
            let feeder = std::thread::spawn(move || {
                let head =
                    format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {size}\r\n\r\n");
                writer.write_all(head.as_bytes()).unwrap();
                writer.write_all(&vec![b'x'; size]).unwrap();
            });
            let expected = match path {
                "/early" => "enough",
                "/unread" => "at once",
                _ => "later",
            };
            assert_eq!(client.answer().text(), expected, "{engine}");
            feeder.join().unwrap();
            client.send("POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\naa");
            assert_eq!(client.answer().text(), "2 194", "{engine}: {path}");
        }
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn a_client_that_goes_in_the_middle_of_its_body_is_noticed() {
    for engine in engines() {
        let read = Arc::<Read>::default();
        let server = uploads(config(engine), &read);
        for (number, framing) in ["Content-Length: 100000", "Transfer-Encoding: chunked"]
            .into_iter()
            .cycle()
            .take(4)
            .enumerate()
        {
            let mut client = Client::new(server.addr());
            let begun = "5\r\nhello\r\n";
            client.send(format!(
                "POST /watch HTTP/1.1\r\nHost: t\r\n{framing}\r\n\r\n{begun}"
            ));
            eventually(&server, "it reads", |c| c.tasks == 2);
            if number < 2 {
                drop(client);
            } else {
                client.reset();
            }
            eventually(&server, "both have ended", |c| c.tasks == 0);
            assert_eq!(read.gone.load(SeqCst), number as u64 + 1, "{engine}");
        }
        assert!(read.bytes.load(SeqCst) > 0);
        expect_clean(&server);
    }
}

#[test]
fn a_bad_body_is_refused_while_its_handler_reads() {
    for engine in engines() {
        let read = Arc::<Read>::default();
        let server = uploads(
            Config {
                body_timeout: Duration::from_millis(200),
                handler_timeout: Some(Duration::from_millis(400)),
                body_bytes_max: 200_000,
                ..config(engine)
            },
            &read,
        );
        let head = "POST /watch HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
        let long = format!("{:x}\r\n{}\r\n", 150_000, "x".repeat(150_000)).repeat(2);
        for (body, status) in [("3\r\nabcde", 400), (&long, 413), ("3\r\na", 408)] {
            let mut client = Client::new(server.addr());
            client.send(head);
            client.send(body);
            let answer = client.answer();
            assert_eq!(answer.status, status, "{engine}");
            client.expect_eof();
        }
        eventually(&server, "all have been told", |_| {
            read.gone.load(SeqCst) == 3
        });
        // It is the handler that is late here, not the client.
        let mut client = Client::new(server.addr());
        client.send("POST /never HTTP/1.1\r\nHost: t\r\nContent-Length: 150000\r\n\r\n");
        client.send(vec![b'x'; 150_000]);
        assert_eq!(client.answer().status, 503, "{engine}");
        client.expect_eof();
        drop(client);
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

#[test]
fn who_waits_to_be_asked_for_a_body_is_asked() {
    for engine in engines() {
        let server = uploads(config(engine), &Arc::default());
        let expecting = |path: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            )
        };
        let mut client = Client::new(server.addr());
        client.send(expecting("/count"));
        assert_eq!(client.answer().status, 100, "{engine}");
        client.send("abc");
        assert_eq!(client.answer().text(), "3 294");
        client.send(expecting("/count") + "abc");
        assert_eq!(client.answer().text(), "3 294");
        // Answered before the body came: the client need not send it, so the connection cannot go on.
        client.send(expecting("/unread"));
        let mut answer = client.answer();
        if answer.status == 100 {
            answer = client.answer();
        }
        assert_eq!(
            (answer.text(), answer.field("connection")),
            ("at once", Some("close"))
        );
        client.expect_eof();
        drop(client);
        expect_clean(&server);
    }
}
