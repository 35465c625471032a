//! Request heads: request line and header lines (RFC 9112 §2, §3 and §5).
//!
//! The lines are taken apart by `httparse`, which leaves to its caller what RFC 9112 leaves to the
//! recipient. This module takes the strict side of every such choice: a line ends in CRLF, a target
//! has a form that fits its method, and every field that decides where the body ends is read once.
//!
//! What a head is refused with does not depend on how its bytes were cut into pieces: the first
//! fault in the order of the bytes decides, and faults that only a whole head can have come last.

use core::mem::MaybeUninit;

use httparse::Status;
use memchr::memchr;

use super::fields::{self, Meaning};
use super::lines::{self, Lines};
use super::target::{self, Target};
use super::{Framing, Limits, Method, ParseError, Version};

pub use httparse::Header;

/// Empty lines tolerated before a request line. RFC 9112 §2.2 asks for at least one, for clients
/// that send a CRLF too many after a body; without a bound they would be a free way to keep a
/// connection busy.
const EMPTY_LINES_MAX: usize = 4;

/// A request head, borrowed from the bytes it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'h, 'b> {
    /// The method.
    pub method: Method<'b>,
    /// The path as sent, escapes included: starts with `/`, is `*` for an OPTIONS of the server as
    /// a whole, and is empty for CONNECT.
    pub path: &'b str,
    /// What follows the first `?` of the target, if there is one; possibly empty.
    pub query: Option<&'b str>,
    /// Host and port that the request is for: from the target if it has them, else from the Host
    /// field (RFC 9112 §3.2.2). Empty if neither names one.
    pub authority: &'b [u8],
    /// The version that the request is served as.
    pub version: Version,
    /// All header lines in their order. Values have no surrounding whitespace; they may hold bytes
    /// above 0x7f.
    pub headers: &'h [Header<'b>],
    /// How long the body is. A [`Framing::Length`] is within `body_bytes_max`.
    pub framing: Framing,
    /// Whether the peer wants the connection to stay open after the answer.
    pub keep_alive: bool,
    /// Whether the peer waits for `100 Continue` before it sends the body that it announced.
    pub expect_continue: bool,
}

impl<'b> Head<'_, 'b> {
    /// The value of the first header of this name, ASCII case ignored.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }

    /// The values of all headers of this name in their order, ASCII case ignored.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'b [u8]> + 'a {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }
}

/// Whether a head that is still incomplete can be completed by these further bytes.
///
/// A caller that holds an incomplete head needs to call [`parse`] again only when this is true, or
/// when it holds more than [`Limits::target_bytes_max`] or all of [`Limits::head_bytes_max`] bytes,
/// since that may be a 414 or 431 already.
#[must_use]
#[inline]
pub fn may_be_complete(new_bytes: &[u8]) -> bool {
    memchr(b'\n', new_bytes).is_some()
}

/// Parses a request head at the start of `bytes`.
///
/// `Ok(None)` means that more bytes are needed and that all limits still hold. Otherwise the head
/// comes with its length in bytes; its body, if it has one, follows from there. Bytes after the
/// head are not looked at.
///
/// At most `slots.len()` and at most [`Limits::headers_max`] header lines are accepted.
///
/// # Errors
///
/// The reason why the bytes can never become an acceptable head; see [`ParseError::status`].
#[inline]
pub fn parse<'h, 'b>(
    bytes: &'b [u8],
    slots: &'h mut [MaybeUninit<Header<'b>>],
    limits: &Limits,
) -> Result<Option<(Head<'h, 'b>, usize)>, ParseError> {
    // Nothing beyond the limit is looked at, or the answer would depend on how much has arrived.
    let window = bytes.get(..limits.head_bytes_max).unwrap_or(bytes);
    let full = window.len() == limits.head_bytes_max;
    let empty = match window.first() {
        Some(b'\r' | b'\n') => empty_lines(window)?,
        _ => 0,
    };
    let text = window.get(empty..).unwrap_or_default();
    let slots_max = slots.len().min(limits.headers_max);
    let slots = slots.get_mut(..slots_max).unwrap_or_default();

    let lines = lines::split(text, slots);
    match lines.outcome {
        Ok(Status::Complete(length)) => {
            let text = text.get(..length).unwrap_or_default();
            let head = complete(&lines, text, limits)?;
            Ok(Some((head, empty + length)))
        }
        unfinished => {
            lines.check_target(text, limits)?;
            if let Err(error) = unfinished {
                lines.refuse(text, error)?;
            }
            if full {
                Err(lines.overflow())
            } else {
                Ok(None)
            }
        }
    }
}

/// Counts the bytes of the empty lines before the request line.
#[cold]
fn empty_lines(window: &[u8]) -> Result<usize, ParseError> {
    let mut rest = window;
    for _ in 0..EMPTY_LINES_MAX {
        match rest {
            [b'\r', b'\n', tail @ ..] => rest = tail,
            _ => break,
        }
    }
    match rest {
        // Perhaps the first half of another empty line.
        [b'\r'] if window.len() < 2 * EMPTY_LINES_MAX => {}
        [b'\r' | b'\n', ..] => return Err(ParseError::BadLineEnd),
        _ => {}
    }
    Ok(window.len() - rest.len())
}

/// Judges a head whose lines are all there.
#[inline]
fn complete<'h, 'b>(
    lines: &Lines<'h, 'b>,
    text: &'b [u8],
    limits: &Limits,
) -> Result<Head<'h, 'b>, ParseError> {
    let target = lines.target.unwrap_or_default();
    if target.len() > limits.target_bytes_max {
        return Err(ParseError::TargetTooLong);
    }
    if !lines.end_in_crlf(text) {
        return Err(ParseError::BadLineEnd);
    }
    let method = Method::from_token(lines.method.unwrap_or_default());
    let Target {
        path,
        query,
        authority,
    } = target::parse(method, target)?;
    let Meaning {
        host,
        framing,
        keep_alive,
        expect_continue,
    } = fields::examine(lines.headers, lines.version, limits)?;
    Ok(Head {
        method,
        path,
        query,
        authority: authority.map_or(host, str::as_bytes),
        version: lines.version,
        headers: lines.headers,
        framing,
        keep_alive,
        expect_continue,
    })
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::{Head, may_be_complete, parse};
    use crate::http1::{Limits, ParseError};

    /// Parses a whole head with as many slots as asked for and hands it on.
    fn with_head<T>(text: &str, slots: usize, look: impl FnOnce(&Head<'_, '_>) -> T) -> T {
        let mut all = [const { MaybeUninit::uninit() }; 8];
        let (head, length) = parse(text.as_bytes(), &mut all[..slots], &Limits::default())
            .unwrap()
            .unwrap();
        assert_eq!(length, text.len());
        look(&head)
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let text = "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nX-AB: 3\r\n\r\n";
        with_head(text, 8, |head| {
            assert_eq!(head.header("x-A"), Some(&b"1"[..]));
            assert_eq!(head.header("x"), None);
            assert!(head.header_values("X-A").eq([b"1", b"2"]));
            assert_eq!(head.header_values("y").next(), None);
        });
    }

    #[test]
    fn the_target_decides_about_the_authority() {
        let text = "GET http://a:1/p HTTP/1.1\r\nHost: b\r\n\r\n";
        with_head(text, 1, |head| {
            assert_eq!(head.authority, b"a:1");
            assert_eq!(head.header("host"), Some(&b"b"[..]));
        });
    }

    #[test]
    fn slots_bound_the_headers_as_the_limit_does() {
        let text = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
        with_head(text, 2, |head| assert_eq!(head.headers.len(), 2));
        let mut one = [MaybeUninit::uninit()];
        assert_eq!(
            parse(text.as_bytes(), &mut one, &Limits::default()),
            Err(ParseError::TooManyHeaders)
        );
        assert_eq!(
            parse(b"GET / HTTP/1.0\r\n\r\n", &mut [], &Limits::default())
                .map(|found| found.map(|(_, length)| length)),
            Ok(Some(18))
        );
    }

    #[test]
    fn bytes_behind_the_head_are_left_alone() {
        let mut slots = [const { MaybeUninit::uninit() }; 1];
        let input = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n\0\n\xff";
        let parsed = parse(input, &mut slots, &Limits::default());
        assert_eq!(
            parsed.map(|found| found.map(|(_, length)| length)),
            Ok(Some(input.len() - 3))
        );
    }

    #[test]
    fn only_a_line_end_can_complete_a_head() {
        assert!(may_be_complete(b"\n"));
        assert!(may_be_complete(b"a: b\r\nc"));
        assert!(!may_be_complete(b""));
        assert!(!may_be_complete(b"GET / HTTP/1.1\r"));
    }
}
