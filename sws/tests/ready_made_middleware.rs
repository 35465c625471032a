//! The ready-made middleware over real sockets, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Answer, Client, config, engines, expect_clean};
use flate2::read::GzDecoder;
use std::{
    io::{self, BufRead, BufReader, Read},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use sws::{
    Answered, Config, Context, Reply, Request, Response, Router, Server,
    middleware::{
        BasicAuth, Compression, Cors, LogFormat, RateLimit, RequestLog, User, same_secret,
    },
    time::sleep,
    ws::{Message, Socket},
};

const PAGE: &str = "https://app.example";

fn who(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
    let user = request.extension::<User>().map_or("nobody", User::name);
    response.text(user)
}

fn broken(_: &mut (), _: &Request<'_>, _: Response<'_>) -> Answered {
    panic!("on purpose")
}

fn text() -> String {
    (0..1000).map(|n| format!("line {n}\n")).collect()
}

fn long(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    response.header("ETag", "\"1\"").text(text())
}

async fn long_later(_: Context<()>) -> String {
    sleep(Duration::from_millis(1)).await;
    text()
}

fn echo(_: &mut (), socket: &mut Socket<'_>, message: Message<'_>) {
    socket.send(message);
}

fn ask(client: &mut Client, line: &str, fields: &str) -> Answer {
    let fields = fields.replace('\n', "\r\n");
    client.send(format!("{line} HTTP/1.1\r\nHost: t\r\n{fields}\r\n"));
    if line.starts_with("HEAD ") {
        client.answer_to_head()
    } else {
        client.answer()
    }
}

#[test]
fn pages_can_read_every_answer_and_preflights_need_no_password() {
    for engine in engines() {
        let guarded = Router::new()
            .get("/who", who)
            .get("/broken", broken)
            .middleware(BasicAuth::new("admin", |user, password| {
                same_secret(user, "me") & same_secret(password, "secret")
            }));
        let server = Server::builder()
            .config(config(engine))
            .nest("/admin", guarded)
            .middleware(Cors::origins([PAGE]).credentials().expose(["X-Total"]))
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let origin = format!("Origin: {PAGE}\n");
        let preflight = format!(
            "{origin}Access-Control-Request-Method: PUT\nAccess-Control-Request-Headers: authorization\n"
        );
        for path in ["/admin/who", "/admin/none", "/none", "*"] {
            let answer = ask(&mut client, &format!("OPTIONS {path}"), &preflight);
            assert_eq!(answer.status, 204, "{engine} {path}");
            assert_eq!(answer.field("access-control-allow-origin"), Some(PAGE));
            assert_eq!(
                answer.field("access-control-allow-headers"),
                Some("authorization")
            );
            assert_eq!(answer.field("allow"), None);
        }
        // me:secret
        let password = format!("{origin}Authorization: Basic bWU6c2VjcmV0\n");
        for (line, fields, status) in [
            ("GET /admin/who", &password, 200),
            ("GET /admin/who", &origin, 401),
            ("GET /admin/none", &origin, 401),
            ("PUT /admin/who", &origin, 401),
            ("OPTIONS /admin/who", &origin, 401),
            ("GET /admin/none", &password, 404),
            ("PUT /admin/who", &password, 405),
            ("GET /none", &origin, 404),
            ("GET /admin/broken", &password, 500),
        ] {
            let answer = ask(&mut client, line, fields);
            assert_eq!(answer.status, status, "{engine} {line}");
            assert_eq!(
                answer.field("access-control-allow-origin"),
                Some(PAGE),
                "{line}"
            );
            assert_eq!(
                answer.field("access-control-allow-credentials"),
                Some("true")
            );
            assert_eq!(
                answer.field("access-control-expose-headers"),
                Some("X-Total")
            );
            assert_eq!(answer.field("vary"), Some("Origin"), "{line}");
            let challenge = "Basic realm=\"admin\", charset=\"UTF-8\"";
            let expected = (status == 401).then_some(challenge);
            assert_eq!(answer.field("www-authenticate"), expected, "{line}");
            if status == 200 {
                assert_eq!(answer.text(), "me");
            }
        }
        let mut client = Client::new(server.addr());
        let other = ask(&mut client, "GET /none", "Origin: https://else.example\n");
        assert_eq!(other.field("access-control-allow-origin"), None);
        assert_eq!(other.field("vary"), Some("Origin"));
    }
}

#[test]
fn what_is_compressed_arrives_whole() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .get("/now", long)
            .get("/later", long_later)
            .get("/short", who)
            .middleware(Compression::new())
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let gzip = "Accept-Encoding: gzip, br\n";
        for path in ["/now", "/later"] {
            let line = format!("GET {path}");
            let plain = ask(&mut client, &line, "");
            assert_eq!(
                (plain.text(), plain.field("content-encoding")),
                (&*text(), None)
            );
            let packed = ask(&mut client, &line, gzip);
            assert_eq!(
                packed.field("content-encoding"),
                Some("gzip"),
                "{engine} {path}"
            );
            assert!(packed.body.len() < plain.body.len() / 2);
            let unpacked = io::read_to_string(GzDecoder::new(&*packed.body)).unwrap();
            assert!(unpacked == text(), "{engine} {path}");
            for answer in [&plain, &packed] {
                assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
            }
            let head = ask(&mut client, &format!("HEAD {path}"), gzip);
            let without_date = |answer: &Answer| {
                let lines = answer
                    .head
                    .lines()
                    .filter(|line| !line.starts_with("Date: "));
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(
                without_date(&head),
                without_date(&packed),
                "{engine} {path}"
            );
        }
        assert_eq!(
            ask(&mut client, "GET /now", gzip).field("etag"),
            Some("W/\"1\"")
        );
        let short = ask(&mut client, "GET /short", gzip);
        assert_eq!((short.text(), short.field("vary")), ("nobody", None));
    }
}

#[test]
fn reactors_share_the_limit() {
    for engine in engines() {
        let limited = Router::new()
            .get("/", who)
            .middleware(RateLimit::per_minute(1).burst(20));
        let server = Server::builder()
            .config(Config {
                reactors: NonZeroUsize::new(2),
                ..config(engine)
            })
            .nest("/limited", limited)
            .get("/free", who)
            .start()
            .unwrap();
        let mut statuses = Vec::new();
        for n in 0..30 {
            // Who writes this itself gets nothing by it.
            let fields = format!("X-Forwarded-For: 10.0.0.{n}\n");
            let mut client = Client::new(server.addr());
            let answer = ask(&mut client, "GET /limited", &fields);
            if answer.status == 429 {
                let seconds: u64 = answer.field("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&seconds), "{seconds}");
            }
            statuses.push(answer.status);
            assert_eq!(client.get("/free").status, 200);
        }
        let expected: Vec<u16> = (0..30).map(|n| if n < 20 { 200 } else { 429 }).collect();
        assert_eq!(statuses, expected, "{engine}");
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

fn wait_for(lines: &Lines, count: usize) -> Vec<String> {
    for _ in 0..4000 {
        if lines.lock().unwrap().len() >= count {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    std::mem::take(&mut lines.lock().unwrap())
}

async fn never(_: Context<()>) -> Reply {
    std::future::pending().await
}

#[test]
fn every_request_has_its_line() {
    for engine in engines() {
        let lines = Lines::default();
        let kept = Arc::clone(&lines);
        let log = RequestLog::each(move |record| {
            assert!(record.peer.is_some_and(|peer| peer.ip().is_loopback()));
            let dash = || "-".to_owned();
            let status = record.status.map_or_else(dash, |s| s.to_string());
            let bytes = record.body_bytes.map_or_else(dash, |b| b.to_string());
            let line = format!("{} {} {status} {bytes}", record.method, record.path);
            kept.lock().unwrap().push(line);
        });
        let server = Server::builder()
            .config(config(engine))
            .get("/", who)
            .get("/long", long)
            .get("/later", long_later)
            .get("/broken", broken)
            .get("/never", never)
            .post("/", who)
            .ws("/ws", |_: &mut (), _: &Request<'_>| echo)
            .middleware(log)
            .middleware(Compression::new())
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let packed = ask(&mut client, "GET /long", "Accept-Encoding: gzip\n")
            .body
            .len();
        for line in [
            "GET /?q",
            "HEAD /",
            "GET /later",
            "PUT /",
            "GET /none",
            "OPTIONS *",
            "GET /broken",
        ] {
            ask(&mut client, line, "");
        }
        let expected = [
            &*format!("GET /long 200 {packed}"),
            "GET / 200 6",
            "HEAD / 200 0",
            &format!("GET /later 200 {}", text().len()),
            "PUT / 405 19",
            "GET /none 404 10",
            "OPTIONS * 204 0",
            "GET /broken 500 19",
        ];
        assert_eq!(wait_for(&lines, expected.len()), expected, "{engine}");
        // What middleware sees no answer of.
        client = Client::new(server.addr());
        client.send("GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(Client::new(server.addr()).get("/").status, 200);
        assert_eq!(wait_for(&lines, 1), ["GET / 200 6"]);
        client = Client::new(server.addr());
        assert_eq!(wait_for(&lines, 1), ["GET /never - -"], "{engine}");
        client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");
        assert_eq!(client.answer().status, 400);
        assert_eq!(wait_for(&lines, 1), ["POST / - -"], "{engine}");
        client = Client::new(server.addr());
        let upgrade = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";
        assert_eq!(ask(&mut client, "GET /ws", upgrade).status, 101);
        assert_eq!(wait_for(&lines, 1), ["GET /ws - -"], "{engine}");
        assert_eq!(
            ask(&mut Client::new(server.addr()), "GET /ws", "").status,
            426
        );
        drop(client);
        expect_clean(&server);
        assert_eq!(wait_for(&lines, 1).len(), 1);
    }
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    const REQUESTS: usize = 6000;
    for engine in engines() {
        let (reader, sink) = io::pipe().unwrap();
        let server = Server::builder()
            .config(config(engine))
            .get("/{name}", who)
            .middleware(RequestLog::to(sink).format(LogFormat::Json))
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        // More than the pipe and the memory for lines hold together.
        let path = format!("/{}", "x".repeat(300));
        for n in 0..REQUESTS {
            assert_eq!(client.get(&path).status, 200, "{engine} {n}");
        }
        drop(client);
        let reading = thread::spawn(move || {
            let (mut lines, mut dropped) = (0, 0);
            for line in BufReader::new(reader).lines() {
                let line = line.unwrap();
                if let Some(rest) = line.strip_prefix("sws: ") {
                    let count = rest.split(' ').next().unwrap();
                    dropped += count.parse::<usize>().unwrap();
                } else {
                    assert!(
                        line.starts_with("{\"time\":\"") && line.ends_with('}'),
                        "{line}"
                    );
                    lines += 1;
                }
            }
            (lines, dropped)
        });
        // The end of the server is the end of the log, which writes what it has.
        server.stop().unwrap();
        let (lines, dropped) = reading.join().unwrap();
        assert_eq!(lines + dropped, REQUESTS, "{engine}");
        assert!(
            lines > 1000 && dropped > 100,
            "{engine}: {lines}, {dropped}"
        );
    }
}

#[test]
fn standard_error_is_where_lines_go_by_default() {
    // Once more as a process of its own, whose standard error can be read.
    const CHILD: &str = "SWS_TEST_LOG_TO_STDERR";
    if std::env::var_os(CHILD).is_some() {
        let engine = sws::EngineKind::Auto;
        let server = Server::builder()
            .config(config(engine))
            .get("/{name}", who)
            .middleware(RequestLog::new().without_query())
            .start()
            .unwrap();
        assert_eq!(
            Client::new(server.addr()).get("/who?secret").text(),
            "nobody"
        );
        server.stop().unwrap();
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "standard_error_is_where_lines_go_by_default",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let mut text = String::new();
    (&*output.stderr).read_to_string(&mut text).unwrap();
    assert!(output.status.success(), "{text}");
    let line = text
        .lines()
        .find(|line| line.contains(" GET /who "))
        .unwrap();
    assert!(
        line.contains(" 127.0.0.1:") && line.contains(" 200 6 "),
        "{line}"
    );
    assert!(!text.contains("secret"), "{text}");
}
