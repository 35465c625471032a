//! Answers that are sent piece by piece, over real sockets, on both engines.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, expect_clean, pattern};
use std::{
    io::ErrorKind,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};
use sws::{
    Answered, BodyError, BodySender, Config, Context, EngineKind, Reply, Request, Response,
    Running, Server, next,
};

const TYPE: &str = "x/y";
const MIB: usize = 1 << 20;

type Senders = mpsc::Sender<BodySender>;

/// Streams whose senders go to the test.
fn downloads(engine: EngineKind, senders: Senders) -> Running {
    let senders = Arc::new(Mutex::new(senders));
    let sized = Arc::clone(&senders);
    let give = move |senders: &Mutex<Senders>, (reply, sender): (Reply, BodySender)| {
        senders.lock().unwrap().send(sender).unwrap();
        reply
    };
    Server::builder()
        .config(config(engine))
        .get(
            "/stream",
            move |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                response.send(give(&senders, Reply::stream(TYPE)))
            },
        )
        .get("/sized/{n}", move |context: Context<()>| {
            let length = context.param_as("n").unwrap();
            let reply = give(&sized, Reply::stream_sized(TYPE, length));
            async move { reply }
        })
        .get(
            "/",
            |_: &mut (), _: &Request<'_>, response: Response<'_>| response.text("root"),
        )
        .start()
        .unwrap()
}

const STREAM: &str = "GET /stream HTTP/1.1\r\nHost: t\r\n\r\n";

#[test]
fn a_stream_is_sent_as_it_is_written() {
    for engine in engines() {
        let (senders, given) = mpsc::channel();
        let server = downloads(engine, senders);
        let mut client = Client::new(server.addr());
        for pipelined in ["", "GET / HTTP/1.1\r\nHost: t\r\n\r\n"] {
            client.send(format!("{STREAM}{pipelined}"));
            let mut sender = given.recv().unwrap();
            let head = client.take_through(b"\r\n\r\n");
            assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
            assert!(!head.contains("Content-Length"), "{head}");
            // Each piece arrives before the next one is written.
            for piece in ["one", "two", "a third one"] {
                sender.try_send(piece).unwrap();
                sender.try_send("").unwrap();
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                assert_eq!(client.take(chunk.len()), chunk.as_bytes(), "{engine}");
            }
            sender.finish();
            assert_eq!(client.take(5), b"0\r\n\r\n");
            if !pipelined.is_empty() {
                assert_eq!(client.answer().text(), "root");
            }
        }
        assert_eq!(client.get("/").text(), "root", "{engine}");
        client.send("GET /sized/6 HTTP/1.1\r\nHost: t\r\n\r\n");
        let mut sender = given.recv().unwrap();
        sender.try_send("abc").unwrap();
        assert!(
            client
                .take_through(b"\r\n\r\n")
                .contains("Content-Length: 6\r\n")
        );
        assert_eq!(client.take(3), b"abc");
        sender.try_send("def").unwrap();
        sender.finish();
        assert_eq!(client.take(3), b"def");
        assert_eq!(client.get("/").text(), "root", "{engine}");
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn a_stream_to_http_1_0_ends_with_its_connection() {
    for engine in engines() {
        let (senders, given) = mpsc::channel();
        let server = downloads(engine, senders);
        let mut client = Client::new(server.addr());
        client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let mut sender = given.recv().unwrap();
        sender.try_send("plain ").unwrap();
        sender.try_send("bytes").unwrap();
        sender.finish();
        let head = client.take_through(b"\r\n\r\n");
        assert!(head.contains("Connection: close\r\n"), "{head}");
        assert!(!head.contains("chunked"), "{head}");
        let (rest, ended) = client.rest();
        assert_eq!(rest, b"plain bytes");
        ended.unwrap();
        drop(client);
        expect_clean(&server);
    }
}

/// A client must be able to tell half a body from a whole one.
#[test]
fn a_stream_that_is_not_finished_breaks_the_connection() {
    for engine in engines() {
        let (senders, given) = mpsc::channel();
        let server = downloads(engine, senders);
        let cases = [
            ("/stream", "abc", false),
            ("/sized/4", "abc", false),
            ("/sized/4", "abc", true),
            ("/sized/2", "abc", true),
        ];
        for (path, written, finish) in cases {
            let mut client = Client::new(server.addr());
            client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
            let mut sender = given.recv().unwrap();
            let _ = client.take_through(b"\r\n\r\n");
            sender.try_send(written).unwrap();
            if finish {
                sender.finish();
            } else {
                drop(sender);
            }
            let (rest, ended) = client.rest();
            let whole = match path {
                "/stream" => rest.ends_with(b"0\r\n\r\n"),
                "/sized/4" => rest.len() >= 4,
                _ => rest.len() >= 2,
            };
            assert!(!whole, "{engine}: {path} {rest:?}");
            if let Err(error) = ended {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        }
        expect_clean(&server);
    }
}

#[test]
fn a_writer_knows_that_its_client_has_gone() {
    for engine in engines() {
        let (senders, given) = mpsc::channel();
        let server = downloads(engine, senders);
        for reset in [false, true] {
            let mut client = Client::new(server.addr());
            client.send(STREAM);
            let mut sender = given.recv().unwrap();
            sender.try_send("begun").unwrap();
            let _ = client.take_through(b"begun");
            assert!(!sender.is_closed());
            if reset {
                client.reset();
            } else {
                drop(client);
            }
            expect_clean(&server);
            assert!(sender.is_closed(), "{engine}");
            assert_eq!(sender.try_send("more"), Err(BodyError::Gone));
        }
    }
}

/// The client's pace is the writer's, on whatever thread it writes.
#[test]
fn a_slow_reader_slows_its_writer() {
    const PIECES: u64 = 1000;
    for engine in engines() {
        let written = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&written);
        let piece = || vec![b'p'; 20_000];
        let server = Server::builder()
            .config(Config {
                workers: 1,
                ..config(engine)
            })
            .get("/{where}", move |context: Context<()>| {
                let count = Arc::clone(&count);
                count.store(0, SeqCst);
                async move {
                    let (reply, mut sender) = Reply::stream(TYPE);
                    let write = async move {
                        for _ in 0..PIECES {
                            sender.send(piece()).await.unwrap();
                            count.fetch_add(1, SeqCst);
                        }
                        sender.finish();
                    };
                    if context.param("where") == Some("worker") {
                        drop(next::go(next::submit_async(move || write)));
                    } else {
                        drop(next::go(write));
                    }
                    reply
                }
            })
            .start()
            .unwrap();
        for place in ["worker", "task"] {
            let mut client = Client::narrow(server.addr());
            client.send(format!("GET /{place} HTTP/1.1\r\nHost: t\r\n\r\n"));
            std::thread::sleep(Duration::from_millis(200));
            let before = written.load(SeqCst);
            assert!(
                before < PIECES * 3 / 4,
                "{engine}: {place}: {before} written"
            );
            let answer = client.answer();
            assert_eq!(answer.body.len(), 20_000 * PIECES as usize, "{place}");
            assert!(answer.body.iter().all(|b| *b == b'p'), "{place}");
        }
        expect_clean(&server);
    }
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("sws-streams-{}-{name}", std::process::id()))
}

/// Sizes around the pieces that files are read in are `check_30` in `checks_answers.rs`.
#[test]
fn a_file_that_shrinks_breaks_the_connection() {
    for engine in engines() {
        let path = temporary("shrinks.png");
        std::fs::write(&path, pattern(10 * MIB)).unwrap();
        let served = path.clone();
        let server = Server::builder()
            .config(config(engine))
            .get(
                "/",
                move |_: &mut (), _: &Request<'_>, response: Response<'_>| -> Answered {
                    match Reply::file(&served) {
                        Ok(reply) => response.send(reply),
                        Err(_) => response.status(404).text("no file"),
                    }
                },
            )
            .start()
            .unwrap();
        let mut client = Client::narrow(server.addr());
        client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        let head = client.take_through(b"\r\n\r\n");
        assert!(head.contains("Content-Type: image/png\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", 10 * MIB)));
        // So much is sent already at most: the client has taken next to nothing.
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(9 * MIB as u64).unwrap();
        let (rest, _) = client.rest();
        assert!(rest.len() <= 9 * MIB, "{engine}: {}", rest.len());
        assert!(rest == pattern(rest.len()), "{engine}");
        // It was not made up for, and the server lives.
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/").body.len(), 9 * MIB);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(client.get("/").status, 404);
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn files_of_no_bytes_and_of_many() {
    for engine in engines() {
        let dir = temporary("sizes");
        std::fs::create_dir_all(&dir).unwrap();
        let sizes = [0, 1, 65_535, 65_536, 65_537, 10 * MIB];
        for size in sizes {
            std::fs::write(dir.join(size.to_string()), pattern(size)).unwrap();
        }
        let served = dir.clone();
        let server = Server::builder()
            .config(config(engine))
            .get("/{name}", move |context: Context<()>| {
                let file = served.join(context.param("name").unwrap());
                async move { Reply::file(file).map_err(|_| (404, "no file")) }
            })
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        for size in sizes {
            // Pipelined, and answered by HEAD in between.
            client.send(format!("GET /{size} HTTP/1.1\r\nHost: t\r\n\r\nHEAD /{size} HTTP/1.1\r\nHost: t\r\n\r\nGET /{size} HTTP/1.1\r\nHost: t\r\n\r\n"));
            assert!(client.answer().body == pattern(size), "{engine}: {size}");
            let head = client.answer_to_head();
            assert_eq!(head.field("content-length"), Some(&*size.to_string()));
            assert!(client.answer().body == pattern(size), "{engine}: {size}");
        }
        assert_eq!(client.get("/none").status, 404);
        drop(client);
        expect_clean(&server);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
