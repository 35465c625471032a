//! Examples of requests and answers.

use crate::{
    common::{Answer, Client},
    process::{Example, with_body},
};
use std::{thread, time::Duration};

const JSON: &str = "application/json";

#[test]
fn hello() {
    let example = Example::start("hello");
    assert!(
        example
            .get("/")
            .text()
            .starts_with("Hello, world! You are visitor 1")
    );
    let mut client = example.client();
    assert!(
        client
            .get("/hello/you")
            .text()
            .starts_with("Hello, you! You are visitor ")
    );
    assert!(
        client
            .get("/later/you")
            .text()
            .starts_with("Hello at last, you! ")
    );
    assert_eq!(client.get("/hello").status, 404);
    drop(client);
    example.stop();
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[test]
fn rest_makes_reads_changes_and_deletes() {
    let example = Example::start("rest");
    let mut client = example.client();
    assert_eq!(client.get("/notes").text(), "[]");
    let made = with_body(&mut client, "POST /notes", JSON, br#"{"text": "buy milk"}"#);
    assert_eq!(
        (made.status, made.field("Location")),
        (201, Some("/notes/1"))
    );
    let note = r#"{"id":1,"text":"buy milk","done":false}"#;
    assert_eq!(made.text(), note);
    // Whatever connection asks: there is one state.
    assert_eq!(example.get("/notes/1").text(), note);
    let done = br#"{"text": "buy milk", "done": true}"#;
    let changed = with_body(&mut client, "PUT /notes/1", JSON, done);
    assert_eq!(changed.text(), r#"{"id":1,"text":"buy milk","done":true}"#);
    assert_eq!(client.get("/notes?done=false").text(), "[]");
    assert_eq!(
        client.get("/notes?done=true").text(),
        format!("[{}]", changed.text())
    );
    client.send("DELETE /notes/1 HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(client.answer().status, 204);
    assert_eq!(client.get("/notes/1").status, 404);
    drop(client);
    example.stop();
}

#[test]
fn rest_says_what_is_wrong() {
    let example = Example::start("rest");
    let mut client = example.client();
    let mut post = |content_type, body: &str| {
        with_body(&mut client, "POST /notes", content_type, body.as_bytes())
    };
    let long = format!(r#"{{"text": "{}"}}"#, "x".repeat(201));
    let refused = [
        post(JSON, r#"{"text": ""}"#),
        post(JSON, &long),
        post(JSON, r#"{"text": 1}"#),
        post(JSON, r#"{"text": "x", "colour": "red"}"#),
        post("text/plain", "x"),
    ];
    assert_eq!(statuses(&refused), [422, 422, 400, 400, 415]);
    assert!(
        refused[1].text().contains("201 characters"),
        "{:?}",
        refused[1]
    );
    assert!(refused[3].text().contains("colour"), "{:?}", refused[3]);
    let missing = with_body(&mut client, "PUT /notes/5", JSON, br#"{"text": "x"}"#);
    let refused = [
        client.get("/notes/one"),
        client.get("/notes?done=perhaps"),
        missing,
    ];
    assert_eq!(statuses(&refused), [400, 400, 404]);
    client.send("PATCH /notes/1 HTTP/1.1\r\nHost: t\r\n\r\n");
    let refused = client.answer();
    assert_eq!(refused.status, 405);
    assert_eq!(
        refused.field("Allow"),
        Some("GET, HEAD, PUT, DELETE, OPTIONS")
    );
    assert_eq!(client.get("/notes").text(), "[]");
    let refused = with_body(&mut client, "POST /notes", JSON, &[b' '; 4097]);
    assert_eq!(refused.status, 413);
    drop(client);
    example.stop();
}

/// By the definition, for short texts.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn upload() {
    // A published value, so that both sides cannot share a mistake.
    assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    let example = Example::start("upload");
    let mut client = example.client();
    let body: Vec<u8> = (0..300_000u32).map(|n| (n / 7) as u8).collect();
    let expected = |body: &[u8]| {
        let (bytes, hash) = (body.len(), fnv1a(body));
        format!(r#"{{"bytes":{bytes},"fnv1a":"{hash:016x}"}}"#)
    };
    for line in ["PUT /sum", "POST /sum", "PUT /slowly", "POST /slowly"] {
        let answer = with_body(&mut client, line, "x/y", &body);
        assert_eq!(
            (answer.status, answer.text()),
            (200, &*expected(&body)),
            "{line}"
        );
    }
    // Longer than anything is that is taken whole.
    let body = vec![7; 20_000_000];
    let answer = with_body(&mut client, "PUT /sum", "x/y", &body);
    assert_eq!(answer.text(), expected(&body));
    client.send("PUT /slowly HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), expected(b"foobar"));
    drop(client);
    example.stop();
}

#[test]
fn deferred() {
    let example = Example::start("deferred");
    let mut client = example.client();
    // OEIS A006880.
    for (below, count) in [(10, 4), (1000, 168), (1_000_000, 78_498)] {
        let answer = client.get(&format!("/primes/{below}"));
        assert_eq!(
            answer.text(),
            format!(r#"{{"below":{below},"count":{count}}}"#)
        );
    }
    assert_eq!(client.get("/primes/20000001").status, 400);
    assert_eq!(client.get("/primes/many").status, 400);
    let mut clients: Vec<Client> = (0..10).map(|_| example.client()).collect();
    for client in &mut clients {
        client.send("GET /tickets HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    let answers = clients.iter_mut().map(Client::answer);
    let mut tickets: Vec<String> = answers.map(|answer| answer.text().to_owned()).collect();
    tickets.sort_by_key(|ticket| ticket.len());
    tickets[..9].sort();
    let expected: Vec<String> = (1..=10).map(|n| format!("ticket {n}\n")).collect();
    assert_eq!(tickets, expected);
    drop(clients);
    drop(client);
    example.stop();
}

#[test]
fn gpu() {
    let example = Example::start("gpu");
    let mut clients: Vec<Client> = (0..10).map(|_| example.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET /infer/{n} HTTP/1.1\r\nHost: t\r\n\r\n"));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let expected = format!(r#"{{"input":{n},"output":{}}}"#, n * n);
        assert_eq!(client.answer().text(), expected);
    }
    let device = example.get("/device");
    let at_most = device.text().strip_prefix("0 in flight, ").unwrap();
    let at_most: usize = at_most.strip_suffix(" at most\n").unwrap().parse().unwrap();
    // One worker that waited for each kernel would have one.
    assert!((2..=10).contains(&at_most), "{at_most}");
    assert_eq!(example.get("/infer/many").status, 400);
    drop(clients);
    example.stop();
}

#[test]
fn shutdown() {
    let example = Example::start("shutdown");
    let mut slow = example.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut other = example.client();
    // Whether the slow request has been read cannot be seen from here; within a second it has.
    thread::sleep(Duration::from_millis(200));
    other.send("POST /stop HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
    let stopping = other.answer();
    assert_eq!((stopping.status, stopping.text()), (200, "stopping\n"));
    let done = slow.answer();
    assert_eq!((done.status, done.text()), (200, "done\n"));
    assert_eq!(done.field("Connection"), Some("close"));
    slow.expect_eof();
    drop((slow, other));
    let (status, printed) = example.wait();
    assert!(status.success(), "{status}");
    assert_eq!(printed, "stopped after 2 requests\n");
}

#[test]
fn a_signal_stops_as_well() {
    Example::start("shutdown").stop();
}
