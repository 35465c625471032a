//! How connections become WebSockets, or do not.

use super::{TEXT, accepting, frame, invalid, measure, valid};
use crate::{
    server::Server,
    tool::{number, run},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

#[test]
fn handshakes_that_are_answered_wrongly() {
    type Answer = fn(&str) -> String;
    let cases: [(Answer, &str); 6] = [
        (
            |_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into(),
            "handshake refused with status 200",
        ),
        (
            |_| "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
            "handshake refused with status 404",
        ),
        (
            |right| right.replace("Accept: ", "Accept: x"),
            "wrong Sec-WebSocket-Accept",
        ),
        (
            |right| right.replace("Upgrade: websocket\r\n", ""),
            "101 without an upgrade to websocket",
        ),
        (
            |right| right.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n"),
            "extension that was not offered",
        ),
        (
            |_| "\x01\x02\x03\x04 no HTTP\r\n\r\n".into(),
            "malformed answer to the handshake",
        ),
    ];
    for (answer, name) in cases {
        let server = Server::start(move |connection| {
            let request = connection.request()?;
            connection.write(answer(&accepting(&request)).as_bytes())?;
            connection.wait_for_end()
        });
        let report = invalid(&server, &[], name);
        assert!(
            number(&report["errors_detail"]["upgrades_rejected"][name]) > 0,
            "{report:#}"
        );
        assert!(number(&report["errors"]["read"]) > 0);
        assert_eq!(report["requests"], 0, "{name}");
        assert_eq!(
            (&report["ws_upgrades"], &report["status"]["2xx"]),
            (&0.into(), &0.into())
        );
        assert_eq!(report["errors_detail"]["never_connected"], 2);
        // A server that answers nothing else is left alone between the attempts.
        assert!(server.connections() < 50, "{name}");
    }
}

#[test]
fn fields_of_the_command_line_are_in_the_handshake_and_passwords_not_in_the_result() {
    let server = Server::start(|connection| {
        let request = connection.request()?;
        let head = String::from_utf8(request.clone()).unwrap();
        let has = |line: &str| head.contains(&format!("\r\n{line}\r\n"));
        let answer = accepting(&request);
        if has("Authorization: Basic dTpwdw==") && has("Host: elsewhere") && has("Cookie: c=1") {
            let chosen = "Sec-WebSocket-Protocol: b\r\n\r\n";
            connection.write(answer.trim_end().as_bytes())?;
            connection.write(format!("\r\n{chosen}").as_bytes())?;
        }
        loop {
            let (_, payload) = connection.frame()?;
            connection.write(&frame(TEXT, &payload))?;
        }
    });
    let fields = ["-H", "Host: elsewhere", "-H", "Cookie: c=1", "-a", "u:pw"];
    let protocols = ["-H", "Sec-WebSocket-Protocol: a, b"];
    let report = valid(&server, &[&fields[..], &protocols].concat());
    let argv = report["argv"].to_string();
    assert!(
        argv.contains("u:***") && argv.contains("Cookie: ***"),
        "{argv}"
    );
    assert!(!argv.contains("pw") && !argv.contains("c=1"), "{argv}");

    for (args, part) in [
        (["-H", "Upgrade: x"], "has its own"),
        (["-H", "X: {UUID}"], "placeholders"),
        (["-m", "PUT"], "--ws"),
    ] {
        let output = run(&[&[server.url().as_str(), "--ws"], &args[..]].concat());
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
    let url = server.url();
    let output = run(&[&url, "--ws-mode", "push", "-m", "PUT"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("--method"), "{}", output.stderr);
}

#[test]
fn handshakes_that_are_not_answered() {
    let server = Server::start(|connection| connection.request().map(drop));
    let (report, output) = measure(&server, &[]);
    assert_eq!(output.code, Some(5), "{report:#}");
    assert!(
        number(&report["errors_detail"]["upgrades_cut"]) > 0,
        "{report:#}"
    );
    let notes = report["verdict"]["notes"].to_string();
    assert!(
        notes.contains("ended before their upgrade was answered"),
        "{notes}"
    );

    let silent = Server::start(|connection| {
        connection.request()?;
        connection.wait_for_end()
    });
    let (report, output) = measure(&silent, &["--timeout", "100ms"]);
    assert_eq!(output.code, Some(5), "{report:#}");
    assert!(number(&report["errors_detail"]["stuck"]) > 0, "{report:#}");
}

/// As the arena counts: nothing of the handshake is among requests and answers.
#[test]
fn a_refused_upgrade_is_no_answer_and_does_not_stop_the_others() {
    let first = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |connection| {
        let request = connection.request()?;
        if first.fetch_add(1, Ordering::Relaxed) == 0 {
            return connection.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        }
        connection.write(accepting(&request).as_bytes())?;
        loop {
            let (_, payload) = connection.frame()?;
            connection.write(&frame(TEXT, &payload))?;
        }
    });
    let report = invalid(
        &server,
        &[],
        "1 upgrades to WebSocket failed (handshake refused with status 503 1)",
    );
    assert_eq!(report["status"]["2xx"], report["responses"]);
    assert_eq!(report["status"]["5xx"], 0);
    assert_eq!(report["ws_upgrades"], 2);
    assert_eq!(report["errors_detail"]["never_connected"], 0);
}
