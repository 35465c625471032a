//! How connections end, and who is told.

use crate::{
    common::{Client, config, engines, eventually, expect_clean, frames},
    start,
};
use std::time::Duration;
use sws::{
    Config, Reply, Request, Response, Server,
    ws::{CloseCode, Message, SendError, Socket},
};

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
