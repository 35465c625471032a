//! A WebSocket connection that is as strict as [`Wire`]: what RFC 6455 forbids
//! a server is a fault.

use super::PATH;
use super::frame::{CLOSE, CONTINUATION, Draft, Frame, PING, PONG, Start, joined, opcode_name};
use crate::check::fault::{Fault, Verdict, shown};
use crate::check::reply::Reply;
use crate::check::target::Target;
use crate::check::wire::{Wire, request};
use crate::rng::Rng;
use std::time::Duration;
use tungstenite::handshake::derive_accept_key;

/// How long a frame may take to come, and the end of a connection that is
/// closed: both cost a server nothing.
const LIMIT: Duration = Duration::from_secs(5);

/// A Sec-WebSocket-Key: 16 bytes in Base64. Fifteen random ones and a zero, because the accept
/// function, which yields twenty bytes in Base64, is the only encoder at hand.
pub(super) fn random_key(rng: &mut Rng) -> String {
    let encoded = derive_accept_key(&rng.bytes(16));
    format!("{}AA==", &encoded[..20])
}

/// The header lines of an upgrade request, as the arena's client writes them.
pub(super) fn upgrade_lines(key: &str) -> String {
    format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: 13\r\n"
    )
}

/// Whether a header lists this token, in any case.
fn lists(reply: &Reply, name: &str, token: &str) -> bool {
    let values = reply
        .headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    values
        .flat_map(|(_, value)| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// RFC 6455 4.1: what a client has to look for in the answer.
pub(super) fn expect_upgrade(reply: &Reply, key: &str) -> Verdict {
    if reply.status != 101 {
        let says = format!(
            "the upgrade is answered with {} instead of 101",
            reply.status
        );
        return Err(reply.fault(says, "status 101"));
    }
    let accept = derive_accept_key(key.as_bytes());
    let found = reply.header("sec-websocket-accept");
    if found != Some(&accept) {
        let says = match found {
            None => "Sec-WebSocket-Accept is missing".to_owned(),
            Some(found) => format!("Sec-WebSocket-Accept is wrong: {found:?} for the key {key}"),
        };
        return Err(reply.fault(says, format!("Sec-WebSocket-Accept: {accept}")));
    }
    if !lists(reply, "upgrade", "websocket") || !lists(reply, "connection", "upgrade") {
        let says = "the answer to the upgrade lacks `Upgrade: websocket` or `Connection: Upgrade`";
        return Err(reply.fault(says, "both header lines"));
    }
    for name in ["sec-websocket-extensions", "sec-websocket-protocol"] {
        if reply.header(name).is_some() {
            let says = format!("the server agrees to a {name} that nobody offered");
            return Err(reply.fault(says, format!("no {name}")));
        }
    }
    reply.expect_small_head()
}

/// An upgraded connection.
#[derive(Debug)]
pub(super) struct Socket {
    wire: Wire,
}

impl Socket {
    /// Connects and upgrades.
    pub(super) fn open(target: &Target<'_>, rng: &mut Rng) -> Result<Self, Fault> {
        Self::open_and_send(target, rng, &[])
    }

    /// Sends frames in the same segment as the upgrade request.
    pub(super) fn open_and_send(
        target: &Target<'_>,
        rng: &mut Rng,
        frames: &[Draft],
    ) -> Result<Self, Fault> {
        let key = random_key(rng);
        let mut bytes = request("GET", PATH, &upgrade_lines(&key), b"");
        for frame in frames {
            bytes.extend(frame.bytes());
        }
        let mut wire = target.wire()?;
        wire.send(&bytes)?;
        let reply = wire.answer()?;
        expect_upgrade(&reply, &key)?;
        wire.wait_at_most(LIMIT);
        Ok(Self { wire })
    }

    /// Sends frames with one write; `what` describes them in messages.
    pub(super) fn send(&mut self, what: &str, frames: &[Draft]) -> Verdict {
        self.wire.describe(what);
        self.wire.write(&joined(frames))
    }

    /// Writes each part as a segment of its own.
    pub(super) fn send_parts(&mut self, what: &str, parts: &[&[u8]]) -> Verdict {
        self.wire.send_parts(parts, Duration::from_millis(2))?;
        self.wire.describe(what);
        Ok(())
    }

    pub(super) fn fault(&self, says: impl Into<String>, expected: &str) -> Fault {
        self.wire.fault(says, expected)
    }

    /// The connection without what is known of it.
    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }

    /// The next frame.
    pub(super) fn frame(&mut self) -> Result<Frame, Fault> {
        let first = self.wire.take(2)?;
        let start = Start::parse([first[0], first[1]]).map_err(|says| {
            let text = format!("a frame that begins with {:02x} {:02x}", first[0], first[1]);
            self.evidence(says, "a frame as RFC 6455 has it", text)
        })?;
        let extended = self.wire.take(start.extended())?;
        let Some(length) = start.payload_len(&extended) else {
            let says = "the length of a frame is written longer than it has to be";
            return Err(self.evidence(says, "the shortest form", shown(&extended)));
        };
        let payload = self.wire.take(length)?;
        Ok(Frame {
            fin: start.fin,
            opcode: start.opcode,
            payload,
        })
    }

    /// The next frame that is no ping; those are answered, as RFC 6455 5.5.2
    /// asks of both sides.
    pub(super) fn frame_but_pings(&mut self) -> Result<Frame, Fault> {
        loop {
            let frame = self.frame()?;
            if frame.opcode != PING {
                return Ok(frame);
            }
            let pong = Draft::new(PONG, frame.payload);
            self.wire.write(&pong.bytes())?;
        }
    }

    /// The next message, put together again if the server sent it in parts.
    pub(super) fn message(&mut self) -> Result<Frame, Fault> {
        let mut whole = self.frame_but_pings()?;
        while !whole.fin {
            let part = self.frame_but_pings()?;
            if part.opcode != CONTINUATION {
                let says = "a fragmented message is interrupted by another frame";
                return Err(self.evidence(says, "a continuation frame", part.described()));
            }
            whole.payload.extend(part.payload);
            whole.fin = part.fin;
        }
        Ok(whole)
    }

    /// The next message is the echo of this one; `says` names the fault of a
    /// wrong payload.
    pub(super) fn expect_echo(&mut self, opcode: u8, payload: &[u8], says: &str) -> Verdict {
        let message = self.message()?;
        let expected = format!("{} frame {}", opcode_name(opcode), shown(payload));
        if message.opcode == CLOSE {
            let code = message
                .close_code()
                .map_or_else(|| "no code".into(), |code| format!("code {code}"));
            let says = format!("the server closes with {code} where an echo is due");
            return Err(self.evidence(says, &expected, message.described()));
        }
        if message.opcode != opcode {
            let says = format!(
                "a {} message is answered with a {} frame",
                opcode_name(opcode),
                opcode_name(message.opcode)
            );
            return Err(self.evidence(says, &expected, message.described()));
        }
        if message.payload != payload {
            return Err(self.evidence(says, &expected, message.described()));
        }
        Ok(())
    }

    /// The next frame is this pong.
    pub(super) fn expect_pong(&mut self, payload: &[u8]) -> Verdict {
        let frame = self.frame_but_pings()?;
        let expected = format!("pong frame {}", shown(payload));
        if frame.opcode != PONG {
            let says = format!(
                "a ping is answered with a {} frame",
                opcode_name(frame.opcode)
            );
            return Err(self.evidence(says, &expected, frame.described()));
        }
        if frame.payload != payload {
            let says = "a pong does not carry the payload of its ping";
            return Err(self.evidence(says, &expected, frame.described()));
        }
        Ok(())
    }

    /// The next frame closes with this code (`None`: with an empty payload),
    /// and then the server ends the connection. `cause` completes the sentence
    /// "... is answered with ...".
    pub(super) fn expect_close(&mut self, code: Option<u16>, cause: &str) -> Verdict {
        let expected = match code {
            Some(code) => format!("close frame {code}, then the end of the connection"),
            None => "an empty close frame, then the end of the connection".into(),
        };
        let frame = self.frame_but_pings().map_err(|fault| {
            fault.because(|says| format!("{cause} brings no close frame: {says}"))
        })?;
        if frame.opcode != CLOSE {
            let name = opcode_name(frame.opcode);
            let says = format!("{cause} is answered with a {name} frame instead of a close");
            return Err(self.evidence(says, &expected, frame.described()));
        }
        if frame.close_code() != code {
            let found = frame
                .close_code()
                .map_or_else(|| "without a code".into(), |found| format!("with {found}"));
            let wanted = code.map_or_else(|| "none".into(), |code| code.to_string());
            let says = format!("{cause} is closed {found} instead of {wanted}");
            return Err(self.evidence(says, &expected, frame.described()));
        }
        Ok(())
    }

    /// RFC 6455 7.1.1: once both sides have sent a close frame the server ends
    /// the connection first, without another byte.
    pub(super) fn expect_end(&mut self) -> Verdict {
        if self.wire.ends_within(LIMIT) {
            return Ok(());
        }
        Err(self.wire.fault(
            "the connection goes on after both sides have closed",
            "the end of the connection",
        ))
    }

    /// Answers a close frame; the server may be gone already.
    pub(super) fn answer_close(&mut self, code: u16) {
        let _ = self.wire.write(&Draft::close(code, b"").bytes());
    }

    pub(super) fn evidence(&self, says: impl Into<String>, expected: &str, got: String) -> Fault {
        self.wire.evidence(says, expected, got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_sixteen_bytes_and_differ() {
        let mut rng = Rng::new(1);
        let keys = [random_key(&mut rng), random_key(&mut rng)];
        assert_ne!(keys[0], keys[1]);
        for key in keys {
            assert!(key.len() == 24 && key.ends_with("AA=="), "{key}");
        }
    }
}
