//! Connections and servers that end in every state.

use crate::{
    UPGRADE,
    common::{Client, config, engines, eventually, expect_clean},
    forever, root, upgraded,
};
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};
use sws::{
    Answered, BodySink, BodyStream, Config, Context, EngineKind, Reply, Request, Response, Running,
    Server, Stopper,
    time::sleep,
    ws::{CloseCode, Message, SendError, Sender, Socket, WebSocket},
};

struct GivesSender(Arc<Mutex<Option<Sender>>>);

impl WebSocket<()> for GivesSender {
    fn open(&mut self, (): &mut (), socket: &mut Socket<'_>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket.sender());
    }

    fn message(&mut self, (): &mut (), socket: &mut Socket<'_>, _: Message<'_>) {
        socket.close(CloseCode::NORMAL, "enough");
    }
}

fn gives_sender(engine: EngineKind) -> (Running, Arc<Mutex<Option<Sender>>>) {
    let sender = Arc::new(Mutex::new(None));
    let given = Arc::clone(&sender);
    let server = Server::builder()
        .config(config(engine))
        .state(|_| ())
        .ws("/ws", move |_: &mut (), _: &Request<'_>| {
            GivesSender(Arc::clone(&given))
        })
        .start();
    (server.unwrap(), sender)
}

#[test]
fn a_sender_knows_at_once_that_its_connection_closes() {
    for engine in engines() {
        let (server, sender) = gives_sender(engine);
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
        let (server, _sender) = gives_sender(engine);
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
