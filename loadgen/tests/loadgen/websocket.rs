//! `--ws` against an echo server of other people's, and against servers that are wrong in one way each.

mod echoes;
mod handshakes;

use crate::{
    server::{Connection, Server},
    tool::{Output, json, json_once, number, run},
};
use serde_json::Value;
use std::io;
use tungstenite::handshake::derive_accept_key;

/// A final text frame, as its first byte says.
pub(crate) const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// The right answer to an opening handshake.
fn accepting(request: &[u8]) -> String {
    let request = String::from_utf8_lossy(request);
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    )
}

pub(crate) fn upgrade(connection: &mut Connection) -> io::Result<()> {
    let request = connection.request()?;
    connection.write(accepting(&request).as_bytes())
}

/// A server's frame: no mask.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(short as u8),
        long => {
            bytes.push(127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// Upgrades, then answers each message with what `answer` makes of it and its number.
fn answering(answer: impl Fn(usize, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Server {
    Server::start(move |connection| {
        upgrade(connection)?;
        for number in 1.. {
            let (_, payload) = connection.frame()?;
            connection.write(&answer(number, &payload))?;
        }
        Ok(())
    })
}

pub(crate) fn echoing() -> Server {
    answering(|_, payload| frame(TEXT, payload))
}

fn measure(server: &Server, extra: &[&str]) -> (Value, Output) {
    measured_by(json_once, server, extra)
}

fn measured_by(
    run: impl Fn(&[&str]) -> (Value, Output),
    server: &Server,
    extra: &[&str],
) -> (Value, Output) {
    let url = format!("{}ws", server.url());
    run(&[&[url.as_str(), "--ws", "-c", "2", "-d", "300ms"], extra].concat())
}

fn valid(server: &Server, extra: &[&str]) -> Value {
    let (report, output) = measured_by(json, server, extra);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["verdict"]["valid"], true, "{report:#}");
    assert_eq!(report["status"]["2xx"], report["responses"]);
    assert_eq!(report["ws_frames"], report["responses"]);
    assert_eq!(report["errors"]["read"], 0);
    assert!(number(&report["responses"]) > 0, "{report:#}");
    report
}

/// A run that must fail, with a note that says `note`.
fn invalid(server: &Server, extra: &[&str], note: &str) -> Value {
    let (report, output) = measure(server, extra);
    assert_eq!(output.code, Some(1), "{report:#}");
    let notes = report["verdict"]["notes"].to_string();
    assert!(notes.contains(note), "{note}: {report:#}");
    report
}

#[test]
fn an_echo_server_of_a_library() {
    let server = Server::start(|connection| {
        let stream = connection.stream().try_clone()?;
        let Ok(mut socket) = tungstenite::accept(stream) else {
            return Ok(());
        };
        while let Ok(message) = socket.read() {
            if !message.is_close() && socket.send(message).is_err() {
                break;
            }
        }
        Ok(())
    });
    for depth in ["1", "16"] {
        let report = valid(&server, &["-c", "3", "-p", depth]);
        assert_eq!(report["mode"], "websocket");
        assert_eq!(report["ws_upgrades"], 3);
        assert_eq!(report["reconnects"], 0);
    }
    let long = "x".repeat(70_000);
    valid(&server, &["-p", "4", "--ws-msg", &long]);
    valid(&server, &["--ws-msg", ""]);
    valid(
        &server,
        &["-p", "16", "--ws-msg", "grüße {SEQ:1000} {RAND:1:99}"],
    );
}

/// The shapes that both generations of the arena's scripts look for.
#[test]
fn the_text_has_the_lines_that_the_arena_parses() {
    let server = echoing();
    let url = format!("{}ws", server.url());
    let Output { stdout, code, .. } = run(&[&url, "--ws", "-c", "2", "-d", "300ms", "-p", "16"]);
    assert_eq!(code, Some(0), "{stdout}");
    let digits_before = |label: &str| {
        let before = &stdout[..stdout.find(label).unwrap()];
        let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap();
        digits.parse::<u64>().unwrap()
    };
    let after = |label: &str| {
        let rest = stdout[stdout.find(label).unwrap() + label.len()..].trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse::<u64>().unwrap()
    };
    let echoes = digits_before(" responses");
    assert!(echoes > 0, "{stdout}");
    assert_eq!(after("2xx="), echoes, "{stdout}");
    assert_eq!(after("WS frames: "), echoes);
    assert_eq!(after("WS upgrades: "), 2);
    assert_eq!(after("Reconnects: "), 0);
    assert!(stdout.contains(" requests in 0.30s, "), "{stdout}");
    let first = &stdout[..stdout.find("Thread Stats").unwrap()];
    for word in [
        "Latency",
        "requests in",
        "responses",
        "2xx=",
        "WS frames",
        "frames received",
    ] {
        assert!(!first.contains(word), "{word}: {first}");
    }
}

#[test]
fn the_handshake_and_the_frames_are_those_of_the_arena() {
    let server = Server::start(|connection| {
        upgrade(connection)?;
        loop {
            for _ in 0..16 {
                let bytes = connection.raw_frame()?;
                assert_eq!(bytes, b"\x81\x85\x12\x34\x56\x78\x7a\x51\x3a\x14\x7d");
            }
            assert!(connection.is_empty(), "more than sixteen in flight");
            connection.write(&frame(TEXT, b"hello").repeat(16))?;
        }
    });
    let report = valid(&server, &["-p", "16", "--seed", "3"]);
    assert!(number(&report["responses"]) >= 32, "{report:#}");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let text = String::from_utf8(requests[0].clone()).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "GET /ws HTTP/1.1");
    assert_eq!(lines[1], format!("Host: {}", server.address()));
    let mut fields = lines[2..lines.len() - 2].to_vec();
    fields.sort_unstable();
    let key = fields[1];
    assert_eq!(fields[0], "Connection: Upgrade");
    assert!(
        key.starts_with("Sec-WebSocket-Key: ") && key.len() == 19 + 24,
        "{key}"
    );
    assert_eq!(
        fields[2..],
        ["Sec-WebSocket-Version: 13", "Upgrade: websocket"]
    );

    // The key follows from the seed.
    valid(&server, &["-p", "16", "--seed", "3"]);
    assert_eq!(server.requests()[2], requests[0]);
    valid(&server, &["-p", "16", "--seed", "4"]);
    assert_ne!(server.requests()[4], requests[0]);
}
