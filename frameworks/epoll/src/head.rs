//! Request heads.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Status};

use crate::body::Framing;

/// Bytes of a head that may come in parts.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Other,
}

/// What an endpoint asks of a head.
pub(crate) struct Head<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) framing: Framing,
    /// RFC 9112 section 9.3.
    pub(crate) close: bool,
    /// The client waits for `100 Continue`.
    pub(crate) expects: bool,
    fields: &'a [Header<'a>],
}

/// Why a head is refused: the status line's end, and whether `501` or `431` says
/// more than `400`.
pub(crate) type Refusal = &'static str;

const BAD: Refusal = "400 Bad Request";

/// Looks for a head at the start of `bytes` and hands it to `then` with its
/// length; `None` when it is not complete.
pub(crate) fn parse<T>(
    bytes: &[u8],
    then: impl FnOnce(&Head<'_>, usize) -> T,
) -> Result<Option<T>, Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() > HEAD_BYTES_MAX => return Err(TOO_LARGE),
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders) => return Err(TOO_LARGE),
        Err(_) => return Err(BAD),
    };
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        _ => Method::Other,
    };
    let (path, query) = target(request.path.unwrap_or_default())?;
    let old = request.version != Some(1);
    let mut head = Head {
        method,
        path,
        query,
        framing: Framing::None,
        close: old,
        expects: false,
        fields: request.headers,
    };
    head.interpret(old)?;
    Ok(Some(then(&head, length)))
}

const TOO_LARGE: Refusal = "431 Request Header Fields Too Large";

/// Path and query of a target in origin or absolute form (RFC 9112 section 3.2).
fn target(target: &str) -> Result<(&str, &str), Refusal> {
    let origin = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => target,
    };
    if !origin.starts_with('/') {
        return Err(BAD);
    }
    Ok(origin.split_once('?').unwrap_or((origin, "")))
}

impl Head<'_> {
    /// The fields that decide about framing and the connection. Whatever two
    /// readers could take differently is refused (RFC 9112 section 6.3).
    fn interpret(&mut self, old: bool) -> Result<(), Refusal> {
        let mut hosts = 0;
        let mut length: Option<u64> = None;
        let mut chunked = false;
        for field in self.fields {
            // By length first: most fields are none of these.
            match field.name.len() {
                4 if is(field, "host") => hosts += 1,
                6 if is(field, "expect") => {
                    self.expects = !old && field.value.eq_ignore_ascii_case(b"100-continue");
                }
                10 if is(field, "connection") => {
                    for token in tokens(field.value) {
                        if token.eq_ignore_ascii_case("close") {
                            self.close = true;
                        }
                    }
                }
                14 if is(field, "content-length") => {
                    let value = decimal(field.value).ok_or(BAD)?;
                    if length.is_some_and(|other| other != value) {
                        return Err(BAD);
                    }
                    length = Some(value);
                }
                17 if is(field, "transfer-encoding") => {
                    if old || chunked {
                        return Err(BAD);
                    }
                    if !field.value.eq_ignore_ascii_case(b"chunked") {
                        return Err("501 Not Implemented");
                    }
                    chunked = true;
                }
                _ => {}
            }
        }
        if hosts > 1 || (hosts == 0 && !old) {
            return Err(BAD);
        }
        self.framing = match (chunked, length) {
            (true, Some(_)) => return Err(BAD),
            (true, None) => Framing::Chunked,
            (false, None | Some(0)) => Framing::None,
            (false, Some(length)) => Framing::Sized(length),
        };
        Ok(())
    }

    /// The values of all fields of one name, given in lower case.
    pub(crate) fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |field| is(field, name))
            .filter_map(|field| std::str::from_utf8(field.value).ok())
    }

    /// Whether a list field has this element, in any case.
    pub(crate) fn lists(&self, name: &'static str, element: &str) -> bool {
        self.values(name)
            .any(|value| tokens(value.as_bytes()).any(|token| token.eq_ignore_ascii_case(element)))
    }
}

fn is(field: &Header<'_>, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name)
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &str> {
    value
        .split(|byte| *byte == b',')
        .filter_map(|part| std::str::from_utf8(part.trim_ascii()).ok())
}

/// Digits only, within 64 bits.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &str) -> Result<Option<Framing>, Refusal> {
        let text = format!("POST /x?q HTTP/1.1\r\nHost: h\r\n{fields}\r\nrest");
        parse(text.as_bytes(), |head, length| {
            assert_eq!((head.path, head.query), ("/x", "q"));
            assert_eq!(&text[length..], "rest");
            head.framing
        })
    }

    #[test]
    fn lengths_that_cannot_be_trusted_are_refused() {
        assert_eq!(framing(""), Ok(Some(Framing::None)));
        assert_eq!(
            framing("content-length: 2\r\n"),
            Ok(Some(Framing::Sized(2)))
        );
        assert_eq!(
            framing("Transfer-Encoding: CHUNKED\r\n"),
            Ok(Some(Framing::Chunked))
        );
        for fields in [
            "Content-Length: +2\r\n",
            "Content-Length: \r\n",
            "Content-Length: 2, 2\r\n",
            "Content-Length: 2\r\nContent-Length: 3\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Host: again\r\n",
        ] {
            assert_eq!(framing(fields), Err(BAD), "{fields:?}");
        }
    }

    #[test]
    fn every_prefix_is_incomplete() {
        let text = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Close\r\n\r\n";
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut], |_, _| ()), Ok(None), "{cut}");
        }
        assert_eq!(
            parse(text, |head, length| (head.close, length)),
            Ok(Some((true, text.len())))
        );
    }

    #[test]
    fn absolute_targets_are_taken_apart() {
        assert_eq!(target("http://h:80/a?b=c"), Ok(("/a", "b=c")));
        assert_eq!(target("http://h"), Ok(("/", "")));
        assert_eq!(target("*"), Err(BAD));
    }
}
