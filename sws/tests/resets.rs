//! Bytes and a reset behind them, both before the server looks: the connection is over all the same.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean};
use std::time::Duration;
use sws::{Config, Request, Response, Server};

#[test]
fn a_reset_right_behind_bytes_is_noticed() {
    for engine in engines() {
        let server = Server::builder()
            .config(Config {
                stall_warning: None,
                ..config(engine)
            })
            .get(
                "/block",
                |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                    // So that what comes meanwhile is seen together.
                    std::thread::sleep(Duration::from_millis(20));
                    response.text("done")
                },
            )
            .post(
                "/",
                |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                    response.text(request.body().len().to_string())
                },
            )
            .start()
            .unwrap();
        let mut blocking = Client::new(server.addr());
        for round in 0..20 {
            let mut clients: Vec<Client> = (0..8).map(|_| Client::new(server.addr())).collect();
            for client in &mut clients {
                client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n");
            }
            eventually(&server, "all have begun", |c| c.requests == 9 * round + 8);
            blocking.send("GET /block HTTP/1.1\r\nHost: t\r\n\r\n");
            std::thread::sleep(Duration::from_millis(5));
            for mut client in clients {
                client.send("some");
                client.reset();
            }
            assert_eq!(blocking.answer().text(), "done");
            eventually(&server, "all are gone", |c| c.slots_open == 1);
        }
        drop(blocking);
        expect_clean(&server);
    }
}
