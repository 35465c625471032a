//! Writes frames, appending to the caller's buffer.
//!
//! A server gives no mask, a client one for each frame; see [`Mask`].

use alloc::vec::Vec;
use core::fmt;

use super::frame::{self, CONTROL_BYTES_MAX};
use super::{Close, Header, Mask, Message, Opcode, mask};

/// Appends a message as one frame.
#[inline]
pub fn message<'a>(out: &mut Vec<u8>, message: impl Into<Message<'a>>, mask: Option<Mask>) {
    let message = message.into();
    let opcode = match message {
        Message::Text(_) => Opcode::Text,
        Message::Binary(_) => Opcode::Binary,
    };
    frame(out, true, opcode, message.as_bytes(), mask);
}

/// Appends a ping; the peer sends its payload back.
///
/// # Errors
///
/// If the payload has more than 125 bytes; nothing is appended then.
pub fn ping(out: &mut Vec<u8>, payload: &[u8], mask: Option<Mask>) -> Result<(), ControlTooLong> {
    control(out, Opcode::Ping, payload, mask)
}

/// Appends a pong.
///
/// # Errors
///
/// If the payload has more than 125 bytes, which that of a ping never has; nothing is appended
/// then.
pub fn pong(out: &mut Vec<u8>, payload: &[u8], mask: Option<Mask>) -> Result<(), ControlTooLong> {
    control(out, Opcode::Pong, payload, mask)
}

fn control(
    out: &mut Vec<u8>,
    opcode: Opcode,
    payload: &[u8],
    mask: Option<Mask>,
) -> Result<(), ControlTooLong> {
    if payload.len() > CONTROL_BYTES_MAX {
        return Err(ControlTooLong);
    }
    frame(out, true, opcode, payload, mask);
    Ok(())
}

/// Appends a close frame, after which nothing may be sent.
///
/// A reason of more than [123 bytes](super::close::REASON_BYTES_MAX) is cut between two characters.
pub fn close(out: &mut Vec<u8>, close: Option<Close<'_>>, mask: Option<Mask>) {
    let mut payload = [0; CONTROL_BYTES_MAX];
    let mut length = 0;
    if let Some(close) = close {
        let reason = close.reason_that_fits();
        length = 2 + reason.len();
        payload[..2].copy_from_slice(&close.code.get().to_be_bytes());
        payload[2..length].copy_from_slice(reason.as_bytes());
    }
    frame(out, true, Opcode::Close, &payload[..length], mask);
}

/// Appends any frame: fragments, and in tests such as nobody should send.
///
/// Nothing is checked: control frames must be short and final, the first fragment of a message has
/// its kind and the others are continuations (RFC 6455 §5.4).
#[inline]
pub fn frame(out: &mut Vec<u8>, fin: bool, opcode: Opcode, payload: &[u8], mask: Option<Mask>) {
    // Nearly all frames are short; their headers have sizes that the compiler knows.
    if payload.len() <= CONTROL_BYTES_MAX {
        let [first, second] = frame::fixed(fin, opcode, mask.is_some(), payload.len() as u8);
        match mask {
            None => {
                out.extend_from_slice(&[first, second]);
                out.extend_from_slice(payload);
            }
            Some([a, b, c, d]) => {
                out.extend_from_slice(&[first, second, a, b, c, d]);
                mask::append(out, payload, [a, b, c, d]);
            }
        }
        return;
    }
    frame_long(out, fin, opcode, payload, mask);
}

#[inline(never)]
fn frame_long(out: &mut Vec<u8>, fin: bool, opcode: Opcode, payload: &[u8], mask: Option<Mask>) {
    let header = Header {
        fin,
        opcode,
        mask,
        length: payload.len() as u64,
    };
    let (bytes, size) = header.encode();
    out.reserve(size + payload.len());
    out.extend_from_slice(&bytes[..size]);
    match mask {
        Some(mask) => mask::append(out, payload, mask),
        None => mask::append_plain(out, payload),
    }
}

/// The payload of a ping or pong has more than 125 bytes (RFC 6455 §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlTooLong;

impl fmt::Display for ControlTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("payload of a ping or pong longer than 125 bytes")
    }
}

impl core::error::Error for ControlTooLong {}
