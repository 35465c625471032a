//! Frame headers (RFC 6455 §5.2).

use super::{Error, Mask, Role};

/// Bytes of the longest header.
pub const HEADER_BYTES_MAX: usize = 14;

/// Bytes of the longest payload of a control frame (§5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0,
    /// A text message or its first fragment.
    Text = 1,
    /// A binary message or its first fragment.
    Binary = 2,
    /// The last frame.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping.
    Pong = 10,
}

impl Opcode {
    const fn new(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// Whether the frame is about the connection: unfragmented, short, allowed between the
    /// fragments of a message.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// All of a frame but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key of a client's frame.
    pub mask: Option<Mask>,
    /// Bytes of the payload, below 2^63.
    pub length: u64,
}

impl Header {
    /// Reads the header at the start of `bytes`, as this role receives it, and its length in bytes.
    /// `None` if it is incomplete.
    ///
    /// # Errors
    ///
    /// The rule of the RFC that the bytes break, as soon as they do.
    #[inline]
    pub fn decode(bytes: &[u8], role: Role) -> Result<Option<(Self, usize)>, Error> {
        let [first, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(Error::ReservedBits);
        }
        let opcode = Opcode::new(first & 0x0f).ok_or(Error::ReservedOpcode)?;
        let fin = first & 0x80 != 0;
        if opcode.is_control() && !fin {
            return Err(Error::ControlFragmented);
        }
        let [second, rest @ ..] = rest else {
            return Ok(None);
        };
        let masked = second & 0x80 != 0;
        match (role, masked) {
            (Role::Server, false) => return Err(Error::NotMasked),
            (Role::Client, true) => return Err(Error::Masked),
            _ => {}
        }
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(Error::ControlTooLong);
        }
        let Some((length, rest)) = length(short, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = match rest {
            rest if !masked => (None, rest),
            [a, b, c, d, rest @ ..] => (Some([*a, *b, *c, *d]), rest),
            _ => return Ok(None),
        };
        let header = Self {
            fin,
            opcode,
            mask,
            length,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Writes the header into an array; how many bytes of it count comes along.
    ///
    /// Fields that contradict each other or the RFC are written as they are.
    #[must_use]
    #[inline]
    pub fn encode(&self) -> ([u8; HEADER_BYTES_MAX], usize) {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let (fixed, extended) = bytes.split_at_mut(2);
        let (short, size) = match self.length {
            0..=125 => (self.length as u8, 0),
            126..=0xffff => (126, 2),
            _ => (127, 8),
        };
        let masked = self.mask.is_some();
        fixed.copy_from_slice(&self::fixed(self.fin, self.opcode, masked, short));
        match size {
            2 => extended[..2].copy_from_slice(&(self.length as u16).to_be_bytes()),
            8 => extended[..8].copy_from_slice(&self.length.to_be_bytes()),
            _ => {}
        }
        let Some(mask) = self.mask else {
            return (bytes, 2 + size);
        };
        extended[size..size + 4].copy_from_slice(&mask);
        (bytes, 2 + size + 4)
    }
}

/// The first two bytes of a header.
#[inline]
pub(super) fn fixed(fin: bool, opcode: Opcode, masked: bool, short: u8) -> [u8; 2] {
    [
        u8::from(fin) << 7 | opcode as u8,
        u8::from(masked) << 7 | short,
    ]
}

/// The length that begins with this number, and what is behind it.
#[inline]
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Error> {
    let (length, least, rest) = match short {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), 126, rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), 0x1_0000, rest),
            None => return Ok(None),
        },
        _ => (u64::from(short), 0, rest),
    };
    if length < least {
        return Err(Error::LengthNotMinimal);
    }
    if length > i64::MAX as u64 {
        return Err(Error::LengthOverflow);
    }
    Ok(Some((length, rest)))
}

#[cfg(test)]
mod tests {
    use super::{Header, Opcode};
    use crate::ws::{Error, Role};

    const OPCODES: [Opcode; 6] = [
        Opcode::Continuation,
        Opcode::Text,
        Opcode::Binary,
        Opcode::Close,
        Opcode::Ping,
        Opcode::Pong,
    ];

    #[test]
    fn a_header_that_was_written_reads_the_same_once_it_is_complete() {
        let lengths = [
            0,
            1,
            125,
            126,
            127,
            255,
            256,
            0xffff,
            0x1_0000,
            u64::from(u32::MAX),
            1 << 32,
            i64::MAX as u64,
        ];
        for opcode in OPCODES {
            for length in lengths {
                for (fin, mask) in [(false, None), (true, Some([1, 2, 3, 0xff]))] {
                    let header = Header {
                        fin,
                        opcode,
                        mask,
                        length,
                    };
                    if opcode.is_control() && (!fin || length > 125) {
                        continue;
                    }
                    let role = mask.map_or(Role::Client, |_| Role::Server);
                    let (bytes, size) = header.encode();
                    for cut in 0..size {
                        assert_eq!(Header::decode(&bytes[..cut], role), Ok(None));
                    }
                    for end in size..bytes.len() {
                        assert_eq!(
                            Header::decode(&bytes[..end], role),
                            Ok(Some((header, size)))
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn first_bytes() {
        for first in 0..=u8::MAX {
            let opcode = first & 0x0f;
            let expected = if first & 0x70 != 0 {
                Err(Error::ReservedBits)
            } else if !matches!(opcode, 0..=2 | 8..=10) {
                Err(Error::ReservedOpcode)
            } else if opcode >= 8 && first < 0x80 {
                Err(Error::ControlFragmented)
            } else {
                Ok(None)
            };
            assert_eq!(
                Header::decode(&[first], Role::Server),
                expected,
                "{first:#x}"
            );
        }
    }

    #[test]
    fn lengths_have_one_form() {
        let decode =
            |bytes: &[u8]| Header::decode(bytes, Role::Client).map(|found| found.is_some());
        assert_eq!(decode(b"\x82\x7e\x00\x7d"), Err(Error::LengthNotMinimal));
        assert_eq!(decode(b"\x82\x7e\x00\x7e"), Ok(true));
        assert_eq!(
            decode(b"\x82\x7f\0\0\0\0\0\0\xff\xff"),
            Err(Error::LengthNotMinimal)
        );
        assert_eq!(decode(b"\x82\x7f\0\0\0\0\0\x01\0\0"), Ok(true));
        assert_eq!(
            decode(b"\x82\x7f\x80\0\0\0\0\0\0\0"),
            Err(Error::LengthOverflow)
        );
    }
}
