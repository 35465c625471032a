//! Request bodies: the bytes between one head and the next.

use super::chunked::ChunkedDecoder;
use super::{Framing, ParseError};

/// Finds the bytes of one body in the bytes of a connection, without copying them.
#[derive(Clone, Copy, Debug)]
pub struct BodyDecoder {
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(ChunkedDecoder),
    /// A body that was announced as larger than allowed.
    TooLarge,
}

/// What one call of [`BodyDecoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'b> {
    /// Bytes of the input that are dealt with: `data` and any framing around it. At least 1 unless
    /// the input was empty or the body had already ended.
    pub consumed: usize,
    /// The next bytes of the body; possibly empty.
    pub data: &'b [u8],
    /// Whether the body has ended. The input from `consumed` on belongs to the next request.
    pub done: bool,
}

const _: () = assert!(size_of::<BodyDecoder>() <= 32);

impl BodyDecoder {
    /// A decoder for the body that follows a head.
    ///
    /// A body of more than `body_bytes_max` decoded bytes is refused, at the latest when its first
    /// excess byte would be due.
    #[must_use]
    pub const fn new(framing: Framing, body_bytes_max: u64) -> Self {
        let kind = match framing {
            Framing::None => Kind::Length(0),
            Framing::Length(length) if length > body_bytes_max => Kind::TooLarge,
            Framing::Length(length) => Kind::Length(length),
            Framing::Chunked => Kind::Chunked(ChunkedDecoder::new(body_bytes_max)),
        };
        Self { kind }
    }

    /// Whether the body has ended; true from the start if there is none.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.kind {
            Kind::Length(remaining) => *remaining == 0,
            Kind::Chunked(decoder) => decoder.is_done(),
            Kind::TooLarge => false,
        }
    }

    /// Decodes the bytes that follow what earlier calls have consumed.
    ///
    /// Returns at most one run of data; the caller comes back with the bytes that are left until
    /// `done`, or until all bytes are consumed and it has to wait for more.
    ///
    /// # Errors
    ///
    /// The reason why the body is unacceptable; it is final.
    #[inline]
    pub fn decode<'b>(&mut self, bytes: &'b [u8]) -> Result<Decoded<'b>, ParseError> {
        match &mut self.kind {
            Kind::Length(remaining) => {
                let data = match usize::try_from(*remaining) {
                    Ok(length) => bytes.get(..length).unwrap_or(bytes),
                    Err(_) => bytes,
                };
                *remaining -= data.len() as u64;
                Ok(Decoded {
                    consumed: data.len(),
                    data,
                    done: *remaining == 0,
                })
            }
            Kind::Chunked(decoder) => decoder.decode(bytes),
            Kind::TooLarge => Err(ParseError::BodyTooLarge),
        }
    }
}
