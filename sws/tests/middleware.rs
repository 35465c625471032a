//! Middleware over real sockets, on both engines: order, scope, and every kind of handler.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Answer, Client, config, engines, expect_clean};
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

#[test]
fn from_the_outside_in_and_back_around_every_kind_of_handler() {
    for engine in engines() {
        // Middleware that is added after the routes holds for them as well.
        let inner = kinds().middleware(Mark("c")).middleware(Mark("d"));
        let middle = Router::new().nest("/i", inner).middleware(Mark("b"));
        let server = serve(engine, middle.middleware(Mark("B")));
        let mut client = Client::new(server.addr());
        for kind in POSTS {
            for body in ["", "four", &"x".repeat(200_000)] {
                let answer = post(&mut client, &format!("/o/n/i/{kind}"), "", body);
                let text = answer.text().trim_matches('"');
                assert_eq!(text, format!("bBcd:{}", body.len()), "{engine} {kind}");
                assert_eq!(answer.field("x-after"), Some("dcBb"), "{engine} {kind}");
                let own = ["plain", "sent"].contains(&kind).then_some("1");
                assert_eq!(answer.field("x-own"), own, "{engine} {kind}");
            }
        }
        for (line, status, text) in [
            ("GET /o/n/i", 200, "bBcd:0"),
            ("HEAD /o/n/i", 200, ""),
            ("GET /o/n/i/empty", 204, ""),
            ("GET /o/n/i/rejected", 409, "bBcd\n"),
            (
                "GET /o/n/i/forgotten",
                500,
                "the request was not answered\n",
            ),
            ("GET /o/n/i/none", 404, "not found\n"),
            ("PUT /o/n/i/empty", 405, "method not allowed\n"),
            ("OPTIONS /o/n/i/empty", 204, ""),
        ] {
            let answer = ask(&mut client, line, "");
            assert_eq!((answer.status, answer.text()), (status, text), "{line}");
            assert_eq!(answer.field("x-after"), Some("dcBb"), "{line}");
        }
        let outer = ask(&mut client, "GET /o/n/none", "");
        assert_eq!(outer.field("x-after"), Some("Bb"));
        let outside = client.get("/outside");
        assert_eq!((outside.text(), outside.field("x-after")), (":0", None));
        let opened = handshake(server.addr(), "/o/n/i/ws", 6);
        assert!(opened.starts_with("HTTP/1.1 101 "), "{opened}");
        assert!(opened.ends_with("\r\n\r\n\u{fffd}\u{4}bBcd"), "{opened:?}");
        let refused = handshake(server.addr(), "/o/n/i/ws-refused", 0);
        assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
        assert!(refused.contains("X-After: dcBb\r\n"), "{refused}");
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn a_body_in_pieces_keeps_what_middleware_left() {
    for engine in engines() {
        let server = serve(engine, kinds().middleware(Mark("a")));
        for kind in POSTS {
            let mut client = Client::new(server.addr());
            let chunked = "Transfer-Encoding: chunked\n";
            client.send(head(&format!("POST /o/n/{kind}"), chunked));
            // So that the server has seen the head, whatever it does with it.
            assert_eq!(Client::new(server.addr()).get("/outside").status, 200);
            client.send("3\r\nab");
            assert_eq!(Client::new(server.addr()).get("/outside").status, 200);
            client.send("c\r\n2\r\nde\r\n0\r\n\r\n");
            let answer = client.answer();
            assert_eq!(answer.text().trim_matches('"'), "a:5", "{engine} {kind}");
            assert_eq!(answer.field("x-after"), Some("a"), "{engine} {kind}");
        }
    }
}

#[test]
fn who_is_answered_at_once_reaches_no_handler_and_may_go_on() {
    for engine in engines() {
        let router = kinds()
            .middleware(Mark("a"))
            .middleware(Gate)
            .middleware(Mark("b"));
        let server = serve(engine, router);
        let mut client = Client::new(server.addr());
        let expect_no = |answer: &Answer, what: &str| {
            assert_eq!(
                (answer.status, answer.text()),
                (403, "no\n"),
                "{engine} {what}"
            );
            // Those outside the gate see it, it itself and those inside do not.
            let fields = (answer.field("x-after"), answer.field("x-gate"));
            assert_eq!(fields, (Some("a"), None), "{engine} {what}");
        };
        for kind in POSTS {
            let path = format!("/o/n/{kind}");
            for body in ["", "four", &"x".repeat(300_000)] {
                expect_no(&post(&mut client, &path, "", body), kind);
            }
            client.send(head(
                &format!("POST {path}"),
                "Transfer-Encoding: chunked\n",
            ));
            expect_no(&client.answer(), kind);
            client.send("3\r\nabc\r\n0\r\n\r\n");
            let answer = post(&mut client, &path, "X-Key: right\n", "abc");
            assert_eq!(answer.text().trim_matches('"'), "ab:3", "{engine} {kind}");
            assert_eq!(answer.field("x-gate"), Some("passed"));
            // With others behind it in one piece.
            let both = head(&format!("POST {path}"), "Content-Length: 3\n") + "abc";
            client.send(both.repeat(3) + &head("GET /outside", ""));
            (0..3).for_each(|_| expect_no(&client.answer(), kind));
            assert_eq!(client.answer().text(), ":0");
        }
        let refused = handshake(server.addr(), "/o/n/ws", 0);
        assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn who_waits_to_be_asked_for_the_body_is_told_at_once() {
    for engine in engines() {
        let server = serve(engine, kinds().middleware(Gate));
        let expect = "Expect: 100-continue\nContent-Length: 5\n";
        for kind in POSTS {
            let line = format!("POST /o/n/{kind}");
            let mut client = Client::new(server.addr());
            let answer = ask(&mut client, &line, expect);
            assert_eq!(answer.status, 403, "{engine} {kind}");
            // RFC 9110, 10.1.1: whether the body follows cannot be known, so the connection ends.
            assert_eq!(answer.field("connection"), Some("close"), "{kind}");
            client.expect_eof();
            let mut client = Client::new(server.addr());
            let asked = ask(&mut client, &line, &format!("{expect}X-Key: right\n"));
            assert_eq!(asked.status, 100, "{engine} {kind}");
            client.send("12345");
            assert_eq!(client.answer().text().trim_matches('"'), ":5");
            assert_eq!(client.get("/outside").status, 200);
        }
    }
}

/// Answers with a long body.
struct Verbose;

impl<S> Middleware<S> for Verbose {
    fn before(&self, _: &mut S, _: &mut Request<'_>) -> Flow {
        let bytes = common::pattern(1_000_000);
        Flow::Answer(Reply::shared("x/y", bytes.into()))
    }
}

#[test]
fn a_long_answer_at_once_while_the_body_still_comes() {
    for engine in engines() {
        let server = serve(engine, kinds().middleware(Verbose));
        let mut client = Client::new(server.addr());
        for _ in 0..3 {
            client.send(head("POST /o/n/plain", "Content-Length: 300000\n"));
            let mut writer = client.stream.try_clone().unwrap();
            let body = thread::spawn(move || {
                std::io::Write::write_all(&mut writer, &[b'x'; 300_000]).unwrap();
            });
            assert_eq!(client.answer().body, common::pattern(1_000_000));
            body.join().unwrap();
            assert_eq!(client.get("/outside").status, 200);
        }
        drop(client);
        expect_clean(&server);
    }
}

/// Turns every answer into another.
struct Rewrite;

impl<S> Middleware<S> for Rewrite {
    fn after(&self, _: &mut S, request: &Request<'_>, reply: &mut Reply) {
        reply.remove_header("x-own");
        reply.add_header(
            "X-Was",
            format!("{} {}", request.path(), reply.status_code()),
        );
        reply.set_status(203);
        if let Some(body) = reply.body() {
            let loud = body.to_ascii_uppercase();
            reply.set_body([b"was: ", &*loud].concat());
        }
    }
}

async fn slow_stream(_: Context<()>) -> Reply {
    let (reply, mut body) = Reply::stream_sized("text/plain", 6);
    sws::next::go(async move {
        for piece in ["abc", "def"] {
            sleep(Duration::from_millis(1)).await;
            if body.send(piece).await.is_err() {
                return;
            }
        }
        body.finish();
    })
    .unwrap();
    reply
}

#[test]
fn everything_about_an_answer_can_be_changed() {
    for engine in engines() {
        let path = std::env::temp_dir().join(format!("sws-middleware-{}.txt", std::process::id()));
        std::fs::write(&path, "of a file").unwrap();
        let opened = path.clone();
        let file = move |_: &mut (), _: &Request<'_>, response: Response<'_>| {
            response.send(Reply::file(&opened).unwrap())
        };
        let router = kinds()
            .get("/slow-stream", slow_stream)
            .get("/file", file)
            .middleware(Rewrite);
        let server = serve(engine, router);
        let mut client = Client::new(server.addr());
        for kind in POSTS {
            let path = format!("/o/n/{kind}");
            let answer = post(&mut client, &path, "", "abc");
            assert_eq!(answer.status, 203, "{engine} {kind}");
            let text = answer.text().replace('"', "");
            assert_eq!(text, "was: :3", "{engine} {kind}");
            assert_eq!(answer.field("x-was"), Some(&*format!("{path} 200")));
            assert_eq!(answer.field("x-own"), None);
        }
        for (path, was, text) in [
            ("/o/n/empty", 204, "was: "),
            ("/o/n/rejected", 409, "was: \n"),
            ("/o/n/none", 404, "was: NOT FOUND\n"),
            ("/o/n/plain", 405, "was: METHOD NOT ALLOWED\n"),
            ("/o/n/forgotten", 500, "was: THE REQUEST WAS NOT ANSWERED\n"),
            // Their bodies are not here to be changed.
            ("/o/n/slow-stream", 200, "abcdef"),
            ("/o/n/file", 200, "of a file"),
        ] {
            let answer = client.get(path);
            assert_eq!(
                (answer.status, answer.text()),
                (203, text),
                "{engine} {path}"
            );
            assert_eq!(answer.field("x-was"), Some(&*format!("{path} {was}")));
        }
        let head = ask(&mut client, "HEAD /o/n", "");
        assert_eq!(
            (head.status, head.field("content-length")),
            (203, Some("7"))
        );
        std::fs::remove_file(path).unwrap();
    }
}

/// Panics where the request says so.
struct Fragile;

impl<S> Middleware<S> for Fragile {
    fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
        assert!(
            request.header_str("x-panic") != Some("before"),
            "on purpose"
        );
        Flow::Continue
    }

    fn after(&self, _: &mut S, request: &Request<'_>, _: &mut Reply) {
        assert!(request.header_str("x-panic") != Some("after"), "on purpose");
    }
}

#[test]
fn a_panic_costs_one_500_that_those_outside_still_see() {
    for engine in engines() {
        let router = kinds()
            .middleware(Mark("a"))
            .middleware(Fragile)
            .middleware(Mark("b"));
        let server = serve(engine, router);
        let mut other = Client::new(server.addr());
        let mut panics = 0;
        let mut expect_500 = |answer: &Answer, client: &mut Client, after: &str, what: &str| {
            assert_eq!(answer.status, 500, "{engine} {what}");
            assert_eq!(answer.field("x-after"), Some(after), "{engine} {what}");
            // As after any panic: the connection ends, in order, and all others go on.
            assert_eq!(answer.field("connection"), Some("close"), "{what}");
            client.expect_eof();
            assert_eq!(other.get("/o/n").text(), "ab:0");
            panics += 1;
        };
        for place in ["before", "after"] {
            for kind in POSTS {
                let mut client = Client::new(server.addr());
                let fields = format!("X-Panic: {place}\n");
                let answer = post(&mut client, &format!("/o/n/{kind}"), &fields, "abc");
                expect_500(&answer, &mut client, "a", &format!("{place} {kind}"));
            }
            for line in ["GET /o/n/none", "PUT /o/n/plain", "GET /o/n/ws-refused"] {
                let mut client = Client::new(server.addr());
                let fields = format!("{UPGRADE}X-Panic: {place}\n");
                let answer = ask(&mut client, line, &fields);
                expect_500(&answer, &mut client, "a", &format!("{place} {line}"));
            }
        }
        for path in ["broken", "breaks-later"] {
            let mut client = Client::new(server.addr());
            let answer = client.get(&format!("/o/n/{path}"));
            expect_500(&answer, &mut client, "ba", path);
        }
        for place in ["open", "break", "end"] {
            let mut client = Client::new(server.addr());
            let answer = post(&mut client, &format!("/o/n/sink?{place}"), "", "abc");
            expect_500(&answer, &mut client, "ba", place);
        }
        let counters = server.counters();
        assert_eq!(counters.panics, panics, "{engine}");
        drop(other);
        expect_clean(&server);
    }
}

#[test]
fn no_way_of_writing_a_path_gets_past() {
    for engine in engines() {
        // Nothing but parameters, nothing but a catch-all, and literals.
        let params = Router::new()
            .get("/{a}/{b}", plain)
            .get("/{a}", plain)
            .middleware(Gate);
        let all = Router::new().get("/{*rest}", plain).middleware(Gate);
        let literal = Router::new()
            .get("/", plain)
            .post("/x", plain)
            .get("/x/y", plain);
        let server = Server::builder()
            .config(config(engine))
            .get("/outside", plain)
            .nest("/p", params)
            .nest("/c", all)
            .nest(
                "/{tenant}/t",
                Router::new().get("/{id}", plain).middleware(Gate),
            )
            .nest("/{free}", Router::new().get("/free", plain))
            .nest("/l", literal.middleware(Gate))
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let deep = "/s".repeat(65);
        let deeper = "/s".repeat(1000);
        let encoded = "/%2e%2e/%61%00%ff%2f";
        let rests = [
            "", "/", "//", "/x", "/x/", "/x/y", "//x", "/x//y", "/%78", "/.", "/..", "/../x",
            "/x/../y", "/X", "/x;y", "/x?z", "?z", "/?/x", "/{a}", "/*", encoded, &deep, &deeper,
        ];
        let methods = [
            "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PROPFIND",
        ];
        for prefix in ["/p", "/c", "/l", "/a/t", "/%70/t"] {
            for rest in rests {
                for method in methods {
                    for authority in ["", "http://t", "HTTP://elsewhere:80"] {
                        let line = format!("{method} {authority}{prefix}{rest}");
                        let answer = ask(&mut client, &line, "");
                        assert_eq!(answer.status, 403, "{engine} {line}");
                        assert_eq!(answer.field("allow"), None, "{line}");
                    }
                }
            }
        }
        // Those are not below any of them.
        for path in [
            "/outside", "//p/x", "/P/x", "/%70/x", "/px", "/p%2fx", "/./p/x", "/l.", "/",
        ] {
            let status = client.get(path).status;
            assert_ne!(status, 403, "{engine} {path}");
        }
        for (path, status) in [
            ("/p/1", 200),
            ("/p/1/2", 200),
            ("/c/1/2/3", 200),
            ("/l", 200),
            ("/l/none", 404),
            ("/l/x", 405),
        ] {
            let answer = ask(&mut client, &format!("GET {path}"), "X-Key: right\n");
            assert_eq!(answer.status, status, "{path}");
        }
    }
}

#[test]
fn the_outermost_middleware_sees_every_request() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .get("/{a}", plain)
            .nest("/n", Router::new().get("/x", plain))
            .middleware(Gate)
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        for line in [
            "GET /",
            "GET /1",
            "HEAD /1",
            "POST /1",
            "GETT /1",
            "GET /n/x",
            "GET /n",
            "GET /n/none",
            "OPTIONS *",
            "OPTIONS http://t",
            "OPTIONS /n/x",
            "GET http://t",
            "GET http://t?x",
            "GET //",
            "TRACE /",
            "CONNECT t:80",
        ] {
            assert_eq!(ask(&mut client, line, "").status, 403, "{engine} {line}");
        }
        let all = ask(&mut client, "OPTIONS *", "X-Key: right\n");
        assert_eq!((all.status, all.field("x-gate")), (204, Some("passed")));
    }
}

#[test]
fn body_limits_are_inherited_and_replaced() {
    for engine in engines() {
        let inner = kinds().body_limit(20);
        let router = kinds()
            .nest("/more", inner)
            .nest("/same", kinds())
            .body_limit(10);
        let server = serve(engine, router);
        let with = |path: &str, kind: &str, length: usize, chunked: bool| {
            let mut client = Client::new(server.addr());
            let line = format!("POST {path}/{kind}");
            let body = "x".repeat(length);
            if chunked {
                client.send(head(&line, "Transfer-Encoding: chunked\n"));
                client.send(format!("{length:x}\r\n{body}\r\n0\r\n\r\n"));
            } else {
                client.send(head(&line, &format!("Content-Length: {length}\n")) + &body);
            }
            let answer = client.answer();
            if answer.status == 413 {
                client.expect_eof();
            }
            answer.status
        };
        for kind in POSTS {
            for chunked in [false, true] {
                for (path, limit) in [("/o/n", 10), ("/o/n/same", 10), ("/o/n/more", 20)] {
                    let what = format!("{engine} {path}/{kind} {chunked}");
                    assert_eq!(with(path, kind, limit, chunked), 200, "{what}");
                    assert_eq!(with(path, kind, limit + 1, chunked), 413, "{what}");
                }
            }
        }
        expect_clean(&server);
    }
}

/// Adds a field that cannot be sent.
struct Invalid;

impl<S> Middleware<S> for Invalid {
    fn after(&self, _: &mut S, _: &Request<'_>, reply: &mut Reply) {
        reply.add_header("X", "a\r\nSet-Cookie: b");
    }
}

#[test]
fn an_answer_that_cannot_be_sent_is_what_middleware_sees_instead() {
    fn invalid(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
        response.header("X-Bad", "a\nb").text("x")
    }
    for engine in engines() {
        let router = Router::new().get("/handler", invalid).nest(
            "/middleware",
            Router::new().get("/", plain).middleware(Invalid),
        );
        let server = serve(engine, router.middleware(Mark("a")));
        let mut client = Client::new(server.addr());
        let answer = client.get("/o/n/handler");
        assert_eq!((answer.status, answer.field("x-after")), (500, Some("a")));
        let answer = client.get("/o/n/middleware");
        assert_eq!(answer.status, 500);
        assert!(!answer.head.contains("Set-Cookie"), "{}", answer.head);
        assert_eq!(client.get("/outside").status, 200);
    }
}

#[test]
fn a_handler_that_closes_the_connection_still_does() {
    fn closes(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
        response.close().text("bye")
    }
    fn closes_empty(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
        response.close().status(204).empty()
    }
    for engine in engines() {
        let router = Router::new()
            .get("/text", closes)
            .get("/empty", closes_empty);
        let server = serve(engine, router.middleware(Mark("a")));
        for path in ["/o/n/text", "/o/n/empty"] {
            let mut client = Client::new(server.addr());
            let answer = client.get(path);
            assert_eq!(answer.field("connection"), Some("close"), "{engine} {path}");
            client.expect_eof();
        }
    }
}
