//! Pings and pongs: RFC 6455 5.5.2 and 5.5.3.

use super::AREAS;
use super::frame::{CONTINUATION, Draft, PING, PONG, TEXT};
use super::socket::Socket;
use crate::check::Check;
use crate::check::fault::Verdict;
use crate::check::target::Target;

pub(in crate::check) const CHECKS: &[Check] = &[
    Check::new("echo-ws/ping", AREAS, ping),
    Check::new("echo-ws/ping-between-messages", AREAS, between_messages),
    Check::new("echo-ws/ping-between-fragments", AREAS, between_fragments),
    Check::new("echo-ws/pong-unasked", AREAS, unasked_pong),
];

fn ping(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/ping");
    let mut socket = Socket::open(target, &mut rng)?;
    for size in [4, 0, 125] {
        let payload = rng.bytes(size);
        let frame = Draft::new(PING, payload.clone());
        socket.send(&format!("a ping with {size} bytes"), &[frame])?;
        socket
            .expect_pong(&payload)
            .map_err(|fault| fault.because(|says| format!("a ping with {size} bytes: {says}")))?;
    }
    Ok(())
}

fn between_messages(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/ping-between-messages");
    let mut socket = Socket::open(target, &mut rng)?;
    let frames = [
        Draft::text("before"),
        Draft::new(PING, "now"),
        Draft::text("after"),
    ];
    socket.send(
        "text `before`, ping `now`, text `after` in one write",
        &frames,
    )?;
    // The pong may overtake what is sent before it, but not be left out.
    let mut pongs = 0;
    let mut texts = Vec::new();
    for _ in 0..frames.len() {
        let frame = socket.frame_but_pings()?;
        match frame.opcode {
            PONG if frame.payload == b"now" => pongs += 1,
            TEXT => texts.push(frame.payload),
            _ => {
                let says = "a ping between messages is answered with something else";
                return Err(socket.evidence(says, "two echoes and a pong", frame.described()));
            }
        }
    }
    if pongs == 1 && texts == [b"before".to_vec(), b"after".to_vec()] {
        return Ok(());
    }
    Err(socket.fault(
        "messages around a ping are not echoed in their order",
        "two echoes and a pong",
    ))
}

/// A control frame may come in the middle of a message and is answered then.
fn between_fragments(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/ping-between-fragments");
    let mut socket = Socket::open(target, &mut rng)?;
    let first = [
        Draft::text("two ").unfinished(),
        Draft::new(PING, "still there"),
    ];
    socket.send("the first half of a message and a ping", &first)?;
    socket
        .expect_pong(b"still there")
        .map_err(|fault| fault.because(|says| format!("within a fragmented message: {says}")))?;
    let rest = [Draft::new(CONTINUATION, "halves")];
    socket.send("the second half, after the pong", &rest)?;
    let says = "a message with a ping between its fragments is echoed wrongly";
    socket.expect_echo(TEXT, b"two halves", says)
}

/// A pong that nobody asked for is no message and needs no answer.
fn unasked_pong(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/pong-unasked");
    let mut socket = Socket::open(target, &mut rng)?;
    let frames = [Draft::new(PONG, "unasked"), Draft::text("after")];
    socket.send("a pong that nobody asked for, then text `after`", &frames)?;
    let says = "a pong that nobody asked for is answered";
    socket
        .expect_echo(TEXT, b"after", says)
        .map_err(|fault| fault.because(|says| format!("after an unasked pong: {says}")))
}
