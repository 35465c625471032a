//! `--ws` against an echo server of other people's, and against servers that are wrong in one way each.

use crate::{
    server::{Connection, Server},
    tool::{Output, json, json_once, number, run},
};
use serde_json::Value;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
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

#[test]
fn wrong_payloads() {
    let says = "another body than expected";
    for wrong in ["hellO", "hell", "hello!", ""] {
        let server = answering(move |_, _| frame(TEXT, wrong.as_bytes()));
        let report = invalid(&server, &["-p", "3"], says);
        assert_eq!(report["status"]["2xx"], 0);
        assert_eq!(report["counts"]["bad_body"], report["responses"]);
        assert!(number(&report["responses"]) > 0);
        let one = &report["mismatches"][0];
        assert_eq!(
            (&one["kind"], &one["expected"], &one["got"]),
            (&"echo".into(), &"hello".into(), &wrong.into())
        );
        assert_eq!(
            number(&one["offset"]),
            wrong.len().min(if wrong == "hello!" { 5 } else { 4 }) as u64
        );
    }
}

#[test]
fn text_echoed_as_binary() {
    let server = answering(|_, payload| frame(BINARY, payload));
    let report = invalid(&server, &[], "text messages were echoed as binary ones");
    assert_eq!(report["status"]["2xx"], 0);
    assert!(number(&report["errors_detail"]["wrong_opcode"]) > 0);
    assert_eq!(report["mismatches"][0]["got"], "a binary message");
}

#[test]
fn missing_echoes() {
    let dropping = || {
        answering(|number, payload| match number % 5 {
            0 => Vec::new(),
            _ => frame(TEXT, payload),
        })
    };
    // One after the other is missing, until nothing is in flight that will be answered.
    let report = invalid(
        &dropping(),
        &["-p", "4", "--timeout", "100ms"],
        "were stuck for 100ms",
    );
    assert!(number(&report["errors_detail"]["stuck"]) > 0, "{report:#}");
    assert!(
        number(&report["counts"]["whole_run"]["lost"]) > 0,
        "{report:#}"
    );
    // Messages that differ show the gap at once.
    let varying = ["-p", "4", "--timeout", "100ms", "--ws-msg", "{SEQ:1000}"];
    let report = invalid(&dropping(), &varying, "another body than expected");
    assert!(
        number(&report["errors_detail"]["out_of_order"]) > 0,
        "{report:#}"
    );
}

#[test]
fn echoes_out_of_order() {
    let server = Server::start(|connection| {
        upgrade(connection)?;
        loop {
            let (first, second) = (connection.frame()?.1, connection.frame()?.1);
            connection.write(&[frame(TEXT, &second), frame(TEXT, &first)].concat())?;
        }
    });
    // Equal messages have no order.
    valid(&server, &["-p", "2"]);
    let varying = ["-p", "2", "--ws-msg", "number {SEQ:100000}"];
    let report = invalid(&server, &varying, "echoes were out of order");
    assert_eq!(report["status"]["2xx"], 0, "{report:#}");
    assert!(number(&report["errors_detail"]["out_of_order"]) > 0);
    let one = &report["mismatches"][0];
    // Which connection was first is the machine's affair.
    assert!((8..13).contains(&number(&one["offset"])), "{one:#}");
    assert!(one["expected"].as_str().unwrap().starts_with("number 10"));
}

#[test]
fn echoes_that_nobody_asked_for() {
    let server = answering(|_, payload| frame(TEXT, payload).repeat(2));
    let report = invalid(&server, &[], "unsolicited answers");
    assert!(number(&report["errors_detail"]["unsolicited"]) > 0);
    assert!(number(&report["status"]["2xx"]) <= number(&report["requests"]) + 2);
}

#[test]
fn connections_that_end_in_the_middle() {
    let early = |ending: &'static [u8]| {
        Server::start(move |connection| {
            upgrade(connection)?;
            for _ in 0..3 {
                let (_, payload) = connection.frame()?;
                connection.write(&frame(TEXT, &payload))?;
            }
            connection.frame()?;
            connection.write(ending)
        })
    };
    let report = invalid(&early(b""), &[], "were lost with their connection");
    assert!(number(&report["reconnects"]) > 0, "{report:#}");
    assert!(number(&report["errors"]["read"]) > 0, "{report:#}");
    assert!(number(&report["status"]["2xx"]) > 0, "{report:#}");
    let report = invalid(&early(b"\x88\x02\x03\xe9"), &[], "close frames (code 1001 ");
    assert!(number(&report["errors_detail"]["close_frames"]["code 1001"]) > 0);
    assert!(number(&report["counts"]["whole_run"]["lost"]) > 0);
    invalid(&early(b"\x88\x00"), &[], "close frames (without a code ");
    // Within the head of a frame, and within its payload.
    for part in [&b"\x81"[..], b"\x81\x05hel"] {
        let report = invalid(
            &early(part),
            &[],
            "cut short by the end of their connection",
        );
        assert!(
            number(&report["counts"]["whole_run"]["lost"]) > 0,
            "{report:#}"
        );
    }
}

#[test]
fn frames_that_no_server_may_send() {
    for (bytes, name) in [
        (&b"\x81\x85\0\0\0\0hello"[..], "frame of a server masked"),
        (b"\xc1\x05hello", "reserved bit set"),
        (b"\x83\x05hello", "reserved opcode"),
        (b"\x81\x7e\x00\x05hello", "length not in its shortest form"),
        (b"\x81\x02\xff\xff", "text is not UTF-8"),
    ] {
        let server = answering(move |_, _| bytes.to_vec());
        let report = invalid(&server, &[], name);
        assert!(
            number(&report["errors_detail"]["bad_frames"][name]) > 0,
            "{report:#}"
        );
        assert!(number(&report["errors"]["read"]) > 0);
        assert_eq!(report["responses"], 0);
    }
}

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

#[test]
fn pings_are_answered() {
    let pongs = Arc::new(AtomicUsize::new(0));
    let seen = pongs.clone();
    let server = Server::start(move |connection| {
        upgrade(connection)?;
        let mut beats = 0_u32;
        let mut unanswered = 0;
        loop {
            let (first, payload) = connection.frame()?;
            if first == PONG {
                assert_eq!(payload, beats.to_be_bytes());
                unanswered = 0;
                seen.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            if unanswered == 0 {
                beats += 1;
                unanswered = 1;
                // Behind the echo, so that messages and a pong are due at once.
                let both = [frame(TEXT, &payload), frame(PING, &beats.to_be_bytes())];
                connection.write(&both.concat())?;
            } else {
                connection.write(&frame(TEXT, &payload))?;
            }
        }
    });
    for arguments in [
        &["-p", "1"][..],
        &["-p", "8"],
        &["-p", "8", "--ws-msg", "{SEQ:100000}"],
    ] {
        let before = pongs.load(Ordering::Relaxed);
        valid(&server, arguments);
        assert!(pongs.load(Ordering::Relaxed) > before);
    }
}

#[test]
fn a_limit_of_messages_per_connection() {
    let counts = Arc::new(AtomicUsize::new(0));
    let seen = counts.clone();
    let server = Server::start(move |connection| {
        upgrade(connection)?;
        let mut messages = 0;
        while let Ok((_, payload)) = connection.frame() {
            messages += 1;
            seen.fetch_max(messages, Ordering::Relaxed);
            connection.write(&frame(TEXT, &payload))?;
        }
        Ok(())
    });
    let report = valid(&server, &["-r", "5", "-p", "2"]);
    assert!(number(&report["reconnects"]) > 0, "{report:#}");
    assert!(number(&report["ws_upgrades"]) > number(&report["reconnects"]));
    assert_eq!(counts.load(Ordering::Relaxed), 5);
}

#[test]
fn answers_in_pieces_and_messages_in_fragments() {
    let server = Server::start(|connection| {
        let request = connection.request()?;
        for byte in accepting(&request).as_bytes() {
            connection.write(&[*byte])?;
        }
        loop {
            let (_, payload) = connection.frame()?;
            let (one, two) = payload.split_at(payload.len() / 2);
            connection.write_pieces(&[&frame(0x01, one), &frame(0x00, b""), &frame(0x80, two)])?;
        }
    });
    valid(&server, &["-p", "2"]);
}

#[test]
fn messages_that_the_socket_takes_in_part() {
    let server = Server::with_small_window(|connection| {
        upgrade(connection)?;
        loop {
            let (_, payload) = connection.frame()?;
            connection.write(&frame(TEXT, &payload))?;
        }
    });
    let long = "y".repeat(100_000) + "{SEQ:1000}";
    valid(
        &server,
        &[
            "-c",
            "1",
            "-p",
            "2",
            "--ws-msg",
            &long,
            "--send-buf",
            "4096",
        ],
    );
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
