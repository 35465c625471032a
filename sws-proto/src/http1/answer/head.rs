//! The head of one answer.

use super::{AnswerError, RequestKind};
use crate::http1::list;
use crate::http1::token::{is_tchar, is_value_byte, trim_ows};
use memchr::memchr;

/// How the end of an answer's body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the server closes.
    Close,
}

/// What a parsed head means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    pub body: BodyEnd,
    /// The connection carries no answer after this one.
    pub close: bool,
    /// What the sink thinks of it.
    pub accepted: bool,
}

impl Head {
    /// 1xx other than 101: announces the real answer and stands for nothing itself (RFC 9110 §15.2). After
    /// 101 the connection speaks another protocol, so that one is final.
    pub(super) fn is_interim(self) -> bool {
        self.status < 200 && self.status != 101
    }
}

/// The fields that decide about framing.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    transfer_encoding: bool,
    /// The last transfer coding seen is `chunked`.
    chunked_last: bool,
    chunked_seen: bool,
    close: bool,
    keep_alive: bool,
}

/// Parses a head; `None` while it is incomplete. The `usize` is its length in bytes.
pub(super) fn parse(bytes: &[u8], kind: RequestKind) -> Result<Option<(Head, usize)>, AnswerError> {
    let expected = &b"HTTP/1."[..bytes.len().min(7)];
    if !bytes.starts_with(expected) {
        return Err(AnswerError::StatusLine);
    }
    let Some((line, mut at)) = line(bytes, 0)? else {
        return Ok(None);
    };
    let (version_10, status) = status_line(line)?;
    let mut fields = Fields::default();
    loop {
        let Some((line, next)) = self::line(bytes, at)? else {
            return Ok(None);
        };
        at = next;
        if line.is_empty() {
            break;
        }
        fields.read(line)?;
    }
    Ok(Some((judge(&fields, version_10, status, kind)?, at)))
}

/// The line that starts at `at`, without its CRLF, and where the next one starts.
fn line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, AnswerError> {
    let Some(len) = memchr(b'\n', &bytes[at..]) else {
        return Ok(None);
    };
    match bytes[at..at + len].split_last() {
        Some((b'\r', line)) => Ok(Some((line, at + len + 1))),
        _ => Err(AnswerError::BareLineFeed),
    }
}

/// Whether the version is 1.0, and the status. A missing space after the status is let pass: some servers
/// drop it with an empty reason phrase, and nothing can be misread.
fn status_line(line: &[u8]) -> Result<(bool, u16), AnswerError> {
    let [
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        b'1',
        b'.',
        minor @ (b'0' | b'1'),
        b' ',
        hundreds @ b'1'..=b'9',
        tens @ b'0'..=b'9',
        ones @ b'0'..=b'9',
        reason @ ..,
    ] = line
    else {
        return Err(AnswerError::StatusLine);
    };
    let reason_is_text = match reason {
        [] => true,
        [b' ', text @ ..] => text.iter().copied().all(is_value_byte),
        _ => false,
    };
    if !reason_is_text {
        return Err(AnswerError::StatusLine);
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    let status = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
    Ok((*minor == b'0', status))
}

impl Fields {
    fn read(&mut self, line: &[u8]) -> Result<(), AnswerError> {
        let Some(colon) = memchr(b':', line) else {
            return Err(AnswerError::NoColon);
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().copied().all(is_tchar) {
            return Err(AnswerError::HeaderName);
        }
        if !value.iter().copied().all(is_value_byte) {
            return Err(AnswerError::HeaderValue);
        }
        match name.len() {
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.close |= list::contains(value, b"close");
                self.keep_alive |= list::contains(value, b"keep-alive");
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.codings(value),
            _ => Ok(()),
        }
    }

    /// RFC 9110 §8.6: repeated equal values may be taken as one; anything else is an error.
    fn length(&mut self, value: &[u8]) -> Result<(), AnswerError> {
        for member in value.split(|byte| *byte == b',') {
            let length = decimal(trim_ows(member)).ok_or(AnswerError::ContentLength)?;
            if self.length.is_some_and(|earlier| earlier != length) {
                return Err(AnswerError::ConflictingLengths);
            }
            self.length = Some(length);
        }
        Ok(())
    }

    fn codings(&mut self, value: &[u8]) -> Result<(), AnswerError> {
        self.transfer_encoding = true;
        for coding in list::members(value) {
            self.chunked_last = coding.eq_ignore_ascii_case(b"chunked");
            // RFC 9112 §6.1: chunked is never applied twice.
            if self.chunked_last && self.chunked_seen {
                return Err(AnswerError::TransferEncoding);
            }
            self.chunked_seen |= self.chunked_last;
        }
        Ok(())
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// RFC 9112 §6.3 (body length) and §9.3 (persistence).
fn judge(
    fields: &Fields,
    version_10: bool,
    status: u16,
    kind: RequestKind,
) -> Result<Head, AnswerError> {
    let tunnel = status == 101 || kind == RequestKind::Connect && status / 100 == 2;
    let bodiless = kind == RequestKind::Head || status < 200 || matches!(status, 204 | 304);
    let body = if tunnel {
        BodyEnd::Length(0)
    } else if fields.transfer_encoding && fields.length.is_some() {
        return Err(AnswerError::AmbiguousLength);
    } else if fields.transfer_encoding && version_10 {
        return Err(AnswerError::TransferEncoding);
    } else if bodiless {
        BodyEnd::Length(0)
    } else if fields.chunked_last {
        BodyEnd::Chunked
    } else if fields.transfer_encoding {
        BodyEnd::Close
    } else {
        fields.length.map_or(BodyEnd::Close, BodyEnd::Length)
    };
    let persistent = if version_10 {
        fields.keep_alive && !fields.close
    } else {
        !fields.close
    };
    let close = tunnel || !persistent || body == BodyEnd::Close;
    Ok(Head {
        status,
        body,
        close,
        accepted: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn ordinary(text: &str) -> Result<Option<(Head, usize)>, AnswerError> {
        parse(text.as_bytes(), RequestKind::Ordinary)
    }

    fn head(text: &str) -> Head {
        let (head, len) = ordinary(text).unwrap().unwrap();
        assert_eq!(len, text.len());
        head
    }

    #[test]
    fn framing_follows_the_order_of_the_rfc() {
        let body = |fields: &str| head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).body;
        assert_eq!(body("Content-Length: 12\r\n"), BodyEnd::Length(12));
        assert_eq!(body("content-LENGTH:\t0 \r\n"), BodyEnd::Length(0));
        assert_eq!(
            body("Content-Length: 7, 7\r\nContent-Length: 7\r\n"),
            BodyEnd::Length(7)
        );
        assert_eq!(body("Transfer-Encoding: chunked\r\n"), BodyEnd::Chunked);
        assert_eq!(
            body("Transfer-Encoding: gzip, Chunked\r\n"),
            BodyEnd::Chunked
        );
        assert_eq!(body("Transfer-Encoding: gzip\r\n"), BodyEnd::Close);
        assert_eq!(body(""), BodyEnd::Close);
    }

    #[test]
    fn some_answers_never_have_a_body() {
        for status in ["204 No Content", "304 Not Modified", "100 Continue"] {
            let text = format!("HTTP/1.1 {status}\r\nContent-Length: 40\r\n\r\n");
            assert_eq!(head(&text).body, BodyEnd::Length(0), "{status}");
        }
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n";
        let (head, _) = parse(text, RequestKind::Head).unwrap().unwrap();
        assert_eq!(head.body, BodyEnd::Length(0));
        let (tunnel, _) = parse(text, RequestKind::Connect).unwrap().unwrap();
        assert!(tunnel.close && tunnel.body == BodyEnd::Length(0));
    }

    #[test]
    fn persistence_follows_version_and_connection_field() {
        let close = |version: &str, field: &str| {
            head(&format!(
                "HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{field}\r\n"
            ))
            .close
        };
        assert!(!close("1.1", ""));
        assert!(close("1.1", "Connection: Close\r\n"));
        assert!(close("1.1", "Connection: foo, close\r\n"));
        assert!(!close("1.1", "Connection: keep-alive\r\n"));
        assert!(close("1.0", ""));
        assert!(!close("1.0", "Connection: keep-alive\r\n"));
        assert!(head("HTTP/1.1 101 Switching Protocols\r\n\r\n").close);
        assert!(head("HTTP/1.1 200\r\n\r\n").close);
    }

    #[test]
    fn malformed_heads_are_named() {
        use AnswerError as E;
        let fields = |fields: &str| ordinary(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
        for (line, error) in [
            ("NoColon\r\n", E::NoColon),
            (": empty\r\n", E::HeaderName),
            ("Bad Name: x\r\n", E::HeaderName),
            ("A: b\r\n folded\r\n", E::NoColon),
            ("A: b\r\n folded: x\r\n", E::HeaderName),
            ("A: a\x01b\r\n", E::HeaderValue),
            ("A: a\rb\r\n", E::HeaderValue),
            ("A: b\n", E::BareLineFeed),
            ("Content-Length: 1x\r\n", E::ContentLength),
            ("Content-Length: -1\r\n", E::ContentLength),
            ("Content-Length: +1\r\n", E::ContentLength),
            ("Content-Length:\r\n", E::ContentLength),
            ("Content-Length: 18446744073709551616\r\n", E::ContentLength),
            (
                "Content-Length: 1\r\nContent-Length: 2\r\n",
                E::ConflictingLengths,
            ),
            ("Content-Length: 1, 2\r\n", E::ConflictingLengths),
            (
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                E::AmbiguousLength,
            ),
            (
                "Transfer-Encoding: chunked, chunked\r\n",
                E::TransferEncoding,
            ),
        ] {
            assert_eq!(fields(line), Err(error), "{line:?}");
        }
        assert_eq!(
            ordinary("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Err(E::TransferEncoding)
        );
    }

    #[test]
    fn malformed_status_lines_are_refused_as_early_as_they_can_be() {
        for line in [
            "HTTP/2.0 200 OK",
            "HTTP/1.2 200 OK",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 2x0 OK",
            "HTTP/1.1 099 OK",
            "HTTP/1.1 200OK",
            "HTTP/1.1 200 O\x00K",
            "HTTP/1.1",
        ] {
            let text = format!("{line}\r\n\r\n");
            assert_eq!(ordinary(&text), Err(AnswerError::StatusLine), "{line}");
        }
        assert_eq!(ordinary("x"), Err(AnswerError::StatusLine));
        assert_eq!(ordinary("HTTP/2"), Err(AnswerError::StatusLine));
        assert_eq!(
            ordinary("\r\nHTTP/1.1 200 OK\r\n\r\n"),
            Err(AnswerError::StatusLine)
        );
    }

    #[test]
    fn every_prefix_is_incomplete() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n";
        for len in 0..text.len() {
            assert_eq!(ordinary(&text[..len]), Ok(None), "{len}");
        }
        assert!(ordinary(text).unwrap().is_some());
    }
}
