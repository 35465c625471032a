//! `/ws`: every message comes back as it was (RFC 6455).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1_smol::Sha1;

use crate::{
    answer::{Answer, TEXT},
    head::Head,
};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of one message.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

const CONTINUATION: u8 = 0;
const TEXT_FRAME: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const PROTOCOL_ERROR: u16 = 1002;
const NOT_TEXT: u16 = 1007;
const TOO_LARGE: u16 = 1009;

/// The answer to a GET that is no opening handshake.
pub(crate) const REFUSAL: Answer<'static> = Answer {
    status: "426 Upgrade Required",
    content_type: TEXT,
    fields: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    body: b"this is a WebSocket endpoint",
};

/// The answer to an opening handshake (section 4.2); `None` when it is none.
pub(crate) fn accept(head: &Head<'_>) -> Option<String> {
    if !head.lists("upgrade", "websocket")
        || !head.lists("connection", "upgrade")
        || head.values("sec-websocket-version").next() != Some("13")
    {
        return None;
    }
    let key = head.values("sec-websocket-key").next()?;
    if STANDARD.decode(key).ok()?.len() != 16 {
        return None;
    }
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID);
    let accept = STANDARD.encode(hash.digest().bytes());
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}

/// The fragments of a message that is not complete.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    opcode: Option<u8>,
    message: Vec<u8>,
}

/// A frame's head (section 5.2).
struct Frame {
    last: bool,
    opcode: u8,
    mask: [u8; 4],
    head: usize,
    payload: usize,
}

/// The connection is to end with this code; `None` answers an empty close.
struct End(Option<u16>);

impl Echo {
    /// Takes complete frames off the start of `bytes` and answers them; how much
    /// it took, and whether the connection ends.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut taken = 0;
        loop {
            let rest = &bytes[taken..];
            match Frame::parse(rest).and_then(|frame| match frame {
                Some(frame) if frame.head + frame.payload <= rest.len() => {
                    self.frame(&frame, &rest[frame.head..frame.head + frame.payload], out)?;
                    Ok(Some(frame.head + frame.payload))
                }
                _ => Ok(None),
            }) {
                Ok(Some(length)) => taken += length,
                Ok(None) => return (taken, false),
                Err(End(code)) => {
                    let code = code.map(u16::to_be_bytes);
                    put(
                        out,
                        CLOSE,
                        code.as_ref().map_or(&[], |code| code.as_slice()),
                    );
                    return (bytes.len(), true);
                }
            }
        }
    }

    fn frame(&mut self, frame: &Frame, masked: &[u8], out: &mut Vec<u8>) -> Result<(), End> {
        match (frame.opcode, self.opcode) {
            (CLOSE, _) => Err(closing(masked, frame.mask)),
            (PING, _) => {
                let start = put(out, PONG, masked);
                unmask(&mut out[start..], frame.mask);
                Ok(())
            }
            (PONG, _) => Ok(()),
            // The usual case: a whole message, unmasked where it is sent from.
            (TEXT_FRAME | BINARY, None) if frame.last => {
                let before = out.len();
                let start = put(out, frame.opcode, masked);
                unmask(&mut out[start..], frame.mask);
                if frame.opcode == TEXT_FRAME && std::str::from_utf8(&out[start..]).is_err() {
                    out.truncate(before);
                    return Err(End(Some(NOT_TEXT)));
                }
                Ok(())
            }
            (CONTINUATION, Some(opcode)) | (opcode @ (TEXT_FRAME | BINARY), None) => {
                self.opcode = Some(opcode);
                if self.message.len() + masked.len() > MESSAGE_BYTES_MAX {
                    return Err(End(Some(TOO_LARGE)));
                }
                let start = self.message.len();
                self.message.extend_from_slice(masked);
                unmask(&mut self.message[start..], frame.mask);
                if frame.last {
                    let Self { message, .. } = std::mem::take(self);
                    if opcode == TEXT_FRAME && std::str::from_utf8(&message).is_err() {
                        return Err(End(Some(NOT_TEXT)));
                    }
                    put(out, opcode, &message);
                }
                Ok(())
            }
            _ => Err(End(Some(PROTOCOL_ERROR))),
        }
    }
}

impl Frame {
    /// `None` when the head is not complete.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, End> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let (opcode, last) = (first & 0x0f, first & 0x80 != 0);
        let control = opcode >= CLOSE;
        let short = usize::from(second & 0x7f);
        if first & 0x70 != 0
            || second & 0x80 == 0
            || !matches!(opcode, CONTINUATION..=BINARY | CLOSE..=PONG)
            || (control && (!last || short > 125))
        {
            return Err(End(Some(PROTOCOL_ERROR)));
        }
        let (payload, width) = match short {
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            short => (short as u64, 0),
        };
        let payload = usize::try_from(payload)
            .ok()
            .filter(|payload| *payload <= MESSAGE_BYTES_MAX)
            .ok_or(End(Some(TOO_LARGE)))?;
        let Some(mask) = rest[width..].first_chunk::<4>() else {
            return Ok(None);
        };
        Ok(Some(Self {
            last,
            opcode,
            mask: *mask,
            head: 2 + width + 4,
            payload,
        }))
    }
}

/// What a close frame is answered with (sections 5.5.1 and 7.4).
fn closing(masked: &[u8], mask: [u8; 4]) -> End {
    let mut payload = masked.to_vec();
    unmask(&mut payload, mask);
    End(match payload.split_first_chunk::<2>() {
        None if payload.is_empty() => None,
        None => Some(PROTOCOL_ERROR),
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            Some(match code {
                1000..=1003 | 1007..=1014 | 3000..=4999 => {
                    if std::str::from_utf8(reason).is_ok() {
                        code
                    } else {
                        NOT_TEXT
                    }
                }
                _ => PROTOCOL_ERROR,
            })
        }
    })
}

/// Appends a frame; where its payload starts.
fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) -> usize {
    let first = 0x80 | opcode;
    match payload.len() {
        short @ ..126 => out.extend_from_slice(&[first, short as u8]),
        middle @ ..=0xffff => {
            out.extend_from_slice(&[first, 126]);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let start = out.len();
    out.extend_from_slice(payload);
    start
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = Vec::new();
        let start = put(&mut frame, first, payload);
        frame[0] = first;
        frame[1] |= 0x80;
        unmask(&mut frame[start..], mask);
        frame.splice(start..start, mask);
        frame
    }

    #[test]
    fn messages_come_back_whole_wherever_they_are_cut() {
        let long = "é".repeat(40_000);
        let bytes = [
            masked(0x81, b"hello"),
            masked(0x01, b"two "),
            masked(0x89, b"ping"),
            masked(0x80, b"parts"),
            masked(0x82, long.as_bytes()),
        ]
        .concat();
        let mut wanted = Vec::new();
        for (opcode, payload) in [
            (TEXT_FRAME, &b"hello"[..]),
            (PONG, b"ping"),
            (TEXT_FRAME, b"two parts"),
            (BINARY, long.as_bytes()),
        ] {
            put(&mut wanted, opcode, payload);
        }
        for cut in (0..60).chain([bytes.len() - 1, bytes.len()]) {
            let (mut echo, mut out) = (Echo::default(), Vec::new());
            let (taken, _) = echo.feed(&bytes[..cut], &mut out);
            let (more, ends) = echo.feed(&bytes[taken..], &mut out);
            assert_eq!((taken + more, ends), (bytes.len(), false), "{cut}");
            assert_eq!(out, wanted, "{cut}");
        }
    }

    #[test]
    fn broken_frames_end_the_connection_with_their_code() {
        let mut bare = Vec::new();
        put(&mut bare, 0x01, b"bare");
        for (bytes, code) in [
            (bare, 1002_u16),
            (masked(0xc1, b"x"), 1002),
            (masked(0x83, b"x"), 1002),
            (masked(0x09, b"x"), 1002),
            (masked(0x89, &[0; 126]), 1002),
            (masked(0x80, b"x"), 1002),
            (masked(0x81, b"\xff"), 1007),
            (masked(0x88, b"\x03"), 1002),
            (masked(0x88, &1005_u16.to_be_bytes()), 1002),
            (masked(0x88, b"\x03\xe8\xff"), 1007),
            (masked(0x88, b"\x03\xe8fine"), 1000),
        ] {
            let mut out = Vec::new();
            assert!(Echo::default().feed(&bytes, &mut out).1);
            assert_eq!(
                out,
                [&[0x88, 2], code.to_be_bytes().as_slice()].concat(),
                "{bytes:?}"
            );
        }
    }
}
