//! Destructors that panic wherever a value of the user's is dropped.

use crate::{
    common::{Client, config, engines, eventually, expect_clean},
    forever, lives, root, upgraded,
};
use std::{net::Shutdown, panic::panic_any, time::Duration};
use sws::{
    Answered, BodySink, Config, Context, EngineKind, Flow, Request, Response, Router, Running,
    Server,
    middleware::Middleware,
    time::sleep,
    ws::{Message, Socket, WebSocket},
};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a destructor, on purpose");
        }
    }
}

/// Panics when it is dropped, even if that is by a panic that is over.
struct Payload(#[allow(dead_code, reason = "only dropped")] Bomb);

struct BadSink(#[allow(dead_code, reason = "only dropped")] Bomb);

impl BodySink<()> for BadSink {
    fn chunk(&mut self, (): &mut (), _: &[u8]) {}

    fn end(self: Box<Self>, (): &mut (), response: Response<'_>) -> Answered {
        std::mem::forget(self);
        response.text("all")
    }
}

struct BadSocket(#[allow(dead_code, reason = "only dropped")] Bomb);

impl WebSocket<()> for BadSocket {
    fn message(&mut self, (): &mut (), _: &mut Socket<'_>, _: Message<'_>) {}
}

struct LeavesBomb;

impl Middleware<()> for LeavesBomb {
    fn before(&self, (): &mut (), request: &mut Request<'_>) -> Flow {
        request.set_extension(Payload(Bomb));
        Flow::Continue
    }
}

fn destructive(engine: EngineKind) -> Running {
    let extended = Router::new()
        .middleware(LeavesBomb)
        .get("/plain", root)
        .post("/whole", root)
        .get("/async", |_: Context<()>| async {
            sleep(Duration::from_millis(1)).await;
            "async"
        });
    Server::builder()
        .config(Config {
            tasks_max: 1,
            ..config(engine)
        })
        .get("/", root)
        .post("/whole", root)
        .nest("/extended", extended)
        .post_stream("/sink", |_: &mut (), _: &Request<'_>| BadSink(Bomb))
        .ws("/ws", |_: &mut (), _: &Request<'_>| BadSocket(Bomb))
        .get("/forever", forever)
        .get("/bomb", |_: Context<()>| {
            let bomb = Bomb;
            async move {
                sleep(Duration::from_secs(3600)).await;
                drop(bomb);
            }
        })
        .get(
            "/payload",
            |_: &mut (), _: &Request<'_>, _: Response<'_>| -> Answered { panic_any(Payload(Bomb)) },
        )
        .start()
        .unwrap()
}

#[test]
fn a_destructor_that_panics_costs_no_reactor() {
    for engine in engines() {
        let server = destructive(engine);
        let mut client = Client::new(server.addr());
        // Half a body, then the client goes.
        client.send("POST /sink HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf");
        drop(client);
        lives(&server);
        drop(upgraded(&server));
        expect_clean(&server);
        lives(&server);
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/extended/plain").text(), "root");
        client.send("POST /extended/whole HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n");
        client.send("half");
        assert_eq!(client.answer().text(), "root");
        assert_eq!(client.get("/extended/async").text(), "async");
        assert_eq!(client.get("/extended/none").status, 404);
        lives(&server);
        let mut client = Client::new(server.addr());
        client.send("POST /extended/whole HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nha");
        drop(client);
        lives(&server);
        assert_eq!(Client::new(server.addr()).get("/payload").status, 500);
        lives(&server);
        let mut waits = Client::new(server.addr());
        waits.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "a task", |c| c.tasks == 1);
        assert_eq!(Client::new(server.addr()).get("/bomb").status, 503);
        drop(waits);
        eventually(&server, "no task", |c| c.tasks == 0);
        let mut waits = Client::new(server.addr());
        waits.send("GET /bomb HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "a task", |c| c.tasks == 1);
        drop(waits);
        let remote = server.remote(0).unwrap();
        remote.invoke(|()| panic_any(Payload(Bomb))).unwrap();
        lives(&server);
        server.stop().unwrap();
    }
}

#[test]
fn what_was_answered_reaches_a_client_that_has_sent_its_last_byte() {
    for engine in engines() {
        let server = destructive(engine);
        let mut client = Client::new(server.addr());
        let two = "GET / HTTP/1.1\r\nHost: t\r\n\r\nGET /forever HTTP/1.1\r\nHost: t\r\n\r\n";
        client.send(two);
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.answer().text(), "root");
        client.expect_eof();
        eventually(&server, "the other is cancelled", |c| c.tasks == 0);
        expect_clean(&server);
    }
}

#[test]
fn a_request_that_is_refused_gives_its_memory_back_at_once() {
    for engine in engines() {
        let server = destructive(engine);
        let mut client = Client::new(server.addr());
        client
            .send("POST /extended/whole HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000)));
        eventually(&server, "a block", |c| c.large_blocks_used == 1);
        client.send("not a chunk\r\n");
        assert_eq!(client.answer().status, 400);
        // While the client has not closed.
        eventually(&server, "no block", |c| c.large_blocks_used == 0);
        assert_eq!(server.counters().slots_open, 1);
    }
}

#[test]
fn a_refusal_of_a_head_has_no_body() {
    for engine in engines() {
        let server = destructive(engine);
        let mut client = Client::new(server.addr());
        client.send("HEAD / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n");
        assert_eq!(client.answer_to_head().status, 413);
        client.expect_eof();
    }
}
