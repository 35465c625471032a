//! Users whose code fails in unusual places, and clients that make the most of it, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean};
use std::{
    net::Shutdown,
    num::NonZeroUsize,
    panic::panic_any,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, Instant},
};
use sws::{
    Answered, BodySink, BodyStream, Config, Context, EngineKind, Flow, Reply, Request, Response,
    Router, Running, Server, Stopper,
    middleware::Middleware,
    time::sleep,
    ws::{CloseCode, Message, SendError, Sender, Socket, WebSocket},
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

fn root(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    response.text("root")
}

async fn forever(_: Context<()>) -> &'static str {
    sleep(Duration::from_secs(3600)).await;
    "at last"
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
fn a_body_that_is_dropped_holds_nobody_up() {
    for engine in engines() {
        let sent = Arc::new(AtomicBool::new(false));
        let all = Arc::clone(&sent);
        let server = Server::builder()
            .config(Config {
                body_bytes_max: 1 << 30,
                ..config(engine)
            })
            .state(|_| ())
            .post("/drop", move |_: Context<()>, body: BodyStream| {
                let all = Arc::clone(&all);
                async move {
                    // Until the client is held back.
                    sleep(Duration::from_millis(200)).await;
                    drop(body);
                    while !all.load(SeqCst) {
                        sleep(Duration::from_millis(5)).await;
                    }
                    "dropped"
                }
            })
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        client.send("POST /drop HTTP/1.1\r\nHost: t\r\nContent-Length: 50000000\r\n\r\n");
        client.send(vec![b'x'; 50_000_000]);
        sent.store(true, SeqCst);
        assert_eq!(client.answer().text(), "dropped");
        server.stop().unwrap();
    }
}

/// The end of such a body is the connection's, so half of it must not end like a whole one.
#[test]
fn half_a_stream_to_http_1_0_ends_with_a_reset() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .state(|_| ())
            .get("/half", |_: Context<()>| async {
                let (reply, mut sender) = Reply::stream("x/y");
                sws::next::go(async move {
                    sleep(Duration::from_millis(20)).await;
                    sender.send("half").await.unwrap();
                    sleep(Duration::from_millis(50)).await;
                })
                .unwrap();
                reply
            })
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        client.send("GET /half HTTP/1.0\r\n\r\n");
        let (_, ended) = client.rest();
        let error = ended.expect_err("it looks whole");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
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

struct GivesSender(Arc<Mutex<Option<Sender>>>);

impl WebSocket<()> for GivesSender {
    fn open(&mut self, (): &mut (), socket: &mut Socket<'_>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket.sender());
    }

    fn message(&mut self, (): &mut (), socket: &mut Socket<'_>, _: Message<'_>) {
        socket.close(CloseCode::NORMAL, "enough");
    }
}

#[test]
fn a_sender_knows_at_once_that_its_connection_closes() {
    for engine in engines() {
        let sender = Arc::new(Mutex::new(None));
        let given = Arc::clone(&sender);
        let server = Server::builder()
            .config(config(engine))
            .state(|_| ())
            .ws("/ws", move |_: &mut (), _: &Request<'_>| {
                GivesSender(Arc::clone(&given))
            })
            .start()
            .unwrap();
        let mut client = upgraded(&server);
        let sender = sender.lock().unwrap().take().unwrap();
        sender.send("hello").unwrap();
        assert_eq!(client.take(7), b"\x81\x05hello");
        client.send(b"\x81\x81\0\0\0\0x");
        assert_eq!(client.take(4), b"\x88\x08\x03\xe8");
        // The client has not answered yet.
        assert_eq!(sender.send("more"), Err(SendError::Closed));
        assert!(sender.is_closed());
        drop(client);
        server.stop().unwrap();
    }
}

/// A state that owns its own server.
struct Owner {
    server: Option<Running<Self>>,
    _tell: mpsc::Sender<()>,
}

#[test]
fn a_server_that_is_owned_by_its_own_state_ends() {
    for engine in engines() {
        let (tell, ended) = mpsc::channel();
        let server = Server::builder()
            .config(Config {
                reactors: NonZeroUsize::new(2),
                ..config(engine)
            })
            .state(move |_| Owner {
                server: None,
                _tell: tell.clone(),
            })
            .start()
            .unwrap();
        let stopper: Stopper = server.stopper();
        let remote = server.remote(0).unwrap();
        remote
            .invoke(move |owner: &mut Owner| owner.server = Some(server))
            .unwrap();
        stopper.stop();
        let began = Instant::now();
        // Both states are dropped, and with them the last of those who could tell.
        assert_eq!(
            ended.recv_timeout(Duration::from_secs(10)),
            Err(mpsc::RecvTimeoutError::Disconnected),
            "{:?}",
            began.elapsed()
        );
    }
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

/// One connection in each state that lasts, none of which its client ends.
fn one_of_each(addr: std::net::SocketAddr) -> Vec<Client> {
    let post = "HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\nhalf";
    let says = [
        String::new(),
        "GET / HTTP/1.1\r\nHost: t\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nHo".into(),
        format!("POST /whole {post}"),
        format!("POST /sink {post}"),
        format!("POST /reads {post}"),
        format!("POST /ignores {post}{}", "x".repeat(500_000)),
        format!("POST /early {post}"),
        "GET /forever HTTP/1.1\r\nHost: t\r\n\r\n".into(),
        "GET /forgets HTTP/1.1\r\nHost: t\r\n\r\n".into(),
        "GET /silent HTTP/1.1\r\nHost: t\r\n\r\n".into(),
        "GET /silent HTTP/1.0\r\n\r\n".into(),
        "GET /huge HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n".into(),
        UPGRADE.into(),
        format!("{UPGRADE}\u{1}"),
        format!("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n{UPGRADE}"),
    ];
    says.iter()
        .map(|says| {
            let mut client = Client::narrow(addr);
            client.send(says);
            client
        })
        .collect()
}

#[test]
fn a_stop_ends_connections_in_every_state() {
    for engine in engines() {
        let server = Server::builder()
            .config(Config {
                shutdown_timeout: Duration::from_millis(300),
                ..config(engine)
            })
            .state(|_| ())
            .get("/", root)
            .post("/whole", root)
            .post_stream("/sink", |_: &mut (), _: &Request<'_>| Drained)
            .post(
                "/reads",
                |_: Context<()>, mut body: BodyStream| async move {
                    while body.next().await.is_some() {}
                    "read"
                },
            )
            .post("/ignores", |_: Context<()>, body: BodyStream| async move {
                sleep(Duration::from_secs(3600)).await;
                drop(body);
            })
            .post("/early", |_: Context<()>, _: BodyStream| async { "early" })
            .get("/forever", forever)
            .get(
                "/forgets",
                |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                    let (responder, answered) = response.defer();
                    std::mem::forget(responder);
                    answered
                },
            )
            .get("/silent", |_: Context<()>| async {
                let (reply, sender) = Reply::stream("x/y");
                let silent = async move {
                    sleep(Duration::from_secs(3600)).await;
                    drop(sender);
                };
                sws::next::go(silent).map(|_| reply).unwrap()
            })
            .get("/huge", |_: Context<()>| async { vec![b'x'; 20_000_000] })
            .ws("/ws", |_: &mut (), _: &Request<'_>| {
                |_: &mut (), socket: &mut Socket<'_>, message: Message<'_>| socket.send(message)
            })
            .start()
            .unwrap();
        let clients = one_of_each(server.addr());
        eventually(&server, "all are there", |c| {
            c.accepted == clients.len() as u64 && c.requests >= 13
        });
        let (counters, began) = (server.counters_handle(), Instant::now());
        server.stop().unwrap();
        assert!(began.elapsed() < Duration::from_secs(10), "{engine}");
        let counters = counters.get();
        assert_eq!(
            counters.closed,
            clients.len() as u64,
            "{engine}: {counters:?}"
        );
        assert_eq!(
            (counters.slots_open, counters.connections_buffering),
            (0, 0)
        );
        assert_eq!((counters.large_blocks_used, counters.panics), (0, 0));
    }
}

struct Drained;

impl BodySink<()> for Drained {
    fn chunk(&mut self, (): &mut (), _: &[u8]) {}

    fn end(self: Box<Self>, (): &mut (), response: Response<'_>) -> Answered {
        response.text("all")
    }
}

/// What comes after the server's close frame is discarded, for as long as that is fair.
#[test]
fn a_peer_that_floods_after_the_close_is_given_up() {
    for engine in engines() {
        let given = Arc::new(Mutex::new(None));
        let server = Server::builder()
            .config(config(engine))
            .state(|_| ())
            .ws("/ws", move |_: &mut (), _: &Request<'_>| {
                GivesSender(Arc::clone(&given))
            })
            .start()
            .unwrap();
        let mut client = upgraded(&server);
        client.send(b"\x81\x81\0\0\0\0x");
        assert_eq!(client.take(4), b"\x88\x08\x03\xe8");
        let began = Instant::now();
        let flood = b"\x81\x81\0\0\0\0x".repeat(1000);
        while std::io::Write::write_all(&mut client.stream, &flood).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(60), "{engine}");
        }
        let counters = expect_clean(&server);
        assert_eq!(counters.websocket_messages, 1, "{engine}");
    }
}

/// Puts a page that is sent in pieces in the place of failures.
struct Pages;

impl Middleware<()> for Pages {
    fn after(&self, (): &mut (), _: &Request<'_>, reply: &mut Reply) {
        if reply.status_code() == 500 {
            *reply = Reply::shared("x/y", vec![b'p'; 1_000_000].into()).status(500);
        }
    }
}

struct Fails;

impl BodySink<()> for Fails {
    fn chunk(&mut self, (): &mut (), _: &[u8]) {
        panic!("on purpose");
    }

    fn end(self: Box<Self>, (): &mut (), response: Response<'_>) -> Answered {
        response.text("all")
    }
}

#[test]
fn a_long_answer_to_a_body_that_failed_is_whole() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .state(|_| ())
            .middleware(Pages)
            .post_stream("/chunk", |_: &mut (), _: &Request<'_>| Fails)
            .post_stream("/open", |_: &mut (), request: &Request<'_>| {
                assert!(request.path().is_empty(), "on purpose");
                Fails
            })
            .start()
            .unwrap();
        for path in ["/chunk", "/open"] {
            let mut client = Client::new(server.addr());
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n"
            ));
            client.send(vec![b'x'; 100_000]);
            let answer = client.answer();
            assert_eq!((answer.status, answer.body.len()), (500, 1_000_000));
            assert_eq!(answer.field("connection"), Some("close"));
            client.expect_eof();
        }
    }
}
