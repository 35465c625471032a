//! Checks of answers over real sockets, on both engines; `docs/features.md` lists all checks by number.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Answer, Client, config, engines, expect_clean, pattern};
use sws::{Answered, Config, Context, EngineKind, Reply, Request, Response, Running, Server};

const JSON: &str = "application/json";

#[test]
fn check_08_a_field_cannot_break_the_head() {
    let injections = [
        "a\r\nInjected: yes",
        "a\nInjected: yes",
        "a\rInjected",
        "a\0b",
    ];
    for engine in engines() {
        for value in injections {
            let server = Server::builder()
                .config(config(engine))
                .get(
                    "/response",
                    move |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                        response.header("X-User", value).text("body")
                    },
                )
                .get("/reply", move |_: Context<()>| async move {
                    Reply::text("body").header("X-User", value)
                })
                .get(
                    "/name",
                    move |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                        response.header(value, "x").text("body")
                    },
                )
                .get(
                    "/type",
                    move |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                        response.body(value, "body")
                    },
                )
                .get("/replys-type", move |_: Context<()>| async move {
                    Reply::bytes(value, "body")
                })
                .start()
                .unwrap();
            let mut client = Client::new(server.addr());
            for path in ["/response", "/reply", "/name", "/type", "/replys-type"] {
                let answer = client.get(path);
                assert_eq!(answer.status, 500, "{engine}: {path} {value:?}");
                assert!(!answer.head.contains("Injected"), "{}", answer.head);
            }
        }
    }
}

#[test]
fn check_29_statuses_without_a_body() {
    type Give = fn(u16, Response<'_>) -> Answered;
    let ways: [(&str, Give); 5] = [
        ("text", |status, r| r.status(status).text("body!")),
        ("json", |status, r| r.status(status).json(&[1, 2])),
        ("write", |status, r| {
            r.status(status).write(JSON, |out| {
                out.extend(b"hello");
                Ok(())
            })
        }),
        ("reply", |status, r| {
            r.send(Reply::text("body!").status(status))
        }),
        ("stream", |status, r| {
            let (reply, mut sender) = Reply::stream(JSON);
            sender.try_send("body!").unwrap();
            sender.finish();
            r.send(reply.status(status))
        }),
    ];
    for engine in engines() {
        for (name, give) in ways {
            let server = Server::builder()
                .config(config(engine))
                .get(
                    "/{status}",
                    move |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                        give(request.param_as("status").unwrap(), response)
                    },
                )
                .start()
                .unwrap();
            let mut client = Client::new(server.addr());
            for status in [200, 201, 204, 205, 304, 404] {
                let what = format!("{engine}: {name} {status}");
                let answer = client.get(&format!("/{status}"));
                assert_eq!(answer.status, status, "{what}");
                let length = answer.field("content-length");
                match status {
                    204 | 304 => assert_eq!(length, None, "{what}"),
                    205 => assert_eq!(length, Some("0"), "{what}"),
                    _ => assert_eq!(answer.body.len(), 5, "{what}: {}", answer.head),
                }
                if matches!(status, 204 | 205 | 304) {
                    assert_eq!(answer.field("transfer-encoding"), None, "{what}");
                    assert_eq!(answer.field("content-type"), None, "{what}");
                }
                client.send(format!("HEAD /{status} HTTP/1.1\r\nHost: t\r\n\r\n"));
                let head = client.answer_to_head();
                assert_eq!(head.status, status, "{what}");
                for field in ["content-length", "content-type", "transfer-encoding"] {
                    assert_eq!(head.field(field), answer.field(field), "{what}: {field}");
                }
            }
            drop(client);
            expect_clean(&server);
        }
    }
}

/// Around the size at which an answer no longer shares memory with others, and far above what is sent at once.
#[test]
fn check_30_answers_of_64_kb_and_of_10_mb() {
    let kb64 = 64 * 1024;
    let sizes = [0, 1, kb64 - 1, kb64, kb64 + 1, 10 << 20];
    let dir = std::env::temp_dir().join(format!("sws-check-30-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for size in sizes {
        std::fs::write(dir.join(size.to_string()), pattern(size)).unwrap();
    }
    for engine in engines() {
        let server = sized(engine, dir.clone());
        let mut client = Client::new(server.addr());
        for way in [
            "body", "write", "bytes", "shared", "file", "sized", "stream",
        ] {
            for size in sizes {
                let answer = client.get(&format!("/{way}/{size}"));
                assert!(answer.status == 200, "{engine}: {way} {size}");
                assert!(answer.body == pattern(size), "{engine}: {way} {size}");
                let head = answer_to_head(&mut client, way, size);
                let lengths = (head.field("content-length"), way);
                let length = size.to_string();
                match lengths {
                    (None, "stream") => {}
                    (found, _) => assert_eq!(found, Some(&*length), "{engine}: {way}"),
                }
            }
        }
        drop(client);
        expect_clean(&server);
    }
    std::fs::remove_dir_all(dir).unwrap();
}

fn answer_to_head(client: &mut Client, way: &str, size: usize) -> Answer {
    client.send(format!("HEAD /{way}/{size} HTTP/1.1\r\nHost: t\r\n\r\n"));
    client.answer_to_head()
}

/// Bodies of every size in every way.
fn sized(engine: EngineKind, dir: std::path::PathBuf) -> Running {
    let size = |request: &Request<'_>| request.param_as::<usize>("n").unwrap();
    let of = |context: &Context<()>| context.param_as::<usize>("n").unwrap();
    Server::builder()
        .config(Config {
            output_high_water_bytes: 100_000,
            ..config(engine)
        })
        .get(
            "/body/{n}",
            move |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                response.body(JSON, pattern(size(request)))
            },
        )
        .get(
            "/write/{n}",
            move |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                response.write(JSON, |out| {
                    out.extend(&pattern(size(request)));
                    Ok(())
                })
            },
        )
        .get("/bytes/{n}", move |context: Context<()>| async move {
            Reply::bytes(JSON, pattern(of(&context)))
        })
        .get("/shared/{n}", move |context: Context<()>| async move {
            Reply::shared(JSON, pattern(of(&context)).into())
        })
        .get("/file/{n}", move |context: Context<()>| {
            let file = dir.join(context.param("n").unwrap());
            async move { Reply::file(file).unwrap() }
        })
        .get("/sized/{n}", move |context: Context<()>| async move {
            let body = pattern(of(&context));
            let (reply, sender) = Reply::stream_sized(JSON, body.len() as u64);
            produce(sender, body);
            reply
        })
        .get("/stream/{n}", move |context: Context<()>| async move {
            let (reply, sender) = Reply::stream(JSON);
            produce(sender, pattern(of(&context)));
            reply
        })
        .start()
        .unwrap()
}

fn produce(mut sender: sws::BodySender, body: Vec<u8>) {
    let task = sws::next::go(async move {
        for piece in body.chunks(10_000) {
            // Whoever asked with HEAD wants none of it.
            if sender.send(piece).await.is_err() {
                return;
            }
        }
        sender.finish();
    });
    drop(task.unwrap());
}
