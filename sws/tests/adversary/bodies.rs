//! Bodies that nobody finishes.

use crate::common::{Client, config, engines, expect_clean};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use sws::{
    Answered, BodySink, BodyStream, Config, Context, Reply, Request, Response, Server,
    middleware::Middleware, time::sleep,
};

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
