//! Writes response heads (RFC 9112 §4 and §5), appending to the caller's buffer.
//!
//! ```
//! use sws_proto::http1::response;
//!
//! let mut out = Vec::new();
//! response::begin(&mut out, 200);
//! response::header(&mut out, "content-type", "text/plain");
//! let length = response::reserve_content_length(&mut out);
//! response::end(&mut out);
//! let start = out.len();
//! out.extend_from_slice(b"hello");
//! let written = (out.len() - start) as u64;
//! length.patch(&mut out, written);
//! assert!(out.ends_with(b" 5\r\n\r\nhello"));
//! ```

use alloc::vec::Vec;
use core::fmt;

use super::status;
use super::token::{is_tchar, is_value_byte};

pub use super::status::reason;

/// The whole interim response that lets a peer send the body it announced (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Digits of the largest length, so that every length can be patched in.
const LENGTH_WIDTH: usize = 20;

/// Starts a response with its status line.
///
/// A status without a registered reason gets an empty one, which RFC 9112 §4 allows. A number that
/// is no status code (RFC 9110 §15: three digits, 100 to 599) is a fault of this side: 500.
#[inline]
pub fn begin(out: &mut Vec<u8>, status: u16) {
    match status::line(status) {
        Some(line) => out.extend_from_slice(line),
        None => begin_unregistered(out, status),
    }
}

#[cold]
fn begin_unregistered(out: &mut Vec<u8>, status: u16) {
    if !matches!(status, 100..=599) {
        return begin(out, 500);
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.extend_from_slice(b" \r\n");
}

/// Appends a header line whose name and value the program itself wrote.
///
/// For anything that came from elsewhere use [`try_header`]: a CR or LF in either part would forge
/// further lines. Debug builds assert that there is none.
#[inline]
pub fn header(out: &mut Vec<u8>, name: &str, value: impl AsRef<[u8]>) {
    let value = value.as_ref();
    debug_assert!(is_valid(name, value), "header {name} would break the head");
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a header line, provided that it is one.
///
/// # Errors
///
/// [`InvalidHeader`] if the name is no token or the value holds a byte that no field value may
/// hold (RFC 9110 §5.1, §5.5), CR and LF among them; nothing is appended then.
pub fn try_header(
    out: &mut Vec<u8>,
    name: &str,
    value: impl AsRef<[u8]>,
) -> Result<(), InvalidHeader> {
    let value = value.as_ref();
    if !is_valid(name, value) {
        return Err(InvalidHeader);
    }
    header(out, name, value);
    Ok(())
}

fn is_valid(name: &str, value: &[u8]) -> bool {
    !name.is_empty() && name.bytes().all(is_tchar) && value.iter().all(|byte| is_value_byte(*byte))
}

/// A header name or value that would not survive as one header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHeader;

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("header name or value holds a byte that is not allowed there")
    }
}

impl core::error::Error for InvalidHeader {}

/// Appends a Content-Length line.
#[inline]
pub fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a Content-Length line whose number is filled in once the body has been written.
///
/// The number is padded on its left with spaces, which are optional whitespace before a field
/// value (RFC 9112 §5).
#[inline]
pub fn reserve_content_length(out: &mut Vec<u8>) -> LengthMark {
    out.extend_from_slice(b"Content-Length: ");
    let offset = out.len();
    // Valid even if nobody patches it: a response without a body.
    out.extend_from_slice(b"                   0\r\n");
    LengthMark { offset }
}

/// The place of a Content-Length in an output buffer.
#[derive(Debug)]
#[must_use = "a length that is never filled in stays 0"]
pub struct LengthMark {
    /// Offset of the first padding byte.
    offset: usize,
}

impl LengthMark {
    /// Fills in the length in bytes.
    ///
    /// `out` is the buffer that the mark was reserved in, starting at the same byte; a slice that
    /// does not reach to the mark is left as it is.
    #[inline]
    pub fn patch(self, out: &mut [u8], length: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(length).as_bytes();
        let end = self.offset + LENGTH_WIDTH;
        let place = out.get_mut(end - digits.len()..end);
        debug_assert!(
            place.is_some(),
            "patched a buffer other than the marked one"
        );
        if let Some(place) = place {
            place.copy_from_slice(digits);
        }
    }
}

/// Ends the head with its empty line.
#[inline]
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{
        InvalidHeader, begin, content_length, end, header, reserve_content_length, try_header,
    };

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn status_lines_of_known_unknown_and_impossible_codes() {
        assert_eq!(written(|out| begin(out, 200)), b"HTTP/1.1 200 OK\r\n");
        assert_eq!(written(|out| begin(out, 599)), b"HTTP/1.1 599 \r\n");
        for status in [0, 99, 600, 1000, u16::MAX] {
            assert_eq!(
                written(|out| begin(out, status)),
                b"HTTP/1.1 500 Internal Server Error\r\n"
            );
        }
    }

    #[test]
    fn a_head_is_its_lines_in_order() {
        let head = written(|out| {
            begin(out, 404);
            header(out, "content-type", "text/plain");
            content_length(out, u64::MAX);
            end(out);
        });
        assert_eq!(
            head,
            b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\n\
              Content-Length: 18446744073709551615\r\n\r\n"
        );
    }

    #[test]
    fn a_patched_length_keeps_its_neighbours() {
        for length in [0, 7, 10, 8397, u64::from(u32::MAX), u64::MAX] {
            let mut out = b"before\r\n".to_vec();
            let mark = reserve_content_length(&mut out);
            out.extend_from_slice(b"after");
            mark.patch(&mut out, length);
            let text = core::str::from_utf8(&out).unwrap();
            let value = text
                .strip_prefix("before\r\nContent-Length: ")
                .and_then(|rest| rest.strip_suffix("\r\nafter"))
                .unwrap();
            assert_eq!(value.len(), 20);
            assert_eq!(value.trim_start_matches(' ').parse(), Ok(length));
        }
    }

    #[test]
    fn headers_cannot_forge_lines() {
        for (name, value) in [
            ("x", "a\r\nset-cookie: b"),
            ("x", "a\nb"),
            ("x", "a\rb"),
            ("x", "a\0b"),
            ("x", "\x7f"),
            ("x\r\ny", "a"),
            ("x:", "a"),
            ("x y", "a"),
            ("", "a"),
            ("\u{e9}", "a"),
        ] {
            let mut out = Vec::new();
            assert_eq!(
                try_header(&mut out, name, value),
                Err(InvalidHeader),
                "{name}"
            );
            assert!(out.is_empty());
        }
        let mut out = Vec::new();
        assert_eq!(try_header(&mut out, "x", "a\tb \u{e9}"), Ok(()));
        assert_eq!(out, "x: a\tb \u{e9}\r\n".as_bytes());
    }
}
