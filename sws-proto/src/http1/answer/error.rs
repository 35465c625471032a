//! Why an answer is not one.

use core::fmt;

/// Why the bytes of a connection are not an acceptable answer. Final for the connection: where the next
/// answer starts is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerError {
    /// The first line is not `HTTP/1.x` and a three-digit status.
    StatusLine,
    /// A line ends in a bare LF.
    BareLineFeed,
    /// A header line without a colon.
    NoColon,
    /// A field name that is not a token (RFC 9110 §5.1), a folded line included.
    HeaderName,
    /// A field value with a control character.
    HeaderValue,
    /// A Content-Length that is not a decimal number below 2^64.
    ContentLength,
    /// Content-Length fields that disagree.
    ConflictingLengths,
    /// Transfer-Encoding together with Content-Length.
    AmbiguousLength,
    /// A Transfer-Encoding that is empty, names `chunked` twice, or comes with HTTP/1.0.
    TransferEncoding,
    /// The head is larger than [`AnswerParser::HEAD_BYTES_MAX`](super::AnswerParser::HEAD_BYTES_MAX).
    HeadTooLarge,
    /// A chunk, its size line or its trailer section is malformed.
    Chunk,
    /// The connection ended inside an answer.
    CutShort,
}

impl AnswerError {
    /// Every error, in the order of [`index`](Self::index).
    pub const ALL: [Self; 12] = [
        Self::StatusLine,
        Self::BareLineFeed,
        Self::NoColon,
        Self::HeaderName,
        Self::HeaderValue,
        Self::ContentLength,
        Self::ConflictingLengths,
        Self::AmbiguousLength,
        Self::TransferEncoding,
        Self::HeadTooLarge,
        Self::Chunk,
        Self::CutShort,
    ];

    /// The place of this error in [`ALL`](Self::ALL), for tables of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// A short reason, fit for a report.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::StatusLine => "malformed status line",
            Self::BareLineFeed => "head line ended by a bare LF",
            Self::NoColon => "header line without a colon",
            Self::HeaderName => "malformed header name",
            Self::HeaderValue => "malformed header value",
            Self::ContentLength => "malformed Content-Length",
            Self::ConflictingLengths => "conflicting Content-Length fields",
            Self::AmbiguousLength => "both Transfer-Encoding and Content-Length",
            Self::TransferEncoding => "malformed Transfer-Encoding",
            Self::HeadTooLarge => "head larger than 64 KiB",
            Self::Chunk => "malformed chunk",
            Self::CutShort => "connection ended inside an answer",
        }
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for AnswerError {}

#[cfg(test)]
mod tests {
    use super::AnswerError;

    #[test]
    fn the_table_is_in_index_order() {
        for (place, error) in AnswerError::ALL.into_iter().enumerate() {
            assert_eq!(error.index(), place, "{error}");
        }
    }
}
