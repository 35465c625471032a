//! WebSockets over real sockets, on both engines. The rules of RFC 6455 one by one are tested in `sws-proto/tests/ws/`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean, frames};
use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use sws::{
    Config, ConnId, Rejection, Reply, Request, Response, Running, Server, WebSocketOverflow,
    ws::{CloseCode, Closed, Message, Options, SendError, Sender, Socket, Topic, WebSocket},
};

/// What tests see of the handlers.
#[derive(Default)]
struct App {
    opened: u32,
    closed: Vec<String>,
    topic: Topic,
}

/// Echoes, and does as it is told.
struct Echo(Option<mpsc::Sender<Sender>>);

impl WebSocket<App> for Echo {
    fn open(&mut self, app: &mut App, socket: &mut Socket<'_>) {
        app.opened += 1;
        socket.join(&app.topic);
        if let Some(senders) = &self.0 {
            senders.send(socket.sender()).unwrap();
        }
    }

    fn message(&mut self, app: &mut App, socket: &mut Socket<'_>, message: Message<'_>) {
        match message {
            Message::Text("panic") => panic!("on purpose"),
            Message::Text("close") => socket.close(CloseCode::NORMAL, "as you wish"),
            Message::Text("leave") => socket.leave(&app.topic),
            Message::Text("ping") => socket.ping(b"are you there?"),
            other => socket.send(other),
        }
    }

    fn close(&mut self, app: &mut App, _: ConnId, reason: &Closed) {
        app.closed.push(match reason {
            Closed::ByPeer(Some((code, reason))) => format!("peer {} {reason}", code.get()),
            Closed::ByPeer(None) => "peer".to_owned(),
            Closed::ByServer(code) => format!("server {}", code.get()),
            _ => "lost".to_owned(),
        });
    }
}

struct Started {
    server: Running<App>,
    senders: mpsc::Receiver<Sender>,
    topic: Topic,
}

impl Started {
    fn open(&self) -> Client {
        frames::open(self.server.addr(), "/ws")
    }

    /// What the state says, when all handlers have been closed.
    fn closed(&self) -> Vec<String> {
        expect_clean(&self.server);
        let (done, wait) = mpsc::channel();
        let remote = self.server.remote(0).unwrap();
        remote
            .invoke(move |app| done.send(std::mem::take(&mut app.closed)).unwrap())
            .unwrap();
        wait.recv().unwrap()
    }
}

fn start(config: Config) -> Started {
    let (sender, senders) = mpsc::channel();
    let (sender, topic) = (Mutex::new(sender), Topic::new());
    let shared = topic.clone();
    let options = Options::new()
        .protocol("chat.v2")
        .protocol("chat.v1")
        .origin("https://example.org");
    let server = Server::builder()
        .config(config)
        .state(move |_| App {
            topic: shared.clone(),
            ..App::default()
        })
        .ws("/ws", move |_: &mut App, _: &Request<'_>| {
            Echo(Some(sender.lock().unwrap().clone()))
        })
        .ws_with("/options", options, |_: &mut App, _: &Request<'_>| {
            Echo(None)
        })
        .ws("/refuse", |_: &mut App, _: &Request<'_>| {
            Err::<Echo, _>(Rejection::new(403, "not you"))
        })
        .get(
            "/",
            |app: &mut App, _: &Request<'_>, response: Response<'_>| {
                response.text(app.opened.to_string())
            },
        )
        .start()
        .unwrap();
    Started {
        server,
        senders,
        topic,
    }
}

/// The server pushes while the client sends: neither takes the other's for its own.
#[test]
fn check_12_pushes_to_a_client_that_sends() {
    const COUNT: usize = 2000;
    for engine in engines() {
        let started = start(config(engine));
        let mut client = started.open();
        let sender = started.senders.recv().unwrap();
        let pusher = std::thread::spawn(move || {
            for number in 0..COUNT {
                while sender.send(&*format!("push {number}")) == Err(SendError::Full) {
                    std::thread::yield_now();
                }
            }
        });
        let mut writer = Client::on(client.stream.try_clone().unwrap());
        let feeder = std::thread::spawn(move || {
            for number in 0..COUNT {
                writer.send(frames::text(&format!("echo {number}")));
            }
        });
        let mut next = [0, 0];
        while next != [COUNT, COUNT] {
            let text = frames::next_text(&mut client);
            let (kind, number) = text.split_once(' ').unwrap();
            let next = &mut next[usize::from(kind == "push")];
            assert_eq!(number.parse(), Ok(*next), "{engine}: {text}");
            *next += 1;
        }
        pusher.join().unwrap();
        feeder.join().unwrap();
        drop(client);
        assert_eq!(started.closed(), ["lost"]);
    }
}

#[test]
fn check_13_ten_frames_in_a_segment_and_one_in_ten() {
    for engine in engines() {
        let started = start(config(engine));
        // In the same segment as the handshake.
        let mut client = Client::new(started.server.addr());
        let mut bytes = frames::request("/ws").into_bytes();
        for number in 0..10 {
            bytes.extend(frames::text(&number.to_string()));
        }
        client.send(bytes);
        frames::opened(&mut client);
        for number in 0..10 {
            assert_eq!(
                frames::next_text(&mut client),
                number.to_string(),
                "{engine}"
            );
        }
        for length in [10, 200, 70_000] {
            let payload = common::pattern(length);
            let frame = frames::frame(true, frames::BINARY, &payload);
            for piece in frame.chunks(frame.len().div_ceil(10)) {
                client.send(piece);
                std::thread::sleep(Duration::from_millis(1));
            }
            let (opcode, echoed) = frames::next(&mut client);
            assert!((opcode, &echoed) == (frames::BINARY, &payload), "{engine}");
        }
        // Every split of two frames.
        let two = [frames::text("first"), frames::text("second")].concat();
        for split in 1..two.len() {
            client.send(&two[..split]);
            std::thread::sleep(Duration::from_micros(200));
            client.send(&two[split..]);
            assert_eq!(frames::next_text(&mut client), "first", "{split}");
            assert_eq!(frames::next_text(&mut client), "second", "{split}");
        }
        drop(client);
        expect_clean(&started.server);
    }
}

#[test]
fn check_14_a_ping_between_fragments() {
    for engine in engines() {
        let started = start(config(engine));
        let mut client = started.open();
        // Cut within a character, too.
        let (text, at) = ("gr\u{fc}n und \u{20ac}", 3);
        for pause in [false, true] {
            let pieces = [
                frames::frame(false, frames::TEXT, &text.as_bytes()[..at]),
                frames::frame(true, frames::PING, "ping"),
                frames::frame(false, 0, ""),
                frames::frame(true, frames::PONG, "unasked"),
                frames::frame(true, 0, &text.as_bytes()[at..]),
            ];
            if pause {
                for piece in pieces {
                    client.send(piece);
                    std::thread::sleep(Duration::from_millis(5));
                }
            } else {
                client.send(pieces.concat());
            }
            let pong = (frames::PONG, b"ping".to_vec());
            assert_eq!(frames::next(&mut client), pong, "{engine}");
            assert_eq!(frames::next_text(&mut client), text, "{engine}");
        }
        drop(client);
        expect_clean(&started.server);
    }
}

#[test]
fn handshakes_are_checked() {
    let request = frames::request("/options");
    let with = |field: &str| request.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    let refused = [
        (request.replace("13", "12"), 426),
        (request.replace("Upgrade: websocket\r\n", ""), 426),
        (request.replace("dGhl", "d"), 400),
        (request.replace("GET", "POST"), 405),
        (with("Origin: https://evil.example"), 403),
        (frames::request("/refuse"), 403),
        (frames::request("/none"), 404),
    ];
    for engine in engines() {
        let started = start(config(engine));
        for (request, status) in &refused {
            let mut client = Client::new(started.server.addr());
            client.send(request);
            let answer = client.answer();
            assert_eq!(answer.status, *status, "{engine}: {request}");
            if answer.status == 426 {
                assert_eq!(answer.field("upgrade"), Some("websocket"), "{request}");
            }
            // It goes on as HTTP.
            assert_eq!(client.get("/").status, 200, "{engine}: {request}");
        }
        for (offered, agreed) in [("chat.v1, chat.v2", "chat.v2"), ("chat.v1", "chat.v1")] {
            let mut client = Client::new(started.server.addr());
            client.send(with(&format!(
                "Origin: https://example.org\r\nSec-WebSocket-Protocol: {offered}"
            )));
            let head = client.take_through(b"\r\n\r\n");
            let field = format!("Sec-WebSocket-Protocol: {agreed}\r\n");
            assert!(head.contains(&field), "{engine}: {head}");
        }
    }
}

#[test]
fn closing_is_told_to_both_sides() {
    for engine in engines() {
        let started = start(config(engine));
        let close = |code: u16, reason: &str| {
            let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
            frames::frame(true, frames::CLOSE, payload)
        };
        // By the peer: the code comes back.
        let mut client = started.open();
        client.send(close(1000, "bye"));
        assert_eq!(frames::next_close(&mut client), 1000);
        client.expect_eof();
        drop(client);
        assert_eq!(started.closed(), ["peer 1000 bye"], "{engine}");
        // By the handler, by a sender, by breaking the protocol, by a panic.
        let sender = started.senders.recv().unwrap();
        assert_eq!(sender.send("late"), Err(SendError::Closed));
        let cases: [(Vec<u8>, u16); 5] = [
            (frames::text("close"), 1000),
            (frames::frame(true, 3, "x"), 1002),
            (frames::frame(true, frames::TEXT, b"\xff"), 1007),
            (frames::text("panic"), 1011),
            (
                frames::frame(true, frames::BINARY, vec![0; 1 << 20 | 1]),
                1009,
            ),
        ];
        for (bytes, code) in cases {
            let mut client = started.open();
            client.send(bytes);
            assert_eq!(frames::next_close(&mut client), code, "{engine}");
            client.expect_eof();
            drop(client);
            assert_eq!(started.closed(), [format!("server {code}")], "{engine}");
        }
        let mut client = started.open();
        let sender = started.senders.iter().nth(5).unwrap();
        sender.send("last").unwrap();
        sender.close(CloseCode::POLICY, "enough").unwrap();
        assert_eq!(frames::next_text(&mut client), "last");
        assert_eq!(frames::next_close(&mut client), 1008);
        client.expect_eof();
        drop(client);
        assert_eq!(started.closed(), ["server 1008"], "{engine}");
        assert!(sender.is_closed());
        // Without a word.
        drop(started.open());
        assert_eq!(started.closed(), ["lost"]);
        started.open().reset();
        assert_eq!(started.closed(), ["lost"]);
        assert_eq!(started.topic.len(), 0, "{engine}: members have left");
    }
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    for engine in engines() {
        let started = start(Config {
            websocket_ping_interval: Some(Duration::from_millis(150)),
            idle_timeout: Duration::from_millis(100),
            ..config(engine)
        });
        let (mut answering, mut silent) = (started.open(), started.open());
        for _ in 0..5 {
            let (opcode, payload) = frames::next(&mut answering);
            assert_eq!(opcode, frames::PING, "{engine}");
            answering.send(frames::frame(true, frames::PONG, payload));
        }
        let (rest, _) = silent.rest();
        assert_eq!(rest, [0x89, 0], "{engine}: one ping and the end");
        assert_eq!(started.topic.len(), 1);
        answering.send(frames::text("ping"));
        loop {
            let (opcode, payload) = frames::next(&mut answering);
            assert_eq!(opcode, frames::PING);
            if !payload.is_empty() {
                assert_eq!(payload, b"are you there?");
                break;
            }
        }
        drop((answering, silent));
        assert_eq!(started.closed(), ["lost", "lost"], "{engine}");
    }
}

/// One message is encoded once and reaches every member; a member that takes nothing is dealt with as configured and
/// holds nobody up.
#[test]
fn a_member_that_is_too_slow_does_not_hold_up_a_topic() {
    for engine in engines() {
        for overflow in [WebSocketOverflow::Close, WebSocketOverflow::Drop] {
            let started = start(Config {
                websocket_overflow: overflow,
                websocket_queue_bytes_max: 100_000,
                ..config(engine)
            });
            let mut slow = Client::narrow(started.server.addr());
            slow.send(frames::request("/ws"));
            frames::opened(&mut slow);
            let mut members: Vec<Client> = (0..5).map(|_| started.open()).collect();
            let mut left = started.open();
            left.send([frames::text("leave"), frames::text("left")].concat());
            assert_eq!(frames::next_text(&mut left), "left");
            let message = "m".repeat(50_000);
            for number in 0..200 {
                started.topic.send(&*format!("{number} {message}"));
                for member in &mut members {
                    let text = frames::next_text(member);
                    assert!(text == format!("{number} {message}"), "{engine}");
                }
            }
            let dropped = started.server.counters().websocket_overflows;
            assert!(dropped > 0, "the test did not reach what it is for");
            left.expect_silence(Duration::from_millis(1));
            // Whole messages, in order, and then it is told or goes on.
            let mut last = None;
            loop {
                let (opcode, payload) = frames::next(&mut slow);
                if opcode == frames::CLOSE {
                    assert_eq!(payload[..2], 1013u16.to_be_bytes());
                    assert_eq!(overflow, WebSocketOverflow::Close);
                    break;
                }
                let text = String::from_utf8(payload).unwrap();
                let (number, rest) = text.split_once(' ').unwrap();
                let number: Option<u32> = number.parse().ok();
                assert!(number > last && (rest == message || rest == "end"));
                last = number;
                if overflow == WebSocketOverflow::Drop {
                    if rest == "end" {
                        break;
                    }
                    // Once it has taken enough, it is sent more.
                    started.topic.send(&*format!("{} end", 1000));
                }
            }
        }
    }
}

#[test]
fn a_senders_queue_is_bounded_and_in_order() {
    for engine in engines() {
        let started = start(Config {
            websocket_queue_bytes_max: 1 << 20,
            ..config(engine)
        });
        let mut client = started.open();
        let sender = started.senders.recv().unwrap();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    for number in 0..1000 {
                        while sender.send(&*format!("{thread} {number}")) == Err(SendError::Full) {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let mut next = [0; 4];
        for _ in 0..4000 {
            let text = frames::next_text(&mut client);
            let (thread, number) = text.split_once(' ').unwrap();
            let next = &mut next[thread.parse::<usize>().unwrap()];
            assert_eq!(number.parse(), Ok(*next), "{engine}");
            *next += 1;
        }
        for thread in threads {
            thread.join().unwrap();
        }
        client.expect_silence(Duration::from_millis(1));
    }
}

/// A payload that is kept while more frames come stays as it was (F52).
#[test]
fn a_message_that_is_kept_stays_as_it_was() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    for engine in engines() {
        let keep = Arc::clone(&kept);
        let server = Server::builder()
            .config(config(engine))
            .ws("/", move |_: &mut (), _: &Request<'_>| {
                let kept = Arc::clone(&keep);
                move |_: &mut (), socket: &mut Socket<'_>, message: Message<'_>| {
                    let Message::Binary(bytes) = message else {
                        return;
                    };
                    kept.lock().unwrap().push(bytes.to_vec());
                    socket.send("kept");
                }
            })
            .start()
            .unwrap();
        let mut client = frames::open(server.addr(), "/");
        for round in 0..100u8 {
            client.send(frames::frame(true, frames::BINARY, vec![round; 3000]));
        }
        for _ in 0..100 {
            assert_eq!(frames::next_text(&mut client), "kept");
        }
        for (round, bytes) in kept.lock().unwrap().drain(..).enumerate() {
            assert_eq!(bytes, [round as u8; 3000], "{engine}");
        }
    }
}

/// A slot is used for one protocol after the other; nothing of the one is left for the other.
#[test]
fn a_slot_that_was_a_websocket_serves_http() {
    for engine in engines() {
        let started = start(Config {
            connections_max: 1,
            ..config(engine)
        });
        for round in 0..20 {
            let mut socket = started.open();
            // Half a message, and half a frame.
            socket.send(frames::frame(false, frames::TEXT, "half"));
            socket.send(&frames::text("never sent")[..5]);
            if round % 2 == 0 {
                socket.reset();
            } else {
                drop(socket);
            }
            let mut client = Client::new(started.server.addr());
            assert_eq!(client.get("/").status, 200, "{engine}: {round}");
            client.send("GET / HTTP/1.1\r\nHo");
            drop(client);
        }
        let mut socket = started.open();
        socket.send(frames::text("whole"));
        assert_eq!(frames::next_text(&mut socket), "whole", "{engine}");
        drop(socket);
        assert_eq!(expect_clean(&started.server).slots_total, 1);
    }
}

/// A stop closes WebSockets with 1001, gives handlers that wait their time, and cuts off nobody's answer.
#[test]
fn a_stop_says_goodbye_to_whoever_is_there() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .ws("/ws", |_: &mut (), _: &Request<'_>| {
                |_: &mut (), socket: &mut Socket<'_>, message: Message<'_>| socket.send(message)
            })
            .get("/wait", |_: sws::Context<()>| async {
                sws::time::sleep(Duration::from_millis(300)).await;
                Reply::text("worth waiting for")
            })
            .start()
            .unwrap();
        let addr = server.addr();
        let mut sockets: Vec<Client> = (0..50).map(|_| frames::open(addr, "/ws")).collect();
        let mut waiting: Vec<Client> = (0..50).map(|_| Client::new(addr)).collect();
        for client in &mut waiting {
            client.send("GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        for socket in &mut sockets {
            socket.send(frames::text("still here"));
        }
        eventually(&server, "all wait", |c| {
            c.tasks == 50 && c.websocket_messages == 50
        });
        let handle = server.counters_handle();
        let stopping = std::thread::spawn(move || server.stop());
        for socket in &mut sockets {
            assert_eq!(frames::next_text(socket), "still here");
            assert_eq!(frames::next_close(socket), 1001, "{engine}");
            socket.send(frames::frame(true, frames::CLOSE, 1001u16.to_be_bytes()));
            socket.expect_eof();
        }
        drop(sockets);
        for client in &mut waiting {
            let answer = client.answer();
            assert_eq!(
                (answer.text(), answer.field("connection")),
                ("worth waiting for", Some("close")),
                "{engine}"
            );
            client.expect_eof();
        }
        drop(waiting);
        stopping.join().unwrap().unwrap();
        let counters = handle.get();
        assert_eq!((counters.slots_open, counters.tasks), (0, 0), "{engine}");
    }
}

/// A handler that never ends is cut off at the end of the time for a stop, and so is its request.
#[test]
fn a_stop_ends_what_does_not_end() {
    for engine in engines() {
        let server = Server::builder()
            .config(Config {
                shutdown_timeout: Duration::from_millis(300),
                workers: 1,
                ..config(engine)
            })
            .get("/forever", |_: sws::Context<()>| async {
                std::future::pending::<&'static str>().await
            })
            .get(
                "/never",
                |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                    let (responder, answered) = response.defer();
                    std::thread::spawn(move || {
                        while !responder.is_closed() {
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    });
                    answered
                },
            )
            .start()
            .unwrap();
        let mut clients = [Client::new(server.addr()), Client::new(server.addr())];
        for (client, path) in clients.iter_mut().zip(["/forever", "/never"]) {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
        }
        eventually(&server, "both wait", |c| c.requests == 2);
        server.stop().unwrap();
        for client in &mut clients {
            assert_eq!(client.rest().0, b"", "{engine}");
        }
    }
}
