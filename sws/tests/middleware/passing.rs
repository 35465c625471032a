//! What a request passes on its way to its handler, and when it does not get there.

use crate::{
    Gate, Mark, POSTS, ask,
    common::{Answer, Client, engines, expect_clean, pattern},
    handshake, head, kinds, post, serve,
};
use std::thread;
use sws::{Flow, Reply, Request, Router, middleware::Middleware};

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
        let bytes = pattern(1_000_000);
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
            assert_eq!(client.answer().body, pattern(1_000_000));
            body.join().unwrap();
            assert_eq!(client.get("/outside").status, 200);
        }
        drop(client);
        expect_clean(&server);
    }
}
