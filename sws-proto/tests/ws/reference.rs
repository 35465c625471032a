//! Frames written and read as RFC 6455 §5.2 draws them, without the code under test.

use sws_proto::ws::{Error, Role};

use crate::driver::{End, Seen, Transcript};

/// A mask that changes every byte of a payload.
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as this role receives it, its length in the shortest form.
pub(crate) fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = (role == Role::Server).then_some(MASK);
    frame_with(first, mask, payload)
}

pub(crate) fn frame_with(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let length = payload.len();
    if length < 126 {
        bytes.push(masked | length as u8);
    } else if length < 65536 {
        bytes.push(masked | 126);
        bytes.extend([(length >> 8) as u8, length as u8]);
    } else {
        bytes.push(masked | 127);
        bytes.extend((0..8).rev().map(|byte| (length as u64 >> (8 * byte)) as u8));
    }
    match mask {
        None => bytes.extend_from_slice(payload),
        Some(mask) => {
            bytes.extend(mask);
            bytes.extend(
                payload
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| byte ^ mask[at % 4]),
            );
        }
    }
    bytes
}

/// What a whole stream amounts to, found by looking at all of it at once, rule by rule.
pub(crate) fn read(input: &[u8], role: Role, message_bytes_max: u32) -> Transcript {
    let mut reader = Reader {
        rest: input,
        role,
        max: u64::from(message_bytes_max),
        message: None,
        events: Vec::new(),
    };
    let end = loop {
        match reader.frame() {
            Ok(None) => {}
            Ok(Some(end)) => break end,
            Err(error) => break End::Failed(error),
        }
    };
    let events = reader.events;
    Transcript { events, end }
}

struct Reader<'i> {
    rest: &'i [u8],
    role: Role,
    max: u64,
    /// Whether it is text, and its bytes.
    message: Option<(bool, Vec<u8>)>,
    events: Vec<Seen>,
}

impl Reader<'_> {
    /// Reads a frame; `Some` at the end of the stream.
    fn frame(&mut self) -> Result<Option<End>, Error> {
        let incomplete = End::Open {
            rest: self.rest.len(),
            held: self.message.as_ref().map_or(0, |(_, bytes)| bytes.len()),
        };
        let byte = |at: usize| self.rest.get(at).copied();
        let Some(first) = byte(0) else {
            return Ok(Some(incomplete));
        };
        let (fin, opcode) = (first >= 128, first % 16);
        if !matches!(first / 16, 0 | 8) {
            return Err(Error::ReservedBits);
        }
        if !matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10) {
            return Err(Error::ReservedOpcode);
        }
        if opcode >= 8 && !fin {
            return Err(Error::ControlFragmented);
        }
        let Some(second) = byte(1) else {
            return Ok(Some(incomplete));
        };
        match self.role {
            Role::Server if second < 128 => return Err(Error::NotMasked),
            Role::Client if second >= 128 => return Err(Error::Masked),
            _ => {}
        }
        let size = match second % 128 {
            126 | 127 if opcode >= 8 => return Err(Error::ControlTooLong),
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mut length = u64::from(second % 128);
        if size > 0 {
            let Some(bytes) = self.rest.get(2..2 + size) else {
                return Ok(Some(incomplete));
            };
            length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            if length < if size == 2 { 126 } else { 65536 } {
                return Err(Error::LengthNotMinimal);
            }
            if length >= 1 << 63 {
                return Err(Error::LengthOverflow);
            }
        }
        let mut mask = [0; 4];
        let mut start = 2 + size;
        if self.role == Role::Server {
            let Some(bytes) = self.rest.get(start..start + 4) else {
                return Ok(Some(incomplete));
            };
            mask.copy_from_slice(bytes);
            start += 4;
        }
        let there = (self.rest.len() - start) as u64;
        if opcode >= 8 && there < length {
            return Ok(Some(incomplete));
        }
        let payload: Vec<u8> = self.rest[start..start + length.min(there) as usize]
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ mask[at % 4])
            .collect();
        self.rest = &self.rest[start + payload.len()..];
        if opcode >= 8 {
            return self.control(opcode, payload);
        }
        self.data(opcode, fin, length, &payload)
    }

    fn control(&mut self, opcode: u8, payload: Vec<u8>) -> Result<Option<End>, Error> {
        match opcode {
            9 => self.events.push(Seen::Ping(payload)),
            10 => self.events.push(Seen::Pong(payload)),
            _ if payload.is_empty() => {
                self.events.push(Seen::Close(None));
                return Ok(Some(End::Closed));
            }
            _ if payload.len() == 1 => return Err(Error::BadClosePayload),
            _ => {
                let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
                if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                    return Err(Error::BadCloseCode);
                }
                let reason = String::from_utf8(payload[2..].to_vec());
                let reason = reason.map_err(|_| Error::NotUtf8)?;
                self.events.push(Seen::Close(Some((code, reason))));
                return Ok(Some(End::Closed));
            }
        }
        Ok(None)
    }

    fn data(
        &mut self,
        opcode: u8,
        fin: bool,
        length: u64,
        payload: &[u8],
    ) -> Result<Option<End>, Error> {
        match (opcode, &self.message) {
            (0, None) => return Err(Error::UnexpectedContinuation),
            (1 | 2, Some(_)) => return Err(Error::InterruptedMessage),
            _ => {}
        }
        let (is_text, mut bytes) = self.message.take().unwrap_or((opcode == 1, Vec::new()));
        if bytes.len() as u64 + length > self.max {
            return Err(Error::MessageTooLarge);
        }
        bytes.extend_from_slice(payload);
        let whole = payload.len() as u64 == length;
        if is_text && let Err(error) = std::str::from_utf8(&bytes) {
            // No length: it can still become text.
            if error.error_len().is_some() || (fin && whole) {
                return Err(Error::NotUtf8);
            }
        }
        if !whole {
            let held = bytes.len();
            return Ok(Some(End::Open { rest: 0, held }));
        }
        if !fin {
            self.message = Some((is_text, bytes));
        } else if is_text {
            let text = String::from_utf8(bytes).map_err(|_| Error::NotUtf8)?;
            self.events.push(Seen::Text(text));
        } else {
            self.events.push(Seen::Binary(bytes));
        }
        Ok(None)
    }
}
