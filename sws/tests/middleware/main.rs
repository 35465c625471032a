//! Middleware over real sockets, on both engines: order, scope, and every kind of handler.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod passing;
mod scope;

use common::{Answer, Client, config};
use std::{
    io::Read,
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};
use sws::{
    Answered, BodySink, BodyStream, Config, Context, EngineKind, Flow, Rejection, Reply, Request,
    Response, Router, Running, Server,
    middleware::Middleware,
    time::sleep,
    ws::{Message, Socket, WebSocket},
};

/// The middleware that a request has passed, for handlers.
#[derive(Clone, Default)]
struct Passed(String);

/// Says where it was: before, to the handler; after, to the client.
struct Mark(&'static str);

impl<S> Middleware<S> for Mark {
    fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
        let mut passed = request.extension::<Passed>().cloned().unwrap_or_default();
        passed.0.push_str(self.0);
        request.set_extension(passed);
        Flow::Continue
    }

    fn after(&self, _: &mut S, request: &Request<'_>, reply: &mut Reply) {
        assert!(request.extension::<Passed>().unwrap().0.contains(self.0));
        let so_far = reply.get_header("x-after").unwrap_or_default();
        let all = [so_far, self.0.as_bytes()].concat();
        reply.set_header("X-After", all);
    }
}

/// Lets only those pass who have the key.
struct Gate;

impl<S> Middleware<S> for Gate {
    fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
        match request.header_str("x-key") {
            Some("right") => Flow::Continue,
            _ => Flow::Answer(Reply::text("no\n").status(403)),
        }
    }

    fn after(&self, _: &mut S, _: &Request<'_>, reply: &mut Reply) {
        reply.set_header("X-Gate", "passed");
    }
}

fn passed(request: &Request<'_>) -> String {
    let passed = request.extension::<Passed>().cloned();
    passed.unwrap_or_default().0
}

fn plain(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
    response
        .header("X-Own", "1")
        .text(format!("{}:{}", passed(request), request.body().len()))
}

fn rejected(_: &mut (), request: &Request<'_>, _: Response<'_>) -> Result<Answered, Rejection> {
    Err(Rejection::new(409, passed(request)))
}

fn written(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
    response.json(&format!("{}:{}", passed(request), request.body().len()))
}

fn sent(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
    let text = format!("{}:{}", passed(request), request.body().len());
    response.header("X-Own", "1").send(text)
}

fn empty(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    response.status(204).empty()
}

fn deferred(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
    let text = format!("{}:{}", passed(request), request.body().len());
    let (responder, answered) = response.defer();
    thread::spawn(move || responder.send(text));
    answered
}

fn forgotten(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    response.defer().1
}

fn broken(_: &mut (), _: &Request<'_>, _: Response<'_>) -> Answered {
    panic!("on purpose")
}

fn text_of(context: &Context<()>) -> String {
    let passed = context.extension::<Passed>().cloned().unwrap_or_default();
    format!("{}:{}", passed.0, context.body().len())
}

async fn at_once(context: Context<()>) -> String {
    text_of(&context)
}

async fn waits(context: Context<()>) -> String {
    sleep(Duration::from_millis(2)).await;
    text_of(&context)
}

async fn breaks_later(_: Context<()>) -> String {
    sleep(Duration::from_millis(1)).await;
    panic!("on purpose")
}

async fn streamed(context: Context<()>, mut body: BodyStream) -> Reply {
    let mut count = 0;
    while let Some(bytes) = body.next().await {
        match bytes {
            Ok(bytes) => count += bytes.len(),
            Err(_) => return Reply::empty().status(400),
        }
    }
    let passed = context.extension::<Passed>().cloned().unwrap_or_default();
    Reply::text(format!("{}:{count}", passed.0))
}

struct Count(String, usize);

impl BodySink<()> for Count {
    fn chunk(&mut self, _: &mut (), bytes: &[u8]) {
        assert!(self.0 != "break", "on purpose");
        self.1 += bytes.len();
    }

    fn end(self: Box<Self>, _: &mut (), response: Response<'_>) -> Answered {
        assert!(self.0 != "end", "on purpose");
        response.text(format!("{}:{}", self.0, self.1))
    }
}

fn count(_: &mut (), request: &Request<'_>) -> Count {
    assert!(request.query() != Some("open"), "on purpose");
    match request.query() {
        Some(what) => Count(what.to_owned(), 0),
        None => Count(passed(request), 0),
    }
}

/// Says what it was opened with.
struct Hello(String);

impl WebSocket<()> for Hello {
    fn open(&mut self, _: &mut (), socket: &mut Socket<'_>) {
        socket.send(&*self.0);
    }

    fn message(&mut self, _: &mut (), socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

fn hello(_: &mut (), request: &Request<'_>) -> Hello {
    Hello(passed(request))
}

fn refused(_: &mut (), _: &Request<'_>) -> Result<Hello, Rejection> {
    Err(Rejection::new(403, "not you"))
}

/// A route for each kind of handler: those of POST say how long the body was.
fn kinds() -> Router<()> {
    Router::new()
        .get("/", plain)
        .get("/empty", empty)
        .get("/rejected", rejected)
        .get("/broken", broken)
        .get("/forgotten", forgotten)
        .get("/breaks-later", breaks_later)
        .ws("/ws", hello)
        .ws("/ws-refused", refused)
        .post("/plain", plain)
        .post("/written", written)
        .post("/sent", sent)
        .post("/deferred", deferred)
        .post("/at-once", at_once)
        .post("/waits", waits)
        .post("/streamed", streamed)
        .post_stream("/sink", count)
}

const POSTS: [&str; 8] = [
    "plain", "written", "sent", "deferred", "at-once", "waits", "streamed", "sink",
];

fn serve(engine: EngineKind, router: Router<()>) -> Running<()> {
    serve_with(config(engine), router)
}

fn serve_with(config: Config, router: Router<()>) -> Running<()> {
    let router = Router::new().nest("/n", router);
    Server::builder()
        .config(config)
        .get("/outside", plain)
        .nest("/o", router)
        .start()
        .unwrap()
}

/// `text` with the lines of a request's head as they should be.
fn head(line: &str, fields: &str) -> String {
    let fields = fields.replace('\n', "\r\n");
    format!("{line} HTTP/1.1\r\nHost: t\r\n{fields}\r\n")
}

fn ask(client: &mut Client, line: &str, fields: &str) -> Answer {
    client.send(head(line, fields));
    if line.starts_with("HEAD ") {
        client.answer_to_head()
    } else {
        client.answer()
    }
}

fn post(client: &mut Client, path: &str, fields: &str, body: &str) -> Answer {
    let length = format!("{fields}Content-Length: {}\n", body.len());
    client.send(head(&format!("POST {path}"), &length) + body);
    client.answer()
}

const UPGRADE: &str = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";

/// What comes back to a handshake, up to the end of the first frame if it was accepted.
fn handshake(addr: SocketAddr, path: &str, frame_bytes: usize) -> String {
    let mut client = Client::on(TcpStream::connect(addr).unwrap());
    client.send(head(&format!("GET {path}"), UPGRADE));
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if end.is_some_and(|end| bytes.len() >= end + 4 + frame_bytes) {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        let count = client.stream.read(&mut chunk).unwrap();
        assert!(count > 0, "{:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&chunk[..count]);
    }
}
