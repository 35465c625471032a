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
    /// `done`, or until all bytes are consumed and it has to wait for more. Data in front of a
    /// fault is returned first; the fault is the next call's error.
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

#[cfg(test)]
mod tests {
    use super::{BodyDecoder, Decoded};
    use crate::http1::{Framing, ParseError};

    fn decoded(consumed: usize, data: &[u8], done: bool) -> Result<Decoded<'_>, ParseError> {
        Ok(Decoded {
            consumed,
            data,
            done,
        })
    }

    #[test]
    fn a_length_ends_with_its_last_byte() {
        let mut decoder = BodyDecoder::new(Framing::Length(5), 5);
        assert!(!decoder.is_done());
        assert_eq!(decoder.decode(b""), decoded(0, b"", false));
        assert_eq!(decoder.decode(b"abc"), decoded(3, b"abc", false));
        assert_eq!(decoder.decode(b"deGET /"), decoded(2, b"de", true));
        assert_eq!(decoder.decode(b"GET /"), decoded(0, b"", true));
    }

    #[test]
    fn no_body_is_done_before_it_begins() {
        for framing in [Framing::None, Framing::Length(0)] {
            let mut decoder = BodyDecoder::new(framing, 0);
            assert!(decoder.is_done());
            assert_eq!(decoder.decode(b"GET /"), decoded(0, b"", true));
        }
    }

    #[test]
    fn a_body_that_is_announced_too_large_is_refused_at_once() {
        let mut decoder = BodyDecoder::new(Framing::Length(6), 5);
        assert!(!decoder.is_done());
        assert_eq!(decoder.decode(b""), Err(ParseError::BodyTooLarge));
    }

    #[test]
    fn a_small_chunked_body_takes_one_call() {
        let mut decoder = BodyDecoder::new(Framing::Chunked, 10);
        let input = b"2\r\n20\r\n0\r\n\r\nGET /";
        assert_eq!(decoder.decode(input), decoded(12, b"20", true));
        assert_eq!(decoder.decode(b"GET /"), decoded(0, b"", true));
    }

    #[test]
    fn each_run_of_data_takes_one_call_with_the_framing_around_it() {
        let mut decoder = BodyDecoder::new(Framing::Chunked, 10);
        assert_eq!(decoder.decode(b"3"), decoded(1, b"", false));
        assert_eq!(decoder.decode(b"\r\na"), decoded(3, b"a", false));
        assert_eq!(
            decoder.decode(b"bc\r\n1\r\nd\r\n"),
            decoded(7, b"bc", false)
        );
        assert_eq!(decoder.decode(b"d\r\n"), decoded(3, b"d", false));
        assert_eq!(decoder.decode(b"0\r\n\r"), decoded(4, b"", false));
        assert_eq!(decoder.decode(b"\n\r\n"), decoded(1, b"", true));
    }

    #[test]
    fn data_in_front_of_a_fault_is_handed_out_first() {
        let mut decoder = BodyDecoder::new(Framing::Chunked, 10);
        assert_eq!(decoder.decode(b"2\r\n20\r\r\n"), decoded(5, b"20", false));
        assert_eq!(decoder.decode(b"\r\r\n"), Err(ParseError::BadChunk));
        assert_eq!(decoder.decode(b"\r\r\n"), Err(ParseError::BadChunk));
    }
}
