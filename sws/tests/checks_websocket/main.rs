//! WebSockets over real sockets, on both engines. The rules of RFC 6455 one by one are tested in `sws-proto/tests/ws/`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "../common/mod.rs"]
mod common;
mod ends;
mod handshakes;
mod messages;

use common::{Client, expect_clean, frames};
use std::sync::{Mutex, mpsc};
use sws::{
    Config, ConnId, Rejection, Request, Response, Running, Server,
    ws::{CloseCode, Closed, Message, Options, Sender, Socket, Topic, WebSocket},
};

/// What tests see of the handlers.
#[derive(Default)]
struct App {
    opened: u32,
    closed: Vec<String>,
    topic: Topic,
}

/// Echoes, and does as it is told.
struct Echo(Option<mpsc::Sender<Sender>>);

impl WebSocket<App> for Echo {
    fn open(&mut self, app: &mut App, socket: &mut Socket<'_>) {
        app.opened += 1;
        socket.join(&app.topic);
        if let Some(senders) = &self.0 {
            senders.send(socket.sender()).unwrap();
        }
    }

    fn message(&mut self, app: &mut App, socket: &mut Socket<'_>, message: Message<'_>) {
        match message {
            Message::Text("panic") => panic!("on purpose"),
            Message::Text("close") => socket.close(CloseCode::NORMAL, "as you wish"),
            Message::Text("leave") => socket.leave(&app.topic),
            Message::Text("ping") => socket.ping(b"are you there?"),
            other => socket.send(other),
        }
    }

    fn close(&mut self, app: &mut App, _: ConnId, reason: &Closed) {
        app.closed.push(match reason {
            Closed::ByPeer(Some((code, reason))) => format!("peer {} {reason}", code.get()),
            Closed::ByPeer(None) => "peer".to_owned(),
            Closed::ByServer(code) => format!("server {}", code.get()),
            _ => "lost".to_owned(),
        });
    }
}

struct Started {
    server: Running<App>,
    senders: mpsc::Receiver<Sender>,
    topic: Topic,
}

impl Started {
    fn open(&self) -> Client {
        frames::open(self.server.addr(), "/ws")
    }

    /// What the state says, when all handlers have been closed.
    fn closed(&self) -> Vec<String> {
        expect_clean(&self.server);
        let (done, wait) = mpsc::channel();
        let remote = self.server.remote(0).unwrap();
        remote
            .invoke(move |app| done.send(std::mem::take(&mut app.closed)).unwrap())
            .unwrap();
        wait.recv().unwrap()
    }
}

fn start(config: Config) -> Started {
    let (sender, senders) = mpsc::channel();
    let (sender, topic) = (Mutex::new(sender), Topic::new());
    let shared = topic.clone();
    let options = Options::new()
        .protocol("chat.v2")
        .protocol("chat.v1")
        .origin("https://example.org");
    let server = Server::builder()
        .config(config)
        .state(move |_| App {
            topic: shared.clone(),
            ..App::default()
        })
        .ws("/ws", move |_: &mut App, _: &Request<'_>| {
            Echo(Some(sender.lock().unwrap().clone()))
        })
        .ws_with("/options", options, |_: &mut App, _: &Request<'_>| {
            Echo(None)
        })
        .ws("/refuse", |_: &mut App, _: &Request<'_>| {
            Err::<Echo, _>(Rejection::new(403, "not you"))
        })
        .get(
            "/",
            |app: &mut App, _: &Request<'_>, response: Response<'_>| {
                response.text(app.opened.to_string())
            },
        )
        .start()
        .unwrap();
    Started {
        server,
        senders,
        topic,
    }
}
