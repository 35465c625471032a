//! What each endpoint answers, over loopback, on both engines.

use std::io::Write;

use crate::support::{Server, exchange, on_both_engines};
use serde_json::{Value, json};
use sws_server::testdata::{self, Generation};

#[test]
fn baseline_sums_query_and_body() {
    on_both_engines(Generation::Ints, |server| {
        for path in ["/baseline11", "/baseline2"] {
            let reply = server.get(&format!("{path}?a=13&b=42"));
            assert_eq!((reply.status, reply.text()), (200, "55"));
            assert_eq!(reply.field("content-type"), Some("text/plain"));
            assert_eq!(server.get(path).text(), "0");
            assert_eq!(
                server.get(&format!("{path}?a=x&b=-42&c=0013&d")).text(),
                "-29"
            );
        }
        let target = "/baseline11?a=13&b=42";
        for (body, sum) in [
            ("20", "75"),
            (" 20\r\n", "75"),
            ("", "55"),
            ("x", "55"),
            ("-55", "0"),
        ] {
            let reply = server.post(target, body.as_bytes());
            assert_eq!((reply.status, reply.text()), (200, sum), "{body:?}");
            assert_eq!(reply.field("content-type"), Some("text/plain"));
        }
        assert_eq!(
            server.get("/baseline11?a=9223372036854775807&b=1").text(),
            i64::MIN.to_string()
        );
        assert_eq!(server.post(target, &vec![b' '; 2 << 20]).status, 413);
    });
}

#[test]
fn baseline_reads_chunked_and_fragmented_requests() {
    on_both_engines(Generation::Ints, |server| {
        let requests: [&[&[u8]]; 5] = [
            &[b"GET /baseli", b"ne11?a=13&b=42 HTTP/1.1\r\n", b"Host: x\r\nConnection: close\r\n\r\n"],
            &[b"GET /baseline11?a=13&b=42 HTTP/1.1\r\n", b"Host: x\r\n", b"A: b\r\n", b"Connection: close\r\n\r\n"],
            &[b"POST /baseline11?a=13&b=22 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", b"2", b"0"],
            &[b"POST /baseline11?a=13&b=22 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n20\r\n0\r\n\r\n"],
            &[b"POST /baseline11?a=13&b=22 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1", b"\r", b"\n2\r\n01;x=y\r\n0", b"\r\n0\r\n\r", b"\n"],
        ];
        for parts in requests {
            let answer = exchange(server, parts);
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\n55"), "{answer}");
        }
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    on_both_engines(Generation::Ints, |server| {
        let mut requests = Vec::new();
        for i in 0..16 {
            write!(requests, "GET /pipeline HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            write!(
                requests,
                "GET /baseline11?a={i} HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            .unwrap();
        }
        requests.extend(b"GET /json/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(server, &[&requests]);
        let bodies: Vec<&str> = answer
            .split("HTTP/1.1 200 OK\r\n")
            .skip(1)
            .map(|answer| answer.split_once("\r\n\r\n").unwrap().1)
            .collect();
        assert_eq!(bodies.len(), 33);
        for i in 0..16 {
            assert_eq!(bodies[2 * i], "ok");
            assert_eq!(bodies[2 * i + 1], i.to_string());
        }
        assert!(bodies[32].ends_with(r#""count":1}"#));
        assert_eq!(
            server.get("/pipeline").field("content-type"),
            Some("text/plain")
        );
    });
}

/// Checks an answer against the dataset's text; totals must match exactly.
fn check_list(answer: &Value, source: &str, count: usize, factor: i64) {
    let source: Vec<Value> = serde_json::from_str(source).unwrap();
    assert_eq!(answer["count"], json!(count));
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items.len(), count);
    for (item, original) in items.iter().zip(&source) {
        let mut item = item.clone();
        let total = item.as_object_mut().unwrap().remove("total").unwrap();
        assert_eq!(&item, original);
        let quantity = original["quantity"].as_i64().unwrap();
        match original["price"].as_i64() {
            Some(price) => assert_eq!(total, json!(price * quantity * factor)),
            None => {
                let exact = original["price"].as_f64().unwrap() * (quantity * factor) as f64;
                let total = total.as_f64().unwrap();
                assert!((total - exact).abs() < 0.006, "{total} for {exact}");
                assert!(
                    total
                        .to_string()
                        .split('.')
                        .nth(1)
                        .is_none_or(|cents| cents.len() <= 2)
                );
            }
        }
    }
}

#[test]
fn json_lists_the_items_of_both_generations() {
    for generation in [Generation::Floats, Generation::Ints] {
        let source = testdata::dataset(generation, 50);
        on_both_engines(generation, |server| {
            check_list(&server.get("/json").json(), &source, 50, 1);
            for (count, factor) in [
                (1, 3),
                (5, 7),
                (10, 2),
                (15, 5),
                (25, 4),
                (40, 8),
                (50, 6),
                (3, -2),
            ] {
                let reply = server.get(&format!("/json/{count}?m={factor}"));
                check_list(&reply.json(), &source, count, factor);
                assert_eq!(reply.field("content-encoding"), None);
                assert_eq!(reply.field("vary"), Some("Accept-Encoding"));
            }
        });
    }
}

#[test]
fn json_clamps_counts_and_refuses_nonsense() {
    let source = testdata::dataset(Generation::Ints, 50);
    on_both_engines(Generation::Ints, |server| {
        for (target, count, factor) in [
            ("/json/50", 50, 1),
            ("/json/51", 50, 1),
            ("/json/9223372036854775807", 50, 1),
            ("/json/0", 0, 1),
            ("/json/-7", 0, 1),
            ("/json/007?m=%32", 7, 2),
            ("/json/2?x=9&m=4&m=5", 2, 4),
        ] {
            check_list(&server.get(target).json(), &source, count, factor);
        }
        for target in [
            "/json/x",
            "/json/1.5",
            "/json/5?m=x",
            "/json/5?m=",
            "/json/5?m=1.5",
            "/json/5?m=9223372036854775807",
            "/json/5?m=99999999999999999999",
        ] {
            assert_eq!(server.get(target).status, 400, "{target}");
        }
        assert_eq!(server.get("/json/1/2").status, 404);
    });
}

#[test]
fn db_lists_the_rows_in_range() {
    on_both_engines(Generation::Floats, |server| {
        let answer = server.get("/db?min=20&max=22.25").json();
        let items = [20, 21, 22].map(|i| {
            json!({
                "id": i, "name": format!("Item {i}"), "category": "tools", "price": f64::from(i) + 0.25,
                "quantity": i, "active": i % 2 == 1, "tags": ["new", format!("tag {i}")],
                "rating": {"score": 3.5, "count": i}})
        });
        assert_eq!(answer, json!({"count": 3, "items": items}));
        let by_default = server.get("/db").json();
        assert_eq!(by_default["count"], 40);
        assert_eq!(by_default["items"][0]["id"], 10);
        assert_eq!(server.get("/db?min=1&max=300").json()["count"], 50);
        assert_eq!(
            server.get("/db?min=9999&max=9999").text(),
            r#"{"items":[],"count":0}"#
        );
        assert_eq!(server.get("/db?min=low").status, 400);
        assert_eq!(server.get("/db?max=").status, 400);
    });
}

#[test]
fn head_answers_the_fields_of_get() {
    on_both_engines(Generation::Ints, |server| {
        for target in [
            "/baseline11?a=1",
            "/pipeline",
            "/json",
            "/json/7?m=2",
            "/compression",
            "/db",
        ] {
            let get = server.get(target);
            let head = server.request("HEAD", target, &[], None);
            assert_eq!((get.status, head.status), (200, 200));
            assert!(head.body.is_empty());
            for name in ["content-type", "content-length", "vary"] {
                let trimmed =
                    |reply: &crate::support::Reply| reply.field(name).map(|v| v.trim().to_owned());
                assert_eq!(trimmed(&head), trimmed(&get), "{target}: {name}");
            }
        }
    });
}

#[test]
fn unknown_paths_and_methods_are_refused() {
    on_both_engines(Generation::Ints, |server| {
        for target in [
            "/",
            "/this/path/does/not/exist",
            "/json/",
            "/baseline",
            "/debug/counters",
        ] {
            assert_eq!(server.get(target).status, 404, "{target}");
        }
        for (method, target) in [
            ("PUT", "/baseline11"),
            ("GETT", "/baseline11?a=1&b=1"),
            ("POST", "/pipeline"),
            ("DELETE", "/json/5"),
            ("GET", "/upload"),
        ] {
            let reply = server.request(method, target, &[], None);
            assert_eq!(reply.status, 405, "{method} {target}");
            assert!(reply.field("allow").is_some(), "{method} {target}");
        }
    });
}

#[test]
fn noise_is_refused_and_survived() {
    on_both_engines(Generation::Ints, |server: &Server| {
        let noises: [&[u8]; 6] = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"GET /pipeline\0 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /pipeline HTTP/1.1\rHost: x\r\n\r\n",
            b"GET /pipeline HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
            b"GET /pipeline HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
            b"POST /baseline11 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        ];
        for noise in noises {
            let answer = exchange(server, &[noise]);
            assert!(
                answer.starts_with("HTTP/1.1 4"),
                "{:?}: {answer}",
                noise.escape_ascii().to_string()
            );
        }
        // A body that never comes: the peer gives up, the server goes on.
        let mut quitter = server.connect();
        quitter
            .write_all(b"POST /baseline11 HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n")
            .unwrap();
        drop(quitter);
        assert_eq!(server.get("/baseline11?a=400&b=321").text(), "721");
    });
}
