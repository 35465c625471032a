//! Messages and what comes back: each echo is the oldest message that waits for one, and nothing else is.

use super::{BINARY, PING, PONG, TEXT, accepting, answering, frame, invalid, upgrade, valid};
use crate::{server::Server, tool::number};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

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
