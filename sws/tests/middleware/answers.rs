//! What middleware may do to answers, and answers that go wrong.

use crate::{
    Mark, POSTS, UPGRADE, ask,
    common::{Answer, Client, engines, expect_clean},
    kinds, plain, post, serve,
};
use std::time::Duration;
use sws::{
    Answered, Context, Flow, Reply, Request, Response, Router, middleware::Middleware, time::sleep,
};

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
