//! What handlers are given and what their errors become, over real sockets, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Answer, Client, config, engines, eventually, expect_clean};
use serde::{Deserialize, Serialize};
use sws::{
    Answered, Config, Context, Json, Rejection, Reply, Request, Response, Router, Server, next,
};

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Item {
    name: String,
    count: u32,
}

#[derive(Deserialize)]
struct Page {
    from: u32,
    word: String,
}

/// The same questions to a request, whoever asks.
macro_rules! describe {
    ($request:expr) => {{
        let request = $request;
        let page: Page = request.query_as()?;
        let headers = request.headers().count();
        format!(
            "{} {} {:?} {} {} {} {:?} {headers} {}",
            request.method().as_str(),
            request.path(),
            request.param("id"),
            request.param_decoded("id").unwrap(),
            page.from,
            page.word,
            request.header_str("X-Custom"),
            request.body().len(),
        )
    }};
}

fn plain(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
    assert!(request.peer().unwrap().ip().is_loopback());
    Ok(response.text(describe!(request)))
}

async fn waiting(context: Context<()>) -> Result<String, Rejection> {
    next::yield_now().await;
    assert!(context.peer().unwrap().ip().is_loopback());
    Ok(describe!(&context))
}

fn json(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
    let mut item: Item = request.json()?;
    item.count += 1;
    Ok(response.json(&item))
}

async fn json_waiting(context: Context<()>) -> Result<Json<Item>, Rejection> {
    next::yield_now().await;
    let mut item: Item = context.json()?;
    item.count += 1;
    Ok(Json(item))
}

fn form(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
    let item: Item = request.form()?;
    Ok(response.json(&item))
}

#[test]
fn a_request_has_what_was_sent() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .put("/plain/{id}", plain)
            .put("/waiting/{id}", waiting)
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        for kind in ["plain", "waiting"] {
            client.send(format!(
                "PUT /{kind}/a%2Fb%20c?from=7&word=x%20y+z HTTP/1.1\r\nHost: t\r\nx-custom:  v w \r\nContent-Length: 3\r\n\r\nabc"
            ));
            assert_eq!(
                client.answer().text(),
                format!(
                    "PUT /{kind}/a%2Fb%20c Some(\"a%2Fb%20c\") a/b c 7 x y z Some(\"v w\") 3 3"
                ),
                "{engine}"
            );
            client.send(format!(
                "PUT /{kind}/a?from=seven HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"
            ));
            assert_eq!(client.answer().status, 400, "{engine}");
        }
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn json_and_forms_are_decoded_or_refused() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .post("/json", json)
            .post("/waiting", json_waiting)
            .post("/form", form)
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let mut post = |path: &str, content_type: &str, body: &str| -> Answer {
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: t\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ));
            client.answer()
        };
        let item = r#"{"name":"n","count":1}"#;
        for path in ["/json", "/waiting"] {
            let answer = post(path, "application/json; charset=utf-8", item);
            assert_eq!(answer.text(), r#"{"name":"n","count":2}"#, "{engine}");
            assert_eq!(answer.field("content-type"), Some("application/json"));
            assert_eq!(post(path, "text/plain", item).status, 415, "{engine}");
            assert_eq!(post(path, "application/json", "{").status, 400);
            assert_eq!(post(path, "application/json", "{}").status, 400);
        }
        let (ours, theirs) = ("application/x-www-form-urlencoded", "multipart/form-data");
        let answer = post("/form", ours, "count=3&name=a+b%26c");
        assert_eq!(answer.text(), r#"{"name":"a b&c","count":3}"#, "{engine}");
        assert_eq!(post("/form", theirs, "count=3&name=a").status, 415);
        assert_eq!(post("/form", ours, "count=x&name=a").status, 400);
    }
}

#[derive(Debug)]
struct NoMoney;

impl From<NoMoney> for Rejection {
    fn from(_: NoMoney) -> Self {
        Self::new(402, "no money")
    }
}

fn buy(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Result<Answered, NoMoney> {
    // What has been set is not kept.
    let _ = response.status(201).header("X-Bought", "yes");
    Err(NoMoney)
}

/// An error has a status of its own, and says no more than it was meant to.
#[test]
fn errors_are_answers() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .get("/buy", buy)
            .get(
                "/internal",
                |_: &mut (), _: &Request<'_>, _: Response<'_>| -> Result<Answered, Rejection> {
                    Err(Rejection::internal("the password is swordfish"))
                },
            )
            .get("/missing", |_: Context<()>| async { None::<Reply> })
            .get("/nothing", |_: Context<()>| async {})
            .get("/created", |_: Context<()>| async { (201, Json([1, 2])) })
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let answer = client.get("/buy");
        assert_eq!((answer.status, answer.text()), (402, "no money\n"));
        assert_eq!(answer.field("x-bought"), None, "{engine}");
        let answer = client.get("/internal");
        assert_eq!(answer.status, 500);
        assert!(!answer.text().contains("swordfish"), "{engine}");
        assert_eq!(client.get("/missing").status, 404);
        assert_eq!(client.get("/nothing").status, 204);
        let answer = client.get("/created");
        assert_eq!((answer.status, answer.text()), (201, "[1,2]"));
    }
}

fn named(name: &'static str) -> impl sws::Handler<()> {
    move |_: &mut (), request: &Request<'_>, response: Response<'_>| {
        let param = request.param("p").unwrap_or("-");
        response.text(format!("{name} {param}"))
    }
}

#[test]
fn the_most_literal_route_wins_whatever_the_order() {
    for engine in engines() {
        let deep = Router::new()
            .get("/{*p}", named("all"))
            .get("/", named("root"))
            .get("/b/{p}", named("parameter"))
            .get("/b/c", named("literal"));
        let server = Server::builder()
            .config(config(engine))
            .nest("/a", deep)
            .get("/static", named("static"))
            .delete("/static", named("deleted"))
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        for (path, text) in [
            ("/a", "root -"),
            ("/a/x", "all x"),
            ("/a/b/c", "literal -"),
            ("/a/b/d", "parameter d"),
            ("/a/b/d/e", "all b/d/e"),
            ("/a/b%2fd", "all b%2fd"),
            ("/static", "static -"),
        ] {
            assert_eq!(client.get(path).text(), text, "{engine}: {path}");
        }
        // Compared as sent: a slash more, another case, or an escape makes another path.
        for path in [
            "/static/",
            "/Static",
            "/%73tatic",
            "//static",
            "/a/../static",
        ] {
            let answer = client.get(path);
            assert!(
                answer.status == 404 || answer.text().starts_with("all "),
                "{engine}: {path}"
            );
        }
        client.send("DELETE /static HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer().text(), "deleted -");
        client.send("POST /static HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.field("allow")),
            (405, Some("GET, HEAD, DELETE, OPTIONS"))
        );
    }
}

/// Two routes for the same paths are a mistake that is found at the start, not in production.
#[test]
fn routes_that_conflict_are_refused() {
    let conflicts: [(&str, &str); 3] = [("/a", "/a"), ("/{x}", "/{y}"), ("/a/{*x}", "/a/{*y}")];
    for (one, other) in conflicts {
        let error = Server::builder()
            .config(config(sws::EngineKind::Epoll))
            .get(one, named("one"))
            .get(other, named("other"))
            .start()
            .unwrap_err();
        assert!(error.to_string().contains(other), "{error}");
    }
}

/// Blocks for large bodies: all in use, the next is refused and told so; afterwards all are back.
#[test]
fn large_bodies_are_refused_when_all_blocks_are_in_use() {
    const BLOCKS: usize = 4;
    const SIZE: usize = 300_000;
    for engine in engines() {
        let server = Server::builder()
            .config(Config {
                large_blocks: BLOCKS as u32,
                ..config(engine)
            })
            .post(
                "/plain",
                |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                    response.body("x/y", request.body())
                },
            )
            .post("/async", |context: Context<()>| async move {
                next::yield_now().await;
                context.body().to_vec()
            })
            .start()
            .unwrap();
        let used = |count: usize| {
            eventually(&server, "blocks", |c| c.large_blocks_used == count as u64);
        };
        let post = |path: &str, length: usize| {
            format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n")
        };
        let body = common::pattern(SIZE);
        for path in ["/plain", "/async"] {
            let mut slow: Vec<Client> = (0..BLOCKS).map(|_| Client::new(server.addr())).collect();
            for client in &mut slow {
                client.send(post(path, SIZE));
                client.send(&body[..1000]);
            }
            used(BLOCKS);
            // A small body needs none; a large one is refused before all of it has come, chunked or not.
            let mut client = Client::new(server.addr());
            client.send(post(path, 32 * 1024));
            client.send(&body[..32 * 1024]);
            assert!(client.answer().body == body[..32 * 1024], "{engine}");
            client.send(post(path, SIZE));
            let answer = client.answer();
            assert_eq!(
                (answer.status, answer.field("connection")),
                (503, Some("close")),
                "{engine}"
            );
            client.expect_eof();
            let mut client = Client::new(server.addr());
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n"
            ));
            client.send(&body[..40_000]);
            assert_eq!(client.answer().status, 503, "{engine}");
            client.expect_eof();
            // One goes without finishing, the others finish.
            drop(slow.pop());
            used(BLOCKS - 1);
            for client in &mut slow {
                client.send(&body[1000..]);
                assert!(client.answer().body == body, "{engine}: {path}");
            }
            used(0);
            let mut client = Client::new(server.addr());
            client.send(post(path, SIZE));
            client.send(&body);
            assert!(client.answer().body == body, "{engine}: {path}");
        }
        used(0);
    }
}
