//! Close frames: codes and payloads (RFC 6455 §5.5.1 and §7.4).

use core::fmt;

use super::Error;

/// Bytes of a reason that fit into a close frame.
pub const REASON_BYTES_MAX: usize = 123;

/// A code that may stand in a close frame: registered with IANA for that, or from the ranges for
/// libraries (3000 to 3999) and private use (4000 to 4999).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away: the server stops, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of message that this endpoint does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// A message does not hold what its kind promises, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// A message breaks the endpoint's rules; the code for all that no other code fits.
    pub const POLICY: Self = Self(1008);
    /// A message is too large to be processed.
    pub const TOO_LARGE: Self = Self(1009);
    /// The server did not agree to an extension that this client needs.
    pub const EXTENSION_MISSING: Self = Self(1010);
    /// The server cannot fulfil the request.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The service restarts; come back later.
    pub const RESTART: Self = Self(1012);
    /// The service is overloaded; come back later.
    pub const TRY_LATER: Self = Self(1013);
    /// A gateway got an invalid answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code of this number, if it may be sent.
    ///
    /// 1004, 1005, 1006 and 1015 are registered, but never stand in a frame (§7.4.1).
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a close frame says, if it says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// The same in words, not meant for people; often empty.
    pub reason: &'a str,
}

impl Close<'_> {
    /// The reason, cut at the last character that fits into a frame.
    pub(super) fn reason_that_fits(&self) -> &str {
        let mut ends = (0..=REASON_BYTES_MAX.min(self.reason.len())).rev();
        ends.find_map(|end| self.reason.get(..end))
            .unwrap_or_default()
    }
}

impl From<CloseCode> for Close<'static> {
    fn from(code: CloseCode) -> Self {
        Self { code, reason: "" }
    }
}

/// Reads the payload of a close frame; `None` if it is empty.
///
/// # Errors
///
/// [`Error::BadClosePayload`], [`Error::BadCloseCode`] or [`Error::NotUtf8`].
pub fn decode(payload: &[u8]) -> Result<Option<Close<'_>>, Error> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(Error::BadClosePayload),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let code = CloseCode::new(code).ok_or(Error::BadCloseCode)?;
    let reason = core::str::from_utf8(reason).map_err(|_| Error::NotUtf8)?;
    Ok(Some(Close { code, reason }))
}

#[cfg(test)]
mod tests {
    use super::{Close, CloseCode, decode};
    use crate::ws::Error;

    #[test]
    fn only_some_codes_may_be_sent() {
        let valid = (0..=u16::MAX).filter(|code| CloseCode::new(*code).is_some());
        let expected = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
        ];
        assert!(valid.eq(expected.into_iter().chain(3000..=4999)));
    }

    #[test]
    fn payloads() {
        assert_eq!(decode(b""), Ok(None));
        assert_eq!(decode(b"\x03"), Err(Error::BadClosePayload));
        assert_eq!(decode(b"\x03\xed"), Err(Error::BadCloseCode));
        assert_eq!(decode(b"\x03\xe8\xff"), Err(Error::NotUtf8));
        let close = Close {
            code: CloseCode::NORMAL,
            reason: "bye",
        };
        assert_eq!(decode(b"\x03\xe8bye"), Ok(Some(close)));
        assert_eq!(decode(b"\x0f\xa0").unwrap().unwrap().code.get(), 4000);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        for (part, count, length) in [
            ("x", 124, 123),
            ("x", 123, 123),
            ("\u{20ac}", 42, 123),
            ("\u{e9}", 62, 122),
            ("\u{1f600}", 31, 120),
            ("", 0, 0),
        ] {
            let reason = part.repeat(count);
            let close = Close {
                code: CloseCode::NORMAL,
                reason: &reason,
            };
            assert_eq!(close.reason_that_fits().len(), length, "{part}");
            assert!(reason.starts_with(close.reason_that_fits()));
        }
    }
}
