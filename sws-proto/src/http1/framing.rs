//! How long a request's body is (RFC 9112 §6).
//!
//! Stricter than the RFC wherever two recipients could disagree, because a disagreement about the
//! length is how requests are smuggled (RFC 9112 §11.2): one Content-Length field with one number,
//! or one Transfer-Encoding field with one `chunked`, never both.

use super::token::{is_tchar, trim_ows};
use super::{ParseError, Version};

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body: neither Content-Length nor Transfer-Encoding.
    None,
    /// A body of so many bytes, possibly 0.
    Length(u64),
    /// A body in the chunked coding.
    Chunked,
}

impl Framing {
    /// Whether at least one byte of framing or body follows the head.
    #[must_use]
    pub const fn has_body(self) -> bool {
        !matches!(self, Self::None | Self::Length(0))
    }
}

/// Collects the framing fields of one head.
#[derive(Debug, Default)]
pub(crate) struct FramingFields<'b> {
    length: Option<&'b [u8]>,
    coding: Option<&'b [u8]>,
}

impl<'b> FramingFields<'b> {
    /// Takes a Content-Length field. RFC 9112 §6.3 would allow identical repetitions.
    pub(crate) fn content_length(&mut self, value: &'b [u8]) -> Result<(), ParseError> {
        match self.length.replace(value) {
            None => Ok(()),
            Some(_) => Err(ParseError::RepeatedContentLength),
        }
    }

    /// Takes a Transfer-Encoding field.
    pub(crate) fn transfer_encoding(&mut self, value: &'b [u8]) -> Result<(), ParseError> {
        match self.coding.replace(value) {
            None => Ok(()),
            Some(_) => Err(ParseError::BadTransferEncoding),
        }
    }

    /// The framing that the fields amount to.
    #[inline]
    pub(crate) fn resolve(&self, version: Version) -> Result<Framing, ParseError> {
        match (self.length, self.coding) {
            (None, None) => Ok(Framing::None),
            (Some(value), None) => content_length(value).map(Framing::Length),
            (None, Some(value)) => {
                // RFC 9112 §6.1: the framing of such a message must be treated as faulty.
                if version == Version::Http10 {
                    return Err(ParseError::TransferEncodingIn10);
                }
                transfer_encoding(value).map(|()| Framing::Chunked)
            }
            // RFC 9112 §6.1 and §6.3: may be an attempt at smuggling.
            (Some(_), Some(_)) => Err(ParseError::AmbiguousLength),
        }
    }
}

/// RFC 9110 §8.6: `1*DIGIT`, guarded against overflow.
fn content_length(value: &[u8]) -> Result<u64, ParseError> {
    if value.is_empty() {
        return Err(ParseError::BadContentLength);
    }
    let mut length: u64 = 0;
    for byte in value {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(ParseError::BadContentLength);
        }
        length = length
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(digit)))
            .ok_or(ParseError::BadContentLength)?;
    }
    Ok(length)
}

/// Succeeds for exactly `chunked`.
fn transfer_encoding(value: &[u8]) -> Result<(), ParseError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    // RFC 9112 §6.3: without `chunked` at the end the length is unknown, which is 400; a coding
    // before it that is not implemented is 501 (§6.1); `chunked` twice is forbidden (§6.1), and
    // it takes no parameters (§7.1.1).
    let mut codings = value.rsplit(|byte| *byte == b',').map(trim_ows);
    let last = codings.next().unwrap_or_default();
    if !last.eq_ignore_ascii_case(b"chunked") {
        return Err(ParseError::BadTransferEncoding);
    }
    for coding in codings {
        let name = coding.split(|byte| *byte == b';').next().map(trim_ows);
        let name = name.unwrap_or_default();
        if name.is_empty()
            || !name.iter().all(|byte| is_tchar(*byte))
            || name.eq_ignore_ascii_case(b"chunked")
        {
            return Err(ParseError::BadTransferEncoding);
        }
    }
    Err(ParseError::UnsupportedCoding)
}

#[cfg(test)]
mod tests {
    use super::{Framing, FramingFields, content_length, transfer_encoding};
    use crate::http1::{ParseError, Version};

    #[test]
    fn lengths_are_digits_that_fit() {
        for (text, length) in [
            ("0", 0),
            ("2", 2),
            ("0002", 2),
            ("00000000000000000000000000000002", 2),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(content_length(text.as_bytes()), Ok(length), "{text}");
        }
        for text in [
            "",
            "+2",
            "-2",
            " 2",
            "2 ",
            "2 2",
            "2,2",
            "2, 2",
            "0x2",
            "2.0",
            "1e3",
            "1_0",
            "two",
            "18446744073709551616",
            "99999999999999999999999",
            "\u{0662}",
        ] {
            assert_eq!(
                content_length(text.as_bytes()),
                Err(ParseError::BadContentLength),
                "{text}"
            );
        }
    }

    #[test]
    fn only_chunked_alone_is_accepted() {
        for text in ["chunked", "Chunked", "CHUNKED"] {
            assert_eq!(transfer_encoding(text.as_bytes()), Ok(()), "{text}");
        }
        for text in ["gzip, chunked", "gzip;q=1 ,\tchunked", "br,gzip,chunked"] {
            assert_eq!(
                transfer_encoding(text.as_bytes()),
                Err(ParseError::UnsupportedCoding),
                "{text}"
            );
        }
        for text in [
            "",
            ",",
            "gzip",
            "identity",
            "chunked, gzip",
            "chunked,chunked",
            "chunked, gzip, chunked",
            "chunked;a=b",
            "chunked;",
            "xchunked",
            "chunkedx",
            "chunked,",
            ",chunked",
            "\"chunked\"",
            "chunke",
            "gz ip, chunked",
            "gzip chunked",
        ] {
            assert_eq!(
                transfer_encoding(text.as_bytes()),
                Err(ParseError::BadTransferEncoding),
                "{text}"
            );
        }
    }

    #[test]
    fn one_field_decides_or_none_does() {
        let resolve = |length: Option<&'static [u8]>, coding: Option<&'static [u8]>, version| {
            FramingFields { length, coding }.resolve(version)
        };
        let chunked: Option<&[u8]> = Some(b"chunked");
        assert_eq!(resolve(None, None, Version::Http10), Ok(Framing::None));
        assert_eq!(
            resolve(Some(b"7"), None, Version::Http10),
            Ok(Framing::Length(7))
        );
        assert_eq!(
            resolve(None, chunked, Version::Http11),
            Ok(Framing::Chunked)
        );
        assert_eq!(
            resolve(None, chunked, Version::Http10),
            Err(ParseError::TransferEncodingIn10)
        );
        assert_eq!(
            resolve(Some(b"7"), chunked, Version::Http11),
            Err(ParseError::AmbiguousLength)
        );
    }
}
