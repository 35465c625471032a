//! Frames as a server reads and writes them.

use crate::fault::Fault;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// A complete frame.
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) opcode: u8,
    pub(super) masked: bool,
    pub(super) payload: Vec<u8>,
}

pub(super) enum Parsed {
    Incomplete,
    /// No frame begins like this.
    Invalid,
    /// With its length in bytes.
    Frame(Frame, usize),
}

impl Frame {
    pub(super) fn parse(bytes: &[u8]) -> Parsed {
        Self::complete(bytes).unwrap_or(Parsed::Incomplete)
    }

    /// `None` while bytes are missing.
    fn complete(bytes: &[u8]) -> Option<Parsed> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        let short = second & 0x7f;
        let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        if first & 0x70 != 0 || !known || opcode >= CLOSE && (!fin || short > 125) {
            return Some(Parsed::Invalid);
        }
        let (length, rest) = match short {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*length).into(), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length) as usize, rest)
            }
            short => (short.into(), rest),
        };
        let masked = second & 0x80 != 0;
        let (mask, rest) = if masked {
            let (mask, rest) = rest.split_first_chunk()?;
            (*mask, rest)
        } else {
            ([0; 4], rest)
        };
        let payload = rest.get(..length)?;
        let payload = payload.iter().zip(mask.iter().cycle());
        let frame = Self {
            fin,
            opcode,
            masked,
            payload: payload.map(|(byte, mask)| byte ^ mask).collect(),
        };
        Some(Parsed::Frame(frame, bytes.len() - rest.len() + length))
    }
}

/// A whole message as one frame.
pub(super) fn encode(opcode: u8, payload: &[u8], fault: Option<Fault>) -> Vec<u8> {
    let payload = match fault {
        Some(Fault::WsCutsLong) => &payload[..payload.len().min(0xffff)],
        _ => payload,
    };
    let mask_bit = u8::from(fault == Some(Fault::WsMasks)) << 7;
    let mut bytes = vec![0x80 | opcode];
    let length = payload.len();
    if fault == Some(Fault::WsLongLengths) && opcode < CLOSE || length > 0xffff {
        bytes.push(mask_bit | 127);
        bytes.extend((length as u64).to_be_bytes());
    } else if length > 125 {
        bytes.push(mask_bit | 126);
        bytes.extend((length as u16).to_be_bytes());
    } else {
        bytes.push(mask_bit | length as u8);
    }
    if mask_bit != 0 {
        // A mask of zeros leaves the payload as it is.
        bytes.extend([0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}
