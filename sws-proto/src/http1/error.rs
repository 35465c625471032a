//! Why a request was refused.

use core::fmt;

/// Why the bytes of a connection are not an acceptable request.
///
/// Final for the connection: answer with [`status`](Self::status), then close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseError {
    /// The request line has no valid method token, target or line structure.
    BadRequestLine,
    /// The request target has a form or a byte that the method does not allow.
    BadTarget,
    /// The protocol version is not written as `HTTP/DIGIT.DIGIT`.
    BadVersion,
    /// A line ends in a bare LF, or a CR stands without its LF.
    BadLineEnd,
    /// A header line does not start with a field name and a colon.
    BadHeaderName,
    /// A header value holds a control character, or its line is folded.
    BadHeaderValue,
    /// HTTP/1.1 without a Host field.
    MissingHost,
    /// More than one Host field.
    RepeatedHost,
    /// A Host field that is not `host[:port]`.
    BadHost,
    /// A Content-Length that is not one decimal number below 2^64.
    BadContentLength,
    /// More than one Content-Length field.
    RepeatedContentLength,
    /// Transfer-Encoding that does not end in exactly one `chunked`, or is repeated.
    BadTransferEncoding,
    /// Transfer-Encoding in an HTTP/1.0 request.
    TransferEncodingIn10,
    /// Transfer-Encoding together with Content-Length.
    AmbiguousLength,
    /// A transfer coding other than `chunked`.
    UnsupportedCoding,
    /// An expectation other than `100-continue`.
    UnknownExpectation,
    /// The method alone fills the head limit.
    MethodTooLong,
    /// The request target is longer than allowed.
    TargetTooLong,
    /// The head is larger than allowed.
    HeadTooLarge,
    /// The head has more header lines than allowed.
    TooManyHeaders,
    /// A major version other than 1.
    UnsupportedVersion,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// A chunk-size line is malformed, or chunk data is not followed by CRLF.
    BadChunk,
    /// A trailer line is malformed.
    BadTrailer,
    /// The chunk extensions of a body are larger than allowed.
    ExtensionsTooLarge,
    /// The trailer section is larger than allowed.
    TrailersTooLarge,
}

impl ParseError {
    /// The status code to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::UnknownExpectation => 417,
            Self::HeadTooLarge | Self::TooManyHeaders | Self::TrailersTooLarge => 431,
            // RFC 9112 §3: a method longer than any implemented one is "not implemented".
            Self::UnsupportedCoding | Self::MethodTooLong => 501,
            Self::UnsupportedVersion => 505,
            _ => 400,
        }
    }

    /// A short reason, fit for a log line or an answer's body.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BadRequestLine => "malformed request line",
            Self::BadTarget => "malformed request target",
            Self::BadVersion => "malformed protocol version",
            Self::BadLineEnd => "line not ended by CRLF",
            Self::BadHeaderName => "malformed header name",
            Self::BadHeaderValue => "malformed header value",
            Self::MissingHost => "no Host header",
            Self::RepeatedHost => "more than one Host header",
            Self::BadHost => "malformed Host header",
            Self::BadContentLength => "malformed Content-Length",
            Self::RepeatedContentLength => "more than one Content-Length",
            Self::BadTransferEncoding => "malformed Transfer-Encoding",
            Self::TransferEncodingIn10 => "Transfer-Encoding in HTTP/1.0",
            Self::AmbiguousLength => "both Transfer-Encoding and Content-Length",
            Self::UnsupportedCoding => "unsupported transfer coding",
            Self::UnknownExpectation => "unknown expectation",
            Self::MethodTooLong => "method too long",
            Self::TargetTooLong => "request target too long",
            Self::HeadTooLarge => "request head too large",
            Self::TooManyHeaders => "too many headers",
            Self::UnsupportedVersion => "unsupported protocol version",
            Self::BodyTooLarge => "request body too large",
            Self::BadChunk => "malformed chunk",
            Self::BadTrailer => "malformed trailer",
            Self::ExtensionsTooLarge => "chunk extensions too large",
            Self::TrailersTooLarge => "trailers too large",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for ParseError {}

const _: () = assert!(size_of::<ParseError>() == 1);
