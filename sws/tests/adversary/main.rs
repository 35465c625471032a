//! Users whose code fails in unusual places, and clients that make the most of it, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod bodies;
#[path = "../common/mod.rs"]
mod common;
mod destructors;
mod ends;

use common::Client;
use std::time::Duration;
use sws::{Answered, Context, Request, Response, Running, Server, time::sleep};

fn root(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    response.text("root")
}

async fn forever(_: Context<()>) -> &'static str {
    sleep(Duration::from_secs(3600)).await;
    "at last"
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn upgraded(server: &Running) -> Client {
    let mut client = Client::new(server.addr());
    client.send(UPGRADE);
    assert!(client.take_through(b"\r\n\r\n").starts_with("HTTP/1.1 101"));
    client
}

fn lives(server: &Running) {
    let answer = Client::new(server.addr()).get("/");
    assert_eq!(answer.text(), "root");
}

#[test]
fn a_period_beyond_reach_is_refused() {
    let error = Server::builder()
        .state(|_| ())
        .get("/", root)
        .every(Duration::MAX, |()| ())
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("every"), "{error}");
}
