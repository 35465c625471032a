//! A server without its files starts, says what is missing and answers.

use std::fs;

use crate::support::{ENGINES, Server};

#[test]
fn everything_may_be_missing() {
    let empty = tempfile::tempdir().unwrap();
    for engine in ENGINES {
        let server = Server::start(engine, empty.path(), &[]);
        assert_eq!(server.get("/baseline11?a=1&b=2").text(), "3");
        assert_eq!(server.post("/upload", b"four").text(), "4");
        for (target, file) in [
            ("/json", "dataset.json"),
            ("/json/5?m=2", "dataset.json"),
            ("/compression", "dataset-large.json"),
        ] {
            let reply = server.get(target);
            assert_eq!(reply.status, 500, "{target}");
            assert!(reply.text().contains(file), "{target}: {}", reply.text());
        }
        assert_eq!(
            server.get("/db?min=1&max=9").json().to_string(),
            r#"{"count":0,"items":[]}"#
        );

        for (file, endpoint) in [
            ("dataset.json", "/json"),
            ("dataset-large.json", "/compression"),
            ("benchmark.db", "/db"),
        ] {
            let path = empty.path().join(file).display().to_string();
            let lines: Vec<String> = server
                .log()
                .into_iter()
                .filter(|line| line.contains(&path))
                .collect();
            assert_eq!(lines.len(), 1, "{:#?}", server.log());
            assert!(lines[0].contains(endpoint), "{}", lines[0]);
        }
        assert!(server.stop().success());
    }
}

#[test]
fn malformed_files_are_named_with_the_place() {
    let data = tempfile::tempdir().unwrap();
    fs::write(
        data.path().join("dataset.json"),
        "[\n{\"id\": 1,\n\"name\": 7}]",
    )
    .unwrap();
    fs::write(data.path().join("dataset-large.json"), "").unwrap();
    fs::write(
        data.path().join("benchmark.db"),
        "not a database ".repeat(1000),
    )
    .unwrap();
    let server = Server::start("epoll", data.path(), &[]);
    assert_eq!(server.get("/json").status, 500);
    assert_eq!(server.get("/compression").status, 500);
    assert_eq!(server.get("/db").json()["count"], 0);
    let log = server.log().join("\n");
    for part in [
        "dataset.json",
        "line 3 column 9",
        "dataset-large.json",
        "benchmark.db",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn a_broken_row_is_a_500_and_is_logged() {
    let data = tempfile::tempdir().unwrap();
    rusqlite::Connection::open(data.path().join("benchmark.db"))
        .unwrap()
        .execute_batch(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, category TEXT, price REAL,
                quantity INTEGER, active INTEGER, tags TEXT, rating_score REAL, rating_count INTEGER);
             INSERT INTO items VALUES (1, 'n', 'c', 11, 1, 1, '[]', 1, 1), (2, 'n', 'c', 12, 1, 1, '[', 1, 1);",
        )
        .unwrap();
    let server = Server::start("epoll", data.path(), &[]);
    assert_eq!(server.get("/db?max=11").json()["count"], 1);
    let reply = server.get("/db");
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("items"));
    server.await_log("item 2: tags");
    assert_eq!(server.get("/pipeline").text(), "ok");
}
