//! Messages in both directions: whole, in order, at the pace of whoever takes them.

use crate::{
    common::{Client, config, engines, expect_clean, frames, pattern},
    start,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use sws::{
    Config, Request, Server, WebSocketOverflow,
    ws::{Message, SendError, Socket},
};

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
            let payload = pattern(length);
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
