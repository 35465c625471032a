//! Frames as a client writes and reads them. Nothing here refuses to write a
//! wrong frame: that is what half of the checks are about.

use crate::check::fault::shown;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// First bit of a frame: it is the last one of its message.
const FIN: u8 = 0x80;
/// First bit of the second byte: the payload is masked.
const MASKED: u8 = 0x80;
/// Any value will do; this one has no two equal bytes, so that a mask that is
/// applied at the wrong offset shows.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame to be sent: right unless a method makes it wrong.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    first: u8,
    masked: bool,
    payload: Vec<u8>,
}

impl Draft {
    pub(super) fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            first: FIN | opcode,
            masked: true,
            payload: payload.into(),
        }
    }

    pub(super) fn text(text: &str) -> Self {
        Self::new(TEXT, text)
    }

    /// A close frame with a code and a reason.
    pub(super) fn close(code: u16, reason: &[u8]) -> Self {
        Self::new(CLOSE, [&code.to_be_bytes(), reason].concat())
    }

    /// More frames of the message follow.
    pub(super) fn unfinished(mut self) -> Self {
        self.first &= !FIN;
        self
    }

    /// With one of the three bits that only extensions may set.
    pub(super) fn reserved_bit(mut self, bit: u8) -> Self {
        self.first |= bit;
        self
    }

    pub(super) fn unmasked(mut self) -> Self {
        self.masked = false;
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mask_bit = if self.masked { MASKED } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            len @ 0..126 => bytes.push(mask_bit | len as u8),
            len @ 126..0x1_0000 => {
                bytes.push(mask_bit | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            len => {
                bytes.push(mask_bit | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
            let mask = MASK.iter().cycle();
            bytes.extend(
                self.payload
                    .iter()
                    .zip(mask)
                    .map(|(byte, mask)| byte ^ mask),
            );
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// Several frames, one behind the other.
pub(super) fn joined(frames: &[Draft]) -> Vec<u8> {
    frames.iter().flat_map(Draft::bytes).collect()
}

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The code of a close frame that has one.
    pub(super) fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk()?;
        (self.opcode == CLOSE).then(|| u16::from_be_bytes(*code))
    }

    /// For messages.
    pub(super) fn described(&self) -> String {
        let name = opcode_name(self.opcode);
        let more = if self.fin { "" } else { " (not final)" };
        match self.close_code() {
            Some(code) => format!("close frame {code} {}", shown(&self.payload[2..])),
            None => format!("{name} frame{more} {}", shown(&self.payload)),
        }
    }
}

/// For messages.
pub(super) fn opcode_name(opcode: u8) -> &'static str {
    match opcode {
        CONTINUATION => "continuation",
        TEXT => "text",
        BINARY => "binary",
        CLOSE => "close",
        PING => "ping",
        PONG => "pong",
        _ => "unknown",
    }
}

/// What the first two bytes of a frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) fin: bool,
    pub(super) opcode: u8,
    /// The length itself, or 126 or 127 for a longer one behind it.
    pub(super) length: u8,
}

impl Start {
    /// Reads the two bytes of a frame that a server sent; the error is the
    /// sentence that names what no server may send.
    pub(super) fn parse([first, second]: [u8; 2]) -> Result<Self, &'static str> {
        let start = Self {
            fin: first & FIN != 0,
            opcode: first & 0x0f,
            length: second & !MASKED,
        };
        // RFC 6455 5.1, 5.2 and 5.5.
        if second & MASKED != 0 {
            return Err("the server masks its frames");
        }
        if first & 0x70 != 0 {
            return Err("a frame has a reserved bit set, though no extension was agreed on");
        }
        if opcode_name(start.opcode) == "unknown" {
            return Err("a frame has an opcode that does not exist");
        }
        if start.opcode >= CLOSE && (!start.fin || start.length > 125) {
            return Err("a control frame is fragmented or longer than 125 bytes");
        }
        Ok(start)
    }

    /// Bytes of the longer length behind the first two.
    pub(super) fn extended(self) -> usize {
        match self.length {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    /// The payload's length; `None` when fewer bytes would have said the same.
    pub(super) fn payload_len(self, extended: &[u8]) -> Option<usize> {
        let long = extended
            .iter()
            .fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
        match self.length {
            126 => (long > 125).then_some(long as usize),
            127 => (long > 0xffff).then_some(long as usize),
            short => Some(short.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6455 5.7.
    #[test]
    fn drafts_are_frames() {
        let hello = Draft::text("Hello");
        assert_eq!(
            hello.bytes(),
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
        );
        assert_eq!(hello.unmasked().bytes(), b"\x81\x05Hello");
        let part = Draft::text("Hel").unfinished().unmasked();
        let rest = Draft::new(CONTINUATION, "lo").unmasked();
        assert_eq!(joined(&[part, rest]), b"\x01\x03Hel\x80\x02lo");
        let long = |len| Draft::new(BINARY, vec![0; len]).unmasked().bytes();
        assert_eq!(long(256)[..4], *b"\x82\x7e\x01\x00");
        assert_eq!(
            long(65536)[..10],
            *b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"
        );
    }

    #[test]
    fn starts_that_no_server_may_send_are_named() {
        let right = Start::parse([0x81, 5]).unwrap();
        assert_eq!((right.fin, right.opcode, right.length), (true, TEXT, 5));
        for (bytes, says) in [
            ([0x81, 0x85], "masks"),
            ([0xc1, 5], "reserved bit"),
            ([0x83, 5], "opcode"),
            ([0x09, 5], "control frame"),
            ([0x88, 126], "control frame"),
        ] {
            assert!(Start::parse(bytes).unwrap_err().contains(says));
        }
    }

    #[test]
    fn lengths_must_be_as_short_as_they_can() {
        let length =
            |byte, extended: &[u8]| Start::parse([0x82, byte]).unwrap().payload_len(extended);
        assert_eq!(length(125, &[]), Some(125));
        assert_eq!(length(126, &[0, 126]), Some(126));
        assert_eq!(length(126, &[0, 125]), None);
        assert_eq!(length(127, &[0, 0, 0, 0, 0, 1, 0, 0]), Some(0x1_0000));
        assert_eq!(length(127, &[0, 0, 0, 0, 0, 0, 255, 255]), None);
    }

    #[test]
    fn close_frames_show_their_code() {
        let frame = Frame {
            fin: true,
            opcode: CLOSE,
            payload: b"\x03\xe8bye".to_vec(),
        };
        assert_eq!(frame.close_code(), Some(1000));
        assert_eq!(frame.described(), "close frame 1000 `bye`");
    }
}
