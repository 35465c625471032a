//! What comes in while a handler waits.

use crate::{
    Seen,
    common::{Client, config, engines, eventually, expect_clean},
    serve,
};
use std::{
    io::Write,
    net::Shutdown,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

/// What comes behind a request that waits is answered after it, each in its turn.
#[test]
fn pipelined_requests_keep_their_order_whoever_waits() {
    let paths = [
        ("/sleep/30", "slept 30"),
        ("/echo/a", "a"),
        ("/worker/3", "9"),
        ("/inline", "inline"),
        ("/sleep/1", "slept 1"),
        ("/echo/b", "b"),
    ];
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        let mut requests = String::new();
        for _ in 0..10 {
            for (path, _) in paths {
                requests += &format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
            }
            requests += "POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbody";
        }
        client.send(requests);
        for round in 0..10 {
            for (path, text) in paths {
                assert_eq!(client.answer().text(), text, "{engine}: {round} {path}");
            }
            assert_eq!(client.answer().text(), "body", "{engine}: {round}");
        }
        drop(client);
        expect_clean(&server);
    }
}

/// Input behind a request that waits is taken up to a limit; then TCP holds the client back, and nothing is lost.
#[test]
fn input_behind_a_request_that_waits_is_bounded() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        client.send("GET /sleep/700 HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "it waits", |c| c.tasks == 1);
        // Far more than all socket buffers of a loopback connection hold.
        let mut writer = client.stream.try_clone().unwrap();
        let body = vec![b'x'; 500_000];
        let count = 60;
        let feeder = std::thread::spawn(move || {
            for _ in 0..count {
                writer
                    .write_all(b"POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: 500000\r\n\r\n")
                    .unwrap();
                writer.write_all(&body).unwrap();
            }
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!feeder.is_finished(), "{engine}: all was taken");
        assert_eq!(client.answer().text(), "slept 700");
        for index in 0..count {
            let answer = client.answer();
            assert_eq!(
                (answer.status, answer.body.len()),
                (200, 500_000),
                "{index}"
            );
        }
        feeder.join().unwrap();
        drop(client);
        expect_clean(&server);
    }
}

/// A client that goes while its input is held back: its FIN is behind what nobody reads.
#[test]
fn a_client_that_goes_while_it_is_held_back_is_noticed() {
    for engine in engines() {
        let seen = Arc::<Seen>::default();
        let server = serve(config(engine), &seen);
        let mut client = Client::new(server.addr());
        client.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
        client.send(vec![b'x'; 100_000]);
        eventually(&server, "it waits", |c| c.tasks == 1);
        client.reset();
        eventually(&server, "it has ended", |c| c.tasks == 0);
        assert_eq!(seen.cancelled.load(SeqCst), 1, "{engine}");
        expect_clean(&server);

        let mut client = Client::new(server.addr());
        client.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
        client.send(vec![b'x'; 100_000]);
        eventually(&server, "it waits", |c| c.tasks == 1);
        client.stream.shutdown(Shutdown::Write).unwrap();
        eventually(&server, "it has ended, too", |c| c.tasks == 0);
        expect_clean(&server);
    }
}
