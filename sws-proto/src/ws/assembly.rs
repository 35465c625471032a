//! A message that has not arrived completely.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Error, Mask, Message, mask};

/// Bytes of a character that can be missing its end.
const TAIL_MAX: usize = 3;

/// The frames of one message, put together as their bytes arrive.
#[derive(Debug)]
pub(super) struct Assembly {
    body: Body,
    /// Payload bytes of the current frame that are still to come.
    left: usize,
    /// The key of the current frame, rotated to the next byte.
    mask: Option<Mask>,
    /// Whether the current frame is the last one.
    fin: bool,
}

#[derive(Debug)]
enum Body {
    /// Text is kept as what it is, so that nothing has to be looked at twice.
    Text {
        text: String,
        tail: Tail,
    },
    Binary(Vec<u8>),
}

/// The start of a character whose end has not arrived.
#[derive(Debug, Default)]
struct Tail {
    bytes: [u8; TAIL_MAX],
    len: u8,
}

impl Tail {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn set(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().zip(bytes) {
            *place = *byte;
        }
        self.len = bytes.len() as u8;
    }
}

impl Assembly {
    pub(super) const fn text() -> Self {
        Self::new(Body::Text {
            text: String::new(),
            tail: Tail {
                bytes: [0; TAIL_MAX],
                len: 0,
            },
        })
    }

    pub(super) const fn binary() -> Self {
        Self::new(Body::Binary(Vec::new()))
    }

    const fn new(body: Body) -> Self {
        Self {
            body,
            left: 0,
            mask: None,
            fin: false,
        }
    }

    /// Bytes of the message that have arrived.
    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Text { text, tail } => text.len() + usize::from(tail.len),
            Body::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the next bytes belong to a payload.
    pub(super) const fn in_frame(&self) -> bool {
        self.left > 0
    }

    /// Whether the message has all of its bytes.
    pub(super) const fn is_complete(&self) -> bool {
        self.fin && self.left == 0
    }

    /// A frame of so many bytes follows.
    pub(super) const fn begin_frame(&mut self, length: usize, mask: Option<Mask>, fin: bool) {
        self.left = length;
        self.mask = mask;
        self.fin = fin;
    }

    /// Takes what belongs to the current frame.
    pub(super) fn absorb(&mut self, input: &mut &[u8], scratch: &mut Vec<u8>) -> Result<(), Error> {
        let (piece, rest) = input.split_at_checked(self.left).unwrap_or((input, &[]));
        if piece.is_empty() {
            return Ok(());
        }
        *input = rest;
        self.make_room(piece.len());
        self.left -= piece.len();
        match &mut self.body {
            Body::Text { text, tail } => append_text(text, tail, piece, self.mask, scratch)?,
            Body::Binary(bytes) => match self.mask {
                Some(mask) => mask::append(bytes, piece, mask),
                None => mask::append_plain(bytes, piece),
            },
        }
        self.mask = self.mask.map(|mask| mask::rotated(mask, piece.len()));
        Ok(())
    }

    /// Checks what only a complete message can be checked for.
    pub(super) fn finish(&self) -> Result<(), Error> {
        match &self.body {
            Body::Text { tail, .. } if tail.len > 0 => Err(Error::NotUtf8),
            _ => Ok(()),
        }
    }

    /// Grows by doubling, but not beyond the end of a message whose end is known.
    fn make_room(&mut self, more: usize) {
        let (capacity, len) = match &self.body {
            Body::Text { text, .. } => (text.capacity(), self.len()),
            Body::Binary(bytes) => (bytes.capacity(), bytes.len()),
        };
        if capacity - len.min(capacity) >= more {
            return;
        }
        let doubled = (2 * len).max(len + more);
        let wanted = match self.fin {
            true => doubled.min(len + self.left),
            false => doubled,
        };
        match &mut self.body {
            Body::Text { text, .. } => text.reserve_exact(wanted - text.len()),
            Body::Binary(bytes) => bytes.reserve_exact(wanted - len),
        }
    }

    pub(super) fn message(&self) -> Message<'_> {
        match &self.body {
            Body::Text { text, .. } => Message::Text(text),
            Body::Binary(bytes) => Message::Binary(bytes),
        }
    }
}

/// Appends to a text, or says that it can no longer become one.
fn append_text(
    text: &mut String,
    tail: &mut Tail,
    piece: &[u8],
    mask: Option<Mask>,
    scratch: &mut Vec<u8>,
) -> Result<(), Error> {
    let plain = if mask.is_none() && tail.len == 0 {
        piece
    } else {
        scratch.clear();
        scratch.extend_from_slice(tail.as_bytes());
        match mask {
            Some(mask) => mask::append(scratch, piece, mask),
            None => scratch.extend_from_slice(piece),
        }
        &scratch[..]
    };
    let error = match core::str::from_utf8(plain) {
        Ok(valid) => {
            text.push_str(valid);
            tail.len = 0;
            return Ok(());
        }
        Err(error) => error,
    };
    // With a length it is wrong whatever follows; without, it wants more bytes.
    if error.error_len().is_some() {
        return Err(Error::NotUtf8);
    }
    let (valid, rest) = plain
        .split_at_checked(error.valid_up_to())
        .unwrap_or_default();
    text.push_str(core::str::from_utf8(valid).map_err(|_| Error::NotUtf8)?);
    tail.set(rest);
    Ok(())
}
