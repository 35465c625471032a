//! The end of a connection: RFC 6455 sections 7 and 8, and what has to end it.

use super::AREAS;
use super::frame::{BINARY, CONTINUATION, Draft, PING, TEXT};
use super::socket::Socket;
use crate::check::Check;
use crate::check::fault::Verdict;
use crate::check::target::Target;

const PROTOCOL_ERROR: u16 = 1002;
const INVALID_TEXT: u16 = 1007;

pub(in crate::check) const CHECKS: &[Check] = &[
    Check::new("echo-ws/close-echo", AREAS, close_echo),
    Check::new("echo-ws/close-after-echoes", AREAS, close_after_echoes),
    Check::new(
        "echo-ws/close-between-fragments",
        AREAS,
        close_between_fragments,
    ),
    Check::new("echo-ws/unmasked", AREAS, unmasked),
    Check::new("echo-ws/invalid-text", AREAS, invalid_text),
    Check::new("echo-ws/valid-text", AREAS, valid_text),
    Check::new("echo-ws/invalid-frames", AREAS, invalid_frames),
    Check::new("echo-ws/invalid-close", AREAS, invalid_close),
    Check::new("echo-ws/still-there", AREAS, still_there),
];

/// The same code comes back, and the server ends the connection.
fn close_echo(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/close-echo");
    let closes = [
        (
            Some(1000),
            "a close frame 1000",
            Draft::close(1000, b"done"),
        ),
        (Some(1001), "a close frame 1001", Draft::close(1001, b"")),
        (
            Some(3999),
            "a close frame 3999",
            Draft::close(3999, "grüße".as_bytes()),
        ),
        (
            None,
            "an empty close frame",
            Draft::new(super::frame::CLOSE, ""),
        ),
    ];
    for (code, what, frame) in closes {
        let mut socket = Socket::open(target, &mut rng)?;
        socket.send("text frame `last`", &[Draft::text("last")])?;
        socket.expect_echo(TEXT, b"last", "the payload is echoed wrongly")?;
        socket.send(what, &[frame])?;
        socket.expect_close(code, what)?;
        socket.expect_end()?;
    }
    Ok(())
}

/// What was sent before the close is echoed before it; what comes after it is
/// no message any more.
fn close_after_echoes(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/close-after-echoes");
    let mut socket = Socket::open(target, &mut rng)?;
    let texts = ["one", "two", "three", "four", "five"];
    let mut frames: Vec<Draft> = texts.iter().map(|text| Draft::text(text)).collect();
    frames.push(Draft::close(1000, b""));
    frames.push(Draft::text("too late"));
    socket.send(
        "five text frames, a close and another text in one write",
        &frames,
    )?;
    for text in texts {
        let says = "a message before the close is echoed wrongly";
        socket.expect_echo(TEXT, text.as_bytes(), says)?;
    }
    socket.expect_close(Some(1000), "a close behind five messages")?;
    socket.expect_end()
}

fn close_between_fragments(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/close-between-fragments");
    let mut socket = Socket::open(target, &mut rng)?;
    let frames = [
        Draft::text("half of ").unfinished(),
        Draft::close(1000, b""),
    ];
    socket.send("half a message and a close", &frames)?;
    socket.expect_close(Some(1000), "a close within a fragmented message")?;
    socket.expect_end()
}

/// Sends what must end the connection with `code`, on a connection of its own,
/// after a message that shows that it was fine until then.
fn refuse(target: &Target<'_>, code: u16, what: &str, frames: &[Draft]) -> Verdict {
    let mut rng = target.rng(what);
    let mut socket = Socket::open(target, &mut rng)?;
    socket.send("text frame `fine`", &[Draft::text("fine")])?;
    socket.expect_echo(TEXT, b"fine", "the payload is echoed wrongly")?;
    socket.send(what, frames)?;
    socket.expect_close(Some(code), what)?;
    socket.answer_close(code);
    socket.expect_end()
}

/// RFC 6455 5.1.
fn unmasked(target: &Target<'_>) -> Verdict {
    let text = Draft::text("bare").unmasked();
    refuse(target, PROTOCOL_ERROR, "an unmasked text frame", &[text])?;
    let empty = Draft::text("").unmasked();
    refuse(target, PROTOCOL_ERROR, "an unmasked empty frame", &[empty])?;
    let ping = Draft::new(PING, "bare").unmasked();
    refuse(target, PROTOCOL_ERROR, "an unmasked ping", &[ping])
}

/// RFC 6455 8.1.
fn invalid_text(target: &Target<'_>) -> Verdict {
    let cases: [(&str, &[u8]); 6] = [
        ("a text message with the byte ff", b"fine \xff fine"),
        ("a text message with an overlong form", b"\xc0\xaf"),
        ("a text message with a surrogate", b"\xed\xa0\x80"),
        ("a text message beyond U+10FFFF", b"\xf4\x90\x80\x80"),
        (
            "a text message that ends within a character",
            b"fine \xe4\xb8",
        ),
        ("a text message with a lone continuation byte", b"\x80"),
    ];
    for (what, payload) in cases {
        refuse(target, INVALID_TEXT, what, &[Draft::new(TEXT, payload)])?;
    }
    let parts = [
        Draft::new(TEXT, b"\xe4\xb8").unfinished(),
        Draft::new(CONTINUATION, b"\xff"),
    ];
    let what = "a text message whose second fragment breaks a character";
    refuse(target, INVALID_TEXT, what, &parts)
}

/// Characters at the borders of UTF-8, cut at every byte; and bytes that are no
/// text in a binary message.
fn valid_text(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/valid-text");
    let mut socket = Socket::open(target, &mut rng)?;
    let text = "\0\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10000}\u{10ffff}";
    let bytes = text.as_bytes();
    let says = "a valid text message is echoed wrongly";
    socket.send("characters at the borders of UTF-8", &[Draft::text(text)])?;
    socket.expect_echo(TEXT, bytes, says)?;
    for cut in 1..bytes.len() {
        let parts = [
            Draft::new(TEXT, &bytes[..cut]).unfinished(),
            Draft::new(CONTINUATION, &bytes[cut..]),
        ];
        let what = format!("characters at the borders of UTF-8 in two fragments, cut at {cut}");
        socket.send(&what, &parts)?;
        socket.expect_echo(TEXT, bytes, says)?;
    }
    let no_text = b"\xff\xfe\xc0\x80\xed\xa0\x80";
    socket.send(
        "bytes that are no text, as binary",
        &[Draft::new(BINARY, no_text)],
    )?;
    socket.expect_echo(BINARY, no_text, "a binary message is echoed wrongly")
}

/// RFC 6455 5.2, 5.4 and 5.5.
fn invalid_frames(target: &Target<'_>) -> Verdict {
    let long = [b'x'; 126];
    let cases: [(&str, Vec<Draft>); 8] = [
        (
            "a frame with the first reserved bit",
            vec![Draft::text("x").reserved_bit(0x40)],
        ),
        (
            "a frame with the last reserved bit",
            vec![Draft::text("x").reserved_bit(0x10)],
        ),
        ("a frame with opcode 3", vec![Draft::new(3, "x")]),
        ("a frame with opcode 11", vec![Draft::new(11, "x")]),
        (
            "a fragmented ping",
            vec![Draft::new(PING, "x").unfinished()],
        ),
        ("a ping of 126 bytes", vec![Draft::new(PING, long)]),
        (
            "a continuation of nothing",
            vec![Draft::new(CONTINUATION, "x")],
        ),
        (
            "a new message within a fragmented one",
            vec![Draft::text("a").unfinished(), Draft::text("b")],
        ),
    ];
    for (what, frames) in cases {
        refuse(target, PROTOCOL_ERROR, what, &frames)?;
    }
    Ok(())
}

/// RFC 6455 5.5.1 and 7.4.
fn invalid_close(target: &Target<'_>) -> Verdict {
    let one_byte = Draft::new(super::frame::CLOSE, b"\x03");
    refuse(
        target,
        PROTOCOL_ERROR,
        "a close frame of one byte",
        &[one_byte],
    )?;
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        let what = format!("a close frame with the code {code}");
        refuse(target, PROTOCOL_ERROR, &what, &[Draft::close(code, b"")])?;
    }
    let what = "a close frame whose reason is no text";
    refuse(target, INVALID_TEXT, what, &[Draft::close(1000, b"\xff")])
}

fn still_there(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/still-there");
    let mut socket = Socket::open(target, &mut rng)?;
    socket.send("text frame `health`", &[Draft::text("health")])?;
    socket
        .expect_echo(TEXT, b"health", "the payload is echoed wrongly")
        .map_err(|fault| fault.because(|says| format!("after broken connections: {says}")))
}
