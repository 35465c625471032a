//! Messages come back as they were sent.

use super::AREAS;
use super::frame::{BINARY, CONTINUATION, Draft, TEXT, joined};
use super::socket::Socket;
use crate::check::Check;
use crate::check::fault::Verdict;
use crate::check::target::Target;
use crate::rng::Rng;
use std::time::Duration;

const WRONG_TEXT: &str = "the payload of a text message is echoed wrongly";
const WRONG_BINARY: &str = "the payload of a binary message is echoed wrongly";
/// The loads of the arena have this many in flight at most.
const DEPTH: usize = 16;

pub(in crate::check) const CHECKS: &[Check] = &[
    Check::new("echo-ws/text", AREAS, text),
    Check::new("echo-ws/binary", AREAS, binary),
    Check::new("echo-ws/five-in-a-row", AREAS, five),
    Check::new("echo-ws/arena-session", AREAS, arena_session),
    Check::new("echo-ws/one-echo-per-message", AREAS, one_echo),
    Check::new("echo-ws/lengths", AREAS, lengths),
    Check::new("echo-ws/sixteen-in-one-write", AREAS, sixteen),
    Check::new("echo-ws/deep", AREAS, deep),
    Check::new("echo-ws/cut-anywhere", AREAS, cut_anywhere),
    Check::new("echo-ws/byte-by-byte", AREAS, byte_by_byte),
    Check::new("echo-ws/fragmented", AREAS, fragmented),
    Check::new("echo-ws/own-messages-only", AREAS, own_messages),
    Check::new("echo-ws/abandoned-connections", AREAS, abandoned),
];

fn expect_text(socket: &mut Socket, text: &str) -> Verdict {
    socket.expect_echo(TEXT, text.as_bytes(), WRONG_TEXT)
}

fn arena_text(rng: &mut Rng) -> String {
    format!("HttpArena-validate-{:016x}", rng.bits())
}

fn text(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/text");
    let mut socket = Socket::open(target, &mut rng)?;
    for text in [
        arena_text(&mut rng),
        "hello".into(),
        "grüße, 世界 🦀".into(),
    ] {
        socket.send(&format!("text frame `{text}`"), &[Draft::text(&text)])?;
        expect_text(&mut socket, &text)?;
    }
    Ok(())
}

fn binary(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/binary");
    let mut socket = Socket::open(target, &mut rng)?;
    let every_byte: Vec<u8> = (0..=255).collect();
    for bytes in [rng.bytes(256), every_byte] {
        let frame = Draft::new(BINARY, bytes.clone());
        socket.send("binary frame of 256 bytes", &[frame])?;
        socket.expect_echo(BINARY, &bytes, WRONG_BINARY)?;
    }
    Ok(())
}

fn send_five(socket: &mut Socket, rng: &mut Rng) -> Verdict {
    let texts: Vec<String> = (0..5)
        .map(|number| format!("frame-{number}-{}", rng.text(8)))
        .collect();
    let frames: Vec<Draft> = texts.iter().map(|text| Draft::text(text)).collect();
    socket.send("five text frames in one write", &frames)?;
    expect_in_order(socket, &texts)
}

/// One echo for each text, in order; a fault says what became of the order.
fn expect_in_order(socket: &mut Socket, texts: &[String]) -> Verdict {
    let all = texts.len();
    for (index, text) in texts.iter().enumerate() {
        let number = index + 1;
        let message = socket.message().map_err(|fault| {
            fault.because(|says| format!("echo {number} of {all} is missing: {says}"))
        })?;
        let got = String::from_utf8_lossy(&message.payload).into_owned();
        if message.opcode != TEXT || got != *text {
            let known = texts.iter().position(|text| *text == got);
            let says = match known {
                _ if message.opcode != TEXT => format!("echo {number} of {all} is no text"),
                Some(found) if found < index => format!("message {} is echoed twice", found + 1),
                Some(found) => format!(
                    "the echoes are out of order: {} came where {number} is due",
                    found + 1
                ),
                None => format!("echo {number} of {all} is no message that was sent"),
            };
            return Err(socket.evidence(
                says,
                &format!("text frame `{text}`"),
                message.described(),
            ));
        }
    }
    Ok(())
}

fn five(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/five-in-a-row");
    let mut socket = Socket::open(target, &mut rng)?;
    send_five(&mut socket, &mut rng)
}

/// What the arena's validation does, in its order, on one connection; then the
/// connection that it opens last.
fn arena_session(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/arena-session");
    let mut socket = Socket::open(target, &mut rng)?;
    let text = arena_text(&mut rng);
    socket.send(&format!("text frame `{text}`"), &[Draft::text(&text)])?;
    expect_text(&mut socket, &text)?;
    let bytes = rng.bytes(256);
    let frame = Draft::new(BINARY, bytes.clone());
    socket.send("binary frame of 256 bytes", &[frame])?;
    socket.expect_echo(BINARY, &bytes, WRONG_BINARY)?;
    send_five(&mut socket, &mut rng)?;
    let goodbye = Draft::close(1000, b"validate done");
    socket.send("close frame 1000 `validate done`", &[goodbye])?;
    drop(socket);
    let mut again = Socket::open(target, &mut rng)?;
    again.send("text frame `health`", &[Draft::text("health")])?;
    expect_text(&mut again, "health").map_err(|fault| {
        fault.because(|says| format!("on a new connection after a closed one: {says}"))
    })
}

fn one_echo(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/one-echo-per-message");
    let mut socket = Socket::open(target, &mut rng)?;
    socket.send("text frame `once`", &[Draft::text("once")])?;
    expect_text(&mut socket, "once")?;
    socket.into_wire().expect_silence(
        Duration::from_millis(150),
        "more frames came than messages were sent: an unsolicited echo",
    )
}

/// Around both borders where the length is written in another way.
fn lengths(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/lengths");
    let mut socket = Socket::open(target, &mut rng)?;
    let sizes = [
        0, 1, 124, 125, 126, 127, 1000, 4096, 65_535, 65_536, 200_000,
    ];
    for size in sizes {
        let text = rng.text(size);
        socket.send(
            &format!("text frame of {size} bytes"),
            &[Draft::text(&text)],
        )?;
        let says = format!("a text message of {size} bytes is echoed wrongly");
        socket.expect_echo(TEXT, text.as_bytes(), &says)?;
        let bytes = rng.bytes(size);
        let frame = Draft::new(BINARY, bytes.clone());
        socket.send(&format!("binary frame of {size} bytes"), &[frame])?;
        let says = format!("a binary message of {size} bytes is echoed wrongly");
        socket.expect_echo(BINARY, &bytes, &says)?;
    }
    Ok(())
}

fn numbered(rng: &mut Rng, count: usize) -> (Vec<String>, Vec<Draft>) {
    let texts: Vec<String> = (0..count)
        .map(|number| {
            let length = rng.within(0, 200) as usize;
            format!("{number}:{}", rng.text(length))
        })
        .collect();
    let frames = texts.iter().map(|text| Draft::text(text)).collect();
    (texts, frames)
}

fn sixteen(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/sixteen-in-one-write");
    let mut socket = Socket::open(target, &mut rng)?;
    for _ in 0..target.times(3, 10) {
        let (texts, frames) = numbered(&mut rng, DEPTH);
        socket.send("sixteen text frames in one write", &frames)?;
        expect_in_order(&mut socket, &texts)?;
    }
    Ok(())
}

/// More than a receive buffer or a turn of a server may hold.
fn deep(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/deep");
    let mut socket = Socket::open(target, &mut rng)?;
    let count = target.times(300, 1000);
    let (texts, frames) = numbered(&mut rng, count);
    socket.send(&format!("{count} text frames in one write"), &frames)?;
    expect_in_order(&mut socket, &texts)
}

/// The segments of a busy network end anywhere.
fn cut_anywhere(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/cut-anywhere");
    let mut socket = Socket::open(target, &mut rng)?;
    for _ in 0..target.times(10, 40) {
        let (texts, frames) = numbered(&mut rng, DEPTH);
        let bytes = joined(&frames);
        let cut = rng.within(1, bytes.len() as u64 - 1) as usize;
        let what = format!("sixteen text frames in two segments, cut after byte {cut}");
        socket.send_parts(&what, &[&bytes[..cut], &bytes[cut..]])?;
        expect_in_order(&mut socket, &texts)?;
    }
    Ok(())
}

/// Every byte of a frame's head and payload in a segment of its own.
fn byte_by_byte(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/byte-by-byte");
    let mut socket = Socket::open(target, &mut rng)?;
    for length in [5, 130] {
        let text = rng.text(length);
        let bytes = Draft::text(&text).bytes();
        // The payload of the longer one is enough to be cut a few times.
        let (head, rest) = bytes.split_at(bytes.len().min(16));
        let mut parts: Vec<&[u8]> = head.chunks(1).collect();
        if !rest.is_empty() {
            parts.push(rest);
        }
        let what = format!("a text frame of {length} bytes, byte by byte");
        socket.send_parts(&what, &parts)?;
        let says = "a frame that comes byte by byte is echoed wrongly";
        socket.expect_echo(TEXT, text.as_bytes(), says)?;
    }
    Ok(())
}

/// RFC 6455 5.4: in parts, empty ones among them, in one segment and in many.
fn fragmented(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/fragmented");
    let mut socket = Socket::open(target, &mut rng)?;
    for (opcode, says) in [
        (TEXT, "a fragmented text message is echoed wrongly"),
        (BINARY, "a fragmented binary message is echoed wrongly"),
    ] {
        for parts in 2..=4_usize {
            // 42 bytes in letters of three: a third or a quarter ends within one.
            let whole = "世界".repeat(7).into_bytes();
            let mut frames: Vec<Draft> = whole
                .chunks(whole.len().div_ceil(parts))
                .map(|part| Draft::new(CONTINUATION, part).unfinished())
                .collect();
            frames[0] = Draft::new(opcode, &whole[..whole.len().div_ceil(parts)]).unfinished();
            frames.push(Draft::new(CONTINUATION, ""));
            let what = format!("a message in {} frames", frames.len());
            if parts % 2 == 0 {
                socket.send(&what, &frames)?;
            } else {
                let bytes: Vec<Vec<u8>> = frames.iter().map(Draft::bytes).collect();
                let list: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
                socket.send_parts(&what, &list)?;
            }
            socket.expect_echo(opcode, &whole, says)?;
        }
    }
    Ok(())
}

/// Many connections at once, each with messages of its own.
fn own_messages(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/own-messages-only");
    let mut sockets = Vec::new();
    for _ in 0..target.times(32, 128) {
        sockets.push(Socket::open(target, &mut rng)?);
    }
    for _ in 0..2 {
        let mut batches = Vec::new();
        for socket in &mut sockets {
            let (texts, frames) = numbered(&mut rng, 4);
            socket.send("four text frames, as many connections do at once", &frames)?;
            batches.push(texts);
        }
        for (socket, texts) in sockets.iter_mut().zip(&batches) {
            expect_in_order(socket, texts)
                .map_err(|fault| fault.because(|says| format!("with many connections: {says}")))?;
        }
    }
    Ok(())
}

/// Connections that end within a frame, in order or by a reset.
fn abandoned(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/abandoned-connections");
    let bytes = Draft::text("never finished").bytes();
    for round in 0..target.times(20, 100) {
        let mut wire = Socket::open(target, &mut rng)?.into_wire();
        wire.write(&bytes[..round % bytes.len()])?;
        if round % 2 == 0 {
            wire.reset();
        }
    }
    let mut socket = Socket::open(target, &mut rng)?;
    socket.send("text frame `health`", &[Draft::text("health")])?;
    expect_text(&mut socket, "health").map_err(|fault| {
        fault.because(|says| format!("after connections that ended within a frame: {says}"))
    })
}
