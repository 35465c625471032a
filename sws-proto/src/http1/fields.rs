//! The header fields that a server acts on whatever the request is about.

use super::framing::FramingFields;
use super::head::Header;
use super::list;
use super::target::is_host;
use super::{Framing, Limits, ParseError, Version};

/// What the header fields of one head amount to.
#[derive(Debug)]
pub(crate) struct Meaning<'b> {
    pub(crate) host: &'b [u8],
    pub(crate) framing: Framing,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
}

/// Reads every header once. Names are told apart by their length first.
#[inline]
pub(crate) fn examine<'b>(
    headers: &[Header<'b>],
    version: Version,
    limits: &Limits,
) -> Result<Meaning<'b>, ParseError> {
    let mut host = None;
    let mut framing = FramingFields::default();
    let mut connection = Connection::default();
    let mut expectation = Expectation::None;
    for header in headers {
        let name = header.name.as_bytes();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                // RFC 9112 §3.2: repeated or malformed is 400 in every version.
                if host.is_some() {
                    return Err(ParseError::RepeatedHost);
                }
                if !is_host(header.value) {
                    return Err(ParseError::BadHost);
                }
                host = Some(header.value);
            }
            6 if name.eq_ignore_ascii_case(b"expect") => expectation.add(header.value),
            10 if name.eq_ignore_ascii_case(b"connection") => connection.add(header.value),
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                framing.content_length(header.value)?;
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                framing.transfer_encoding(header.value)?;
            }
            _ => {}
        }
    }
    if host.is_none() && version == Version::Http11 {
        return Err(ParseError::MissingHost);
    }
    let framing = framing.resolve(version)?;
    // RFC 9110 §10.1.1: HTTP/1.0 has no expectations, whatever it sends.
    let expectation = match version {
        Version::Http10 => Expectation::None,
        Version::Http11 => expectation,
    };
    if expectation == Expectation::Unknown {
        return Err(ParseError::UnknownExpectation);
    }
    if let Framing::Length(length) = framing
        && length > limits.body_bytes_max
    {
        return Err(ParseError::BodyTooLarge);
    }
    Ok(Meaning {
        host: host.unwrap_or_default(),
        framing,
        keep_alive: connection.keeps_alive(version),
        // Nobody waits for permission to send nothing.
        expect_continue: expectation == Expectation::Continue && framing.has_body(),
    })
}

/// The options of all Connection fields (RFC 9112 §9.3).
#[derive(Debug, Default)]
struct Connection {
    close: bool,
    keep_alive: bool,
}

impl Connection {
    fn add(&mut self, value: &[u8]) {
        for option in list::members(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    const fn keeps_alive(&self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

/// All Expect fields together (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expectation {
    None,
    Continue,
    Unknown,
}

impl Expectation {
    fn add(&mut self, value: &[u8]) {
        for member in list::members(value) {
            if !member.eq_ignore_ascii_case(b"100-continue") {
                *self = Self::Unknown;
            } else if *self == Self::None {
                *self = Self::Continue;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{Meaning, examine};
    use crate::http1::{Framing, Header, Limits, ParseError, Version};

    fn meaning<'b>(
        fields: &[(&'b str, &'b str)],
        version: Version,
    ) -> Result<Meaning<'b>, ParseError> {
        let headers: Vec<Header<'b>> = fields
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        examine(&headers, version, &Limits::default())
    }

    #[test]
    fn persistence_depends_on_version_and_options() {
        for (options, http10, http11) in [
            (&[][..], false, true),
            (&["close"], false, false),
            (&["keep-alive"], true, true),
            (&["Keep-Alive, Close"], false, false),
            (&["keep-alive", "close"], false, false),
            (&["close", "keep-alive"], false, false),
            (&["upgrade", "KEEP-ALIVE"], true, true),
            (&["closed", "keep-alives"], false, true),
            (&[""], false, true),
        ] {
            let fields: Vec<_> = [("host", "h")]
                .into_iter()
                .chain(options.iter().map(|options| ("CONNECTION", *options)))
                .collect();
            let keeps_alive = |version| meaning(&fields, version).unwrap().keep_alive;
            assert_eq!(keeps_alive(Version::Http10), http10, "{options:?}");
            assert_eq!(keeps_alive(Version::Http11), http11, "{options:?}");
        }
    }

    #[test]
    fn expectations_count_in_1_1_and_with_a_body_only() {
        let expects = |fields: &[(&'static str, &'static str)], version| {
            let fields: Vec<_> = [("Host", "h")].iter().chain(fields).copied().collect();
            meaning(&fields, version).map(|meaning| meaning.expect_continue)
        };
        let (expect, length) = (("EXPECT", "100-Continue"), ("Content-Length", "1"));
        assert_eq!(expects(&[expect, length], Version::Http11), Ok(true));
        assert_eq!(expects(&[expect, length], Version::Http10), Ok(false));
        assert_eq!(expects(&[expect], Version::Http11), Ok(false));
        let empty = ("Content-Length", "0");
        assert_eq!(expects(&[expect, empty], Version::Http11), Ok(false));
        for unknown in ["101-continue", "100-continue, x", "x, 100-continue"] {
            let fields = [("Expect", unknown), length];
            assert_eq!(expects(&fields, Version::Http10), Ok(false));
            assert_eq!(
                expects(&fields, Version::Http11),
                Err(ParseError::UnknownExpectation)
            );
        }
    }

    #[test]
    fn malformed_framing_is_named_before_a_limit_or_an_expectation() {
        let refused = |fields| meaning(fields, Version::Http11).err();
        assert_eq!(
            refused(&[("Expect", "x"), ("Content-Length", "99999999999")]),
            Some(ParseError::MissingHost)
        );
        assert_eq!(
            refused(&[("Host", "h"), ("Expect", "x"), ("Content-Length", "x")]),
            Some(ParseError::BadContentLength)
        );
        assert_eq!(
            refused(&[("Host", "h"), ("Content-Length", "99999999999")]),
            Some(ParseError::BodyTooLarge)
        );
    }

    #[test]
    fn names_of_the_same_length_are_other_fields() {
        let fields = [
            ("Host", "h"),
            ("User-Agent", "close"),
            ("Cookie", "x"),
            ("X-Content-Leng", "7"),
            ("Transfer_Encoding", "chunked"),
        ];
        let meaning = meaning(&fields, Version::Http11).unwrap();
        assert_eq!(meaning.framing, Framing::None);
        assert!(meaning.keep_alive && !meaning.expect_continue);
        assert_eq!(meaning.host, b"h");
    }
}
