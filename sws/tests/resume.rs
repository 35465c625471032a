//! Connections that are held back and go on, among others that are not: nobody's answer is touched by it.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, expect_clean, pattern, start};
use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
};
use sws::Config;

/// The output of a connection that goes on grows the memory that other connections' answers of the same turn lie in.
#[test]
fn small_answers_stay_whole_while_others_go_on() {
    for engine in engines() {
        let server = start(config(engine));
        let addr = server.addr();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let done = &done;
                scope.spawn(move || {
                    let mut clients: Vec<Client> = (0..20).map(|_| Client::new(addr)).collect();
                    while !done.load(Ordering::Relaxed) {
                        for client in &mut clients {
                            client.send("GET /bytes/3000 HTTP/1.1\r\nHost: t\r\n\r\n");
                        }
                        for client in &mut clients {
                            assert!(client.answer().body == pattern(3000), "{engine}");
                        }
                    }
                });
            }
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(move || {
                        let mut client = Client::new(addr);
                        let expected = pattern(400_000);
                        for _ in 0..5 {
                            client.send("GET /bytes/400000 HTTP/1.1\r\nHost: t\r\n\r\n".repeat(20));
                            for _ in 0..20 {
                                assert!(client.answer().body == expected, "{engine}");
                            }
                        }
                    })
                })
                .collect();
            let results: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
            done.store(true, Ordering::Relaxed);
            assert!(results.iter().all(Result::is_ok));
        });
        expect_clean(&server);
    }
}

/// With a low mark the answers of a connection that is held back fit into the memory for small ones.
#[test]
fn a_low_mark_keeps_answers_in_order() {
    for engine in engines() {
        let server = start(Config {
            output_high_water_bytes: 4096,
            ..config(engine)
        });
        let mut client = Client::narrow(server.addr());
        let mut writer = client.stream.try_clone().unwrap();
        let feeder = std::thread::spawn(move || {
            for _ in 0..20 {
                writer
                    .write_all(
                        "GET /bytes/30000 HTTP/1.1\r\nHost: t\r\n\r\n"
                            .repeat(100)
                            .as_bytes(),
                    )
                    .unwrap();
            }
        });
        let expected = pattern(30_000);
        for index in 0..2000 {
            assert!(client.answer().body == expected, "{engine}: answer {index}");
        }
        feeder.join().unwrap();
        drop(client);
        expect_clean(&server);
    }
}
