//! Checks of requests over real sockets, on both engines; `docs/features.md` lists all checks by number.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, expect_clean, start};
use std::sync::{Arc, Mutex};
use sws::{
    Answered, BodySink, BodyStream, Context, EngineKind, Flow, Reply, Request, Response, Router,
    Running, Server, middleware::Middleware,
};

const JSON: &str = "application/json";

/// Every way of taking a body, answered with the body.
fn echoes(engine: EngineKind) -> Running {
    Server::builder()
        .config(config(engine))
        .post(
            "/plain",
            |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                response.body(JSON, request.body())
            },
        )
        .post("/async", |context: Context<()>| async move {
            sws::next::yield_now().await;
            context.body().to_vec()
        })
        .post(
            "/stream",
            |_: Context<()>, mut body: BodyStream| async move {
                let mut all = Vec::new();
                while let Some(piece) = body.next().await {
                    all.extend(piece.unwrap());
                }
                all
            },
        )
        .post_stream("/sink", |_: &mut (), _: &Request<'_>| Kept(Vec::new()))
        .get("/deferred/{text}", deferred)
        .start()
        .unwrap()
}

struct Kept(Vec<u8>);

impl BodySink<()> for Kept {
    fn chunk(&mut self, _: &mut (), bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn end(self: Box<Self>, _: &mut (), response: Response<'_>) -> Answered {
        response.body(JSON, &self.0)
    }
}

fn deferred(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
    let text = request.param("text").unwrap().to_owned();
    let (responder, answered) = response.defer();
    std::thread::spawn(move || responder.send(text));
    answered
}

const ECHOES: [&str; 4] = ["/plain", "/async", "/stream", "/sink"];

/// Handlers of every kind, one after the other on one connection, cut at every byte.
#[test]
fn check_01_every_split_whoever_answers() {
    let mut requests = String::new();
    for path in ECHOES {
        requests += &format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbody");
        requests += &format!(
            "POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nch\r\n1\r\nu\r\n0\r\nT: v\r\n\r\n"
        );
    }
    requests += "GET /deferred/later HTTP/1.1\r\nHost: t\r\n\r\n";
    let expected = [
        "body", "chu", "body", "chu", "body", "chu", "body", "chu", "later",
    ];
    for engine in engines() {
        let server = echoes(engine);
        let mut client = Client::new(server.addr());
        let answers = |client: &mut Client| -> Vec<String> {
            (0..9).map(|_| client.answer().text().to_owned()).collect()
        };
        for split in 1..requests.len() {
            client.send(&requests[..split]);
            std::thread::yield_now();
            client.send(&requests[split..]);
            assert_eq!(answers(&mut client), expected, "{engine}: split at {split}");
        }
        for byte in requests.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(answers(&mut client), expected, "{engine}: byte by byte");
        drop(client);
        expect_clean(&server);
    }
}

/// RFC 9112, 2.2 lets a recipient take a bare LF for a line's end; who does so disagrees with who does not about where a message ends.
#[test]
fn check_02_line_ends_that_are_not_crlf_are_refused() {
    let cases = [
        "GET / HTTP/1.1\nHost: t\n\n",
        "GET / HTTP/1.1\nHost: t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nX: y\n\n",
        "GET / HTTP/1.1\rHost: t\r\r",
        "GET / HTTP/1.1\r\nHost: t\rX: y\r\n\r\n",
        // The end of the head is not where the first CRLF CRLF is.
        "POST /echo HTTP/1.1\nHost: t\nContent-Length: 26\n\nab\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n",
    ];
    for engine in engines() {
        let server = start(config(engine));
        for case in cases {
            let mut client = Client::new(server.addr());
            client.send(case);
            let answer = client.answer();
            assert_eq!(answer.status, 400, "{engine}: {case:?}");
            assert_eq!(answer.field("connection"), Some("close"));
            client.expect_eof();
        }
        expect_clean(&server);
    }
}

#[test]
fn check_03_pipelined_requests_in_one_segment() {
    for engine in engines() {
        let server = start(config(engine));
        for count in [2, 64] {
            let mut client = Client::new(server.addr());
            let requests: String = (0..count)
                .map(|n| format!("GET /query?{n} HTTP/1.1\r\nHost: t\r\n\r\n"))
                .collect();
            client.send(requests);
            for n in 0..count {
                assert_eq!(client.answer().text(), n.to_string(), "{engine}");
            }
            assert_eq!(client.get("/").text(), "root", "{engine}");
        }
    }
}

#[test]
fn check_04_a_post_leaves_nothing_behind_for_a_get() {
    for engine in engines() {
        let server = start(config(engine));
        let mut client = Client::new(server.addr());
        for round in 0..3 {
            client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello");
            assert_eq!(client.answer().text(), "hello", "{engine}: {round}");
            // Were the length still 5, the next request would be taken for a body.
            assert_eq!(client.get("/query?q").text(), "q", "{engine}: {round}");
            client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
            assert_eq!(client.answer().text(), "", "{engine}: {round}");
        }
    }
}

#[test]
fn check_05_lengths_that_are_none() {
    let cases: [(&str, u16); 14] = [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 5, 6\r\n", 400),
        ("Content-Length: -5\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Content-Length: 0x5\r\n", 400),
        ("Content-Length: 5 5\r\n", 400),
        ("Content-Length: \r\n", 400),
        ("Content-Length: five\r\n", 400),
        ("Content-Length: 99999999999999999999999999\r\n", 400),
        ("Content-Length: 18446744073709551616\r\n", 400),
        ("Content-Length: 18446744073709551615\r\n", 413),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
    ];
    for engine in engines() {
        let server = start(config(engine));
        for (fields, status) in cases {
            for path in ["/echo", "/count", "/nothing"] {
                let mut client = Client::new(server.addr());
                client.send(format!(
                    "POST {path} HTTP/1.1\r\nHost: t\r\n{fields}\r\nhello"
                ));
                let answer = client.answer();
                // A path that nobody serves has no limit to be beyond.
                if status == 400 || path != "/nothing" {
                    assert_eq!(answer.status, status, "{engine}: {path} {fields:?}");
                }
                assert_eq!(answer.field("connection"), Some("close"), "{fields:?}");
                client.expect_eof();
            }
        }
        // A leading zero is a digit like any other (RFC 9110, 8.6).
        let mut client = Client::new(server.addr());
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 005\r\n\r\nhello");
        assert_eq!(client.answer().text(), "hello");
        expect_clean_after(client, &server);
    }
}

fn expect_clean_after<S>(client: Client, server: &Running<S>) {
    drop(client);
    expect_clean(server);
}

#[test]
fn check_06_chunks_with_extensions_and_trailers() {
    let body = "5;name=value;other=\"quoted;\\\" text\"\r\nhello\r\n1 ; x\r\n,\r\n0000006\r\n world\r\nA\r\n0123456789\r\n0;last\r\nTrailer: one\r\nAnother: two\r\n\r\n";
    for engine in engines() {
        let server = echoes(engine);
        let mut client = Client::new(server.addr());
        for path in ECHOES {
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: Chunked\r\n\r\n{body}"
            ));
            assert_eq!(client.answer().text(), "hello, world0123456789", "{path}");
        }
        for bad in [
            "-1\r\n\r\n",
            "fffffffffffffffff\r\n",
            "1\r\nab\r\n0\r\n\r\n",
            "\r\n",
        ] {
            for path in ECHOES {
                let mut client = Client::new(server.addr());
                client.send(format!(
                    "POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n{bad}"
                ));
                assert_eq!(client.answer().status, 400, "{engine}: {path} {bad:?}");
                client.expect_eof();
            }
        }
        expect_clean_after(client, &server);
    }
}

#[test]
fn check_09_a_name_that_begins_like_host_is_another() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .get(
                "/",
                |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                    response.text(request.header("host").unwrap())
                },
            )
            .start()
            .unwrap();
        for missing in ["Hostile: evil", "Hos: t", "X-Host: t", "Host : t"] {
            let mut client = Client::new(server.addr());
            client.send(format!("GET / HTTP/1.1\r\n{missing}\r\n\r\n"));
            assert_eq!(client.answer().status, 400, "{engine}: {missing:?}");
            client.expect_eof();
        }
        let mut client = Client::new(server.addr());
        client.send("GET / HTTP/1.1\r\nHostile: evil\r\nhOsT: good\r\nHos: x\r\n\r\n");
        assert_eq!(client.answer().text(), "good");
    }
}

/// Refuses whoever has no key.
struct Key;

impl Middleware<()> for Key {
    fn before(&self, _: &mut (), request: &mut Request<'_>) -> Flow {
        match request.header("x-key") {
            Some(_) => Flow::Continue,
            None => Flow::Answer(Reply::text("no key\n").status(403)),
        }
    }
}

#[test]
fn check_27_no_path_is_too_long_for_middleware() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    for engine in engines() {
        let log = Arc::clone(&seen);
        let admin = Router::new().middleware(Key).get(
            "/{*path}",
            move |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                log.lock().unwrap().push(request.path().to_owned());
                response.text("secret")
            },
        );
        let server = Server::builder()
            .config(config(engine))
            .nest("/admin", admin)
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        for segments in [1, 16, 17, 64, 65, 66, 300, 2000] {
            let path = format!("/admin{}", "/a".repeat(segments));
            assert_eq!(client.get(&path).status, 403, "{engine}: {segments}");
            for other in ["HEAD", "POST", "OPTIONS"] {
                client.send(format!("{other} {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
                let answer = if other == "HEAD" {
                    client.answer_to_head()
                } else {
                    client.answer()
                };
                assert_eq!(answer.status, 403, "{engine}: {other} {segments}");
            }
            client.send(format!(
                "GET {path} HTTP/1.1\r\nHost: t\r\nX-Key: k\r\n\r\n"
            ));
            assert_eq!(client.answer().text(), "secret", "{engine}: {segments}");
        }
        for path in ["/admin//a", "/admin/%61", "/admin/./a", "/admin/x/../a"] {
            assert_eq!(client.get(path).status, 403, "{engine}: {path}");
        }
    }
    // Only those with a key.
    assert_eq!(seen.lock().unwrap().len(), 8 * engines().len());
}

#[test]
fn check_28_routes_with_parameters_only() {
    for engine in engines() {
        let echo = |_: &mut (), request: &Request<'_>, response: Response<'_>| {
            response.text(request.param("id").unwrap_or("none"))
        };
        let server = Server::builder()
            .config(config(engine))
            .get("/{id}", echo)
            .post("/items/{id}/parts", echo)
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/42").text(), "42");
        client.send("POST /items/7/parts HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.answer().text(), "7");
        assert_eq!(client.get("/").status, 404);
        assert_eq!(client.get("/items/7/parts").status, 405);
    }
}
