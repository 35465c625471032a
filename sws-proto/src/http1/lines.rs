//! The lines of a head, taken apart by `httparse` and held to the stricter reading of RFC 9112.

use core::mem::MaybeUninit;

use httparse::{Error, Header, Request, Status};
use memchr::memchr;

use super::{Limits, ParseError, Version};

/// How far `httparse` came, with what it found on the way.
#[derive(Debug)]
pub(crate) struct Lines<'h, 'b> {
    pub(crate) outcome: httparse::Result<usize>,
    pub(crate) method: Option<&'b str>,
    pub(crate) target: Option<&'b str>,
    /// Meaningful once the outcome is complete.
    pub(crate) version: Version,
    /// Empty unless the outcome is complete.
    pub(crate) headers: &'h [Header<'b>],
}

/// Splits the head at the start of `text` into its lines.
#[inline]
pub(crate) fn split<'h, 'b>(
    text: &'b [u8],
    slots: &'h mut [MaybeUninit<Header<'b>>],
) -> Lines<'h, 'b> {
    match memchr(b'\n', text) {
        Some(end) if !ends_in_1_1(text, end) && ends_in_newer(text, end) => {
            split_newer(text, end, slots)
        }
        _ => split_usual(text, slots),
    }
}

#[inline]
fn split_usual<'h, 'b>(text: &'b [u8], slots: &'h mut [MaybeUninit<Header<'b>>]) -> Lines<'h, 'b> {
    let mut request = Request::new(&mut []);
    let outcome = request.parse_with_uninit_headers(text, slots);
    Lines {
        outcome,
        method: request.method,
        target: request.path,
        version: match request.version {
            Some(0) => Version::Http10,
            _ => Version::Http11,
        },
        headers: request.headers,
    }
}

#[inline]
fn ends_in_1_1(text: &[u8], end: usize) -> bool {
    text.get(..end)
        .is_some_and(|line| line.ends_with(b"HTTP/1.1\r"))
}

/// Whether the line that ends before `end` asks for HTTP/1.2 to HTTP/1.9.
#[cold]
fn ends_in_newer(text: &[u8], end: usize) -> bool {
    matches!(
        text.get(..end),
        Some([
            ..,
            b' ',
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'2'..=b'9',
            b'\r'
        ])
    )
}

/// RFC 9110 §2.5: a higher minor version is processed as the highest one implemented.
///
/// `httparse` refuses such a line, so it parses the line and the headers one after the other.
#[cold]
fn split_newer<'h, 'b>(
    text: &'b [u8],
    end: usize,
    slots: &'h mut [MaybeUninit<Header<'b>>],
) -> Lines<'h, 'b> {
    let mut line = split_usual(text, &mut []);
    // The line must consist of a method, a target and that version, without anything in between.
    let (method, target) = (
        line.method.unwrap_or_default(),
        line.target.unwrap_or_default(),
    );
    let length = method.len() + " ".len() + target.len() + " HTTP/1.x\r".len();
    if line.outcome != Err(Error::Version) || length != end {
        return line;
    }
    let start = end + 1;
    let lines = text.get(start..).unwrap_or_default();
    match httparse::parse_headers(lines, blank(slots)) {
        Ok(Status::Complete((length, headers))) => Lines {
            outcome: Ok(Status::Complete(start + length)),
            headers,
            ..line
        },
        Ok(Status::Partial) => {
            line.outcome = Ok(Status::Partial);
            line
        }
        Err(error) => {
            line.outcome = Err(error);
            line
        }
    }
}

const BLANK_LINE: &[u8] = b"GET / HTTP/1.1\r\n";
const BLANK_FIELD: &[u8] = b"a:\r\n";
/// The largest power of two of header slots that [`blank`] can prepare, as an exponent.
const BLANK_EXPONENT_MAX: usize = 6;
const BLANK_BYTES: usize = BLANK_LINE.len() + (BLANK_FIELD.len() << BLANK_EXPONENT_MAX) + 2;

/// Heads with 1, 2, 4, … 64 empty header lines; bytes after the end of a head are unused.
static BLANK_HEADS: [[u8; BLANK_BYTES]; BLANK_EXPONENT_MAX + 1] = {
    let mut heads = [[b'\n'; BLANK_BYTES]; BLANK_EXPONENT_MAX + 1];
    let mut exponent = 0;
    while exponent <= BLANK_EXPONENT_MAX {
        let fields_end = BLANK_LINE.len() + (BLANK_FIELD.len() << exponent);
        let mut at = 0;
        while at < fields_end {
            heads[exponent][at] = if at < BLANK_LINE.len() {
                BLANK_LINE[at]
            } else {
                BLANK_FIELD[(at - BLANK_LINE.len()) % BLANK_FIELD.len()]
            };
            at += 1;
        }
        heads[exponent][fields_end] = b'\r';
        heads[exponent][fields_end + 1] = b'\n';
        exponent += 1;
    }
    heads
};

/// Initialises slots without unsafe code: only `httparse` can turn uninitialised slots into
/// headers, so it is given a head with as many headers as there are slots. The number is rounded
/// down to a power of two, at most 64, which bounds the headers of a newer-version request.
fn blank<'h, 'b>(slots: &'h mut [MaybeUninit<Header<'b>>]) -> &'h mut [Header<'b>] {
    let Some(exponent) = slots.len().checked_ilog2() else {
        return &mut [];
    };
    let exponent = BLANK_EXPONENT_MAX.min(exponent as usize);
    let slots = slots.get_mut(..1 << exponent).unwrap_or_default();
    let head = BLANK_HEADS.get(exponent).map_or(&[][..], |head| head);
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(head, slots) {
        Ok(Status::Complete(_)) => request.headers,
        _ => &mut [],
    }
}

impl<'b> Lines<'_, 'b> {
    /// Whether every line of a complete head ends in CRLF. `httparse` also ends lines at a bare LF,
    /// as RFC 9112 §2.2 permits; a recipient in front of this one may not, so it is refused.
    ///
    /// Only line ends hold an LF in what `httparse` accepts, so looking before each name and at
    /// the end of the head covers all of them.
    #[inline]
    pub(crate) fn end_in_crlf(&self, text: &'b [u8]) -> bool {
        text.ends_with(b"\r\n\r\n")
            && self.headers.iter().all(|header| {
                let offset = header
                    .name
                    .as_ptr()
                    .addr()
                    .wrapping_sub(text.as_ptr().addr());
                text.get(offset.wrapping_sub(2)..offset) == Some(b"\r\n")
            })
    }

    /// RFC 9112 §3: refuses a target that is too long, also one that has not ended yet.
    ///
    /// To be called before any fault behind the target is reported, since that fault may not have
    /// arrived when the target was already too long.
    pub(crate) fn check_target(&self, text: &[u8], limits: &Limits) -> Result<(), ParseError> {
        let length = match (self.method, self.target) {
            (_, Some(target)) => target.len(),
            (Some(method), None) => {
                let rest = text.get(method.len() + 1..).unwrap_or_default();
                rest.iter()
                    .position(|byte| *byte <= b' ' || *byte == 0x7f)
                    .unwrap_or(rest.len())
            }
            (None, None) => 0,
        };
        if length > limits.target_bytes_max {
            return Err(ParseError::TargetTooLong);
        }
        Ok(())
    }

    /// Names the reason for an error of `httparse`; `Ok` if more bytes are needed to tell.
    pub(crate) fn refuse(&self, text: &[u8], error: Error) -> Result<(), ParseError> {
        Err(match error {
            Error::HeaderName => ParseError::BadHeaderName,
            Error::HeaderValue => ParseError::BadHeaderValue,
            Error::NewLine => ParseError::BadLineEnd,
            Error::TooManyHeaders => ParseError::TooManyHeaders,
            Error::Version => return self.refuse_version(text),
            Error::Token | Error::Status => ParseError::BadRequestLine,
        })
    }

    /// What `httparse` takes for a bad version may be the start of a good one.
    fn refuse_version(&self, text: &[u8]) -> Result<(), ParseError> {
        let method = self.method.unwrap_or_default().len();
        let target = self.target.unwrap_or_default().len();
        let rest = text.get(method + target + 2..).unwrap_or_default();
        let pattern = b"HTTP/d.d";
        for (byte, expected) in rest.iter().zip(pattern) {
            let fits = match expected {
                b'd' => byte.is_ascii_digit(),
                _ => byte == expected,
            };
            if !fits {
                return Err(ParseError::BadVersion);
            }
        }
        match rest.get(pattern.len()..) {
            None => Ok(()),
            Some(_) if rest.get(5) != Some(&b'1') => Err(ParseError::UnsupportedVersion),
            // HTTP/1.2 and above: `split` recognises the version by its whole line.
            Some([] | [b'\r']) => Ok(()),
            Some(_) => Err(ParseError::BadLineEnd),
        }
    }

    /// The limit that an incomplete head of the largest allowed size has run into.
    pub(crate) fn overflow(&self) -> ParseError {
        match (self.method, self.target) {
            (None, _) => ParseError::MethodTooLong,
            (Some(_), None) => ParseError::TargetTooLong,
            (Some(_), Some(_)) => ParseError::HeadTooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use httparse::Status;

    use super::{blank, split};

    #[test]
    fn any_number_of_slots_can_be_made_blank() {
        for (slots, expected) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 2),
            (4, 4),
            (31, 16),
            (63, 32),
            (64, 64),
            (100, 64),
        ] {
            let mut all = [const { MaybeUninit::uninit() }; 100];
            let headers = blank(&mut all[..slots]);
            assert_eq!(headers.len(), expected, "{slots}");
            assert!(headers.iter().all(|header| header.name == "a"));
        }
    }

    #[test]
    fn newer_minor_versions_are_split_like_1_1() {
        for minor in 1..=9 {
            let text = alloc::format!("PUT /p HTTP/1.{minor}\r\nA: b\r\nC:\r\n\r\nrest");
            let mut slots = [const { MaybeUninit::uninit() }; 2];
            let lines = split(text.as_bytes(), &mut slots);
            assert_eq!(lines.outcome, Ok(Status::Complete(text.len() - 4)));
            assert_eq!((lines.method, lines.target), (Some("PUT"), Some("/p")));
            assert_eq!(lines.headers.len(), 2);
            assert_eq!(
                (lines.headers[0].name, lines.headers[0].value),
                ("A", &b"b"[..])
            );
            assert_eq!(
                (lines.headers[1].name, lines.headers[1].value),
                ("C", &b""[..])
            );
        }
    }
}
