//! Which requests middleware sees: those below its router, however their paths are written.

use crate::{
    Gate, POSTS, ask,
    common::{Client, config, engines, expect_clean},
    head, kinds, plain, serve,
};
use sws::{Router, Server};

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
