//! Much output, slow readers, few buffers: nothing is lost, doubled or out of order.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean, pattern, start};
use std::{io::Write, time::Duration};

#[test]
fn thousands_of_pipelined_requests_in_order() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        let requests: String = (0..3000)
            .map(|i| format!("GET /query?{i} HTTP/1.1\r\nHost: t\r\n\r\n"))
            .collect();
        client.send(requests);
        for i in 0..3000 {
            assert_eq!(client.answer().text(), i.to_string());
        }
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn a_slow_reader_holds_back_its_own_connection_only() {
    for engine in engines() {
        let server = start(config(engine));
        let mut slow = Client::narrow(server.addr());
        let mut writer = slow.stream.try_clone().unwrap();
        // About 40 MB of answers: far above the high-water mark.
        let feeder = std::thread::spawn(move || {
            for _ in 0..400 {
                writer
                    .write_all(b"GET /bytes/100000 HTTP/1.1\r\nHost: t\r\n\r\n")
                    .unwrap();
            }
        });
        std::thread::sleep(Duration::from_millis(300));
        let mut other = Client::new(server.addr());
        assert_eq!(other.get("/").text(), "root");
        assert!(
            server.counters().requests < 100,
            "the slow connection was not held back"
        );
        let expected = pattern(100_000);
        for _ in 0..400 {
            assert!(slow.answer().body == expected);
        }
        feeder.join().unwrap();
        assert_eq!(slow.get("/").text(), "root");
        drop((slow, other));
        let counters = expect_clean(&server);
        assert_eq!(counters.requests, 402);
    }
}

#[test]
fn answers_of_all_sizes_keep_their_order_while_sends_are_short() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::narrow(server.addr());
        let mut writer = client.stream.try_clone().unwrap();
        let sizes: Vec<usize> = (0..60usize)
            .map(|i| [5, 100, 6000, 70_000, 3_000_000][(i * 7 + i / 3) % 5])
            .collect();
        let requests = sizes.clone();
        let feeder = std::thread::spawn(move || {
            for size in requests {
                writer
                    .write_all(format!("GET /bytes/{size} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes())
                    .unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        for (index, size) in sizes.into_iter().enumerate() {
            assert!(
                client.answer().body == pattern(size),
                "answer {index} of {size} bytes"
            );
        }
        feeder.join().unwrap();
        assert!(
            server.counters().short_sends > 0,
            "the test did not reach what it is for"
        );
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn running_out_of_buffers_loses_nothing() {
    for engine in engines() {
        let config = sws::Config {
            receive_buffers: 4,
            receive_buffer_bytes: 512,
            ..config(engine)
        };
        let server = start(config);
        let mut clients: Vec<Client> = (0..200).map(|_| Client::new(server.addr())).collect();
        let body = "z".repeat(8000);
        for round in 0..3 {
            for client in &mut clients {
                client.send(format!(
                    "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 8000\r\n\r\n{body}"
                ));
            }
            for client in &mut clients {
                assert!(client.answer().text() == body, "round {round}");
            }
        }
        let counters = server.counters();
        if counters.buffers_total > 0 {
            assert!(
                counters.no_buffers > 0,
                "the test did not reach what it is for"
            );
        }
        drop(clients);
        expect_clean(&server);
    }
}

#[test]
fn a_full_pool_recovers() {
    for engine in engines() {
        let server = start(sws::Config {
            connections_max: 3,
            ..config(engine)
        });
        let mut clients: Vec<Client> = (0..3).map(|_| Client::new(server.addr())).collect();
        for client in &mut clients {
            assert_eq!(client.get("/").text(), "root");
        }
        // One more waits in the backlog and is served once there is room.
        let mut waiting = Client::new(server.addr());
        waiting.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "accepting waits", |c| c.slots_open == 3);
        drop(clients.pop());
        assert_eq!(waiting.answer().text(), "root");
        drop((clients, waiting));
        expect_clean(&server);
    }
}

/// A burst is accepted as a whole before anyone can say stop; those for whom there is no place wait.
#[test]
fn a_burst_at_a_full_pool_is_served_in_the_end() {
    for engine in engines() {
        let server = start(sws::Config {
            connections_max: 3,
            ..config(engine)
        });
        for _ in 0..10 {
            let mut clients: Vec<Client> = (0..25).map(|_| Client::new(server.addr())).collect();
            for client in &mut clients {
                client.send("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
            }
            for mut client in clients {
                assert_eq!(client.answer().text(), "root", "{engine}");
                client.expect_eof();
            }
        }
        let counters = expect_clean(&server);
        assert_eq!((counters.accepted, counters.closed), (250, 250));
        assert!(
            counters.accept_waits > 0,
            "the test did not reach what it is for"
        );
    }
}

#[test]
fn connections_are_spread_evenly() {
    for engine in engines() {
        let server = start(sws::Config {
            reactors: std::num::NonZeroUsize::new(4),
            ..config(engine)
        });
        // Whoever came and went in between, by whatever way, no longer counts.
        for _ in 0..2 {
            let mut clients = Vec::new();
            let mut per = [0; 4];
            for _ in 0..64 {
                let mut client = Client::new(server.addr());
                per[client.get("/reactor").text().parse::<usize>().unwrap()] += 1;
                clients.push(client);
            }
            assert!(
                per.iter().all(|n| (14..=18).contains(n)),
                "{engine}: {per:?}"
            );
            drop(clients);
            expect_clean(&server);
            reconnect(&server);
        }
        assert!(server.counters().handed_over > 0);
        server.stop().unwrap();
    }
}

/// Clients that come again and again, several at a time, each going in another way.
fn reconnect(server: &sws::Running<common::App>) {
    let addr = server.addr();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                for number in 0..150 {
                    let mut client = Client::new(addr);
                    match number % 4 {
                        0 => assert_eq!(client.get("/").text(), "root"),
                        1 => client.send("GET /bytes/30000 HTTP/1.1\r\nHost: t\r\n\r\n"),
                        2 => socket2::SockRef::from(&client.stream)
                            .set_linger(Some(Duration::ZERO))
                            .unwrap(),
                        _ => {
                            client.send("GET / HTTP/1.0\r\n\r\n");
                            assert_eq!(client.answer().text(), "root");
                        }
                    }
                }
            });
        }
    });
    eventually(server, "all are gone", |c| {
        c.accepted == c.closed && c.slots_open == 0
    });
    expect_clean(server);
}
