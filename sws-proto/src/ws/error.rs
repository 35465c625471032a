//! Why a connection has to be failed.

use core::fmt;

use super::{Close, CloseCode};

/// Why the bytes of a peer are not acceptable frames.
///
/// Final for the connection (RFC 6455 §7.1.7): send a close frame with
/// [`close_code`](Self::close_code), process nothing more, close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// A reserved bit is set, and no extension was negotiated that gives it a meaning (§5.2).
    ReservedBits,
    /// An opcode that is not defined (§5.2).
    ReservedOpcode,
    /// A client's frame without a mask (§5.1).
    NotMasked,
    /// A server's frame with a mask (§5.1).
    Masked,
    /// A length in more bytes than it needs (§5.2).
    LengthNotMinimal,
    /// A length of 2^63 or more (§5.2).
    LengthOverflow,
    /// A control frame of more than 125 bytes (§5.5).
    ControlTooLong,
    /// A control frame without FIN (§5.5).
    ControlFragmented,
    /// A continuation frame although no message has begun (§5.4).
    UnexpectedContinuation,
    /// A new message although the one before is incomplete (§5.4).
    InterruptedMessage,
    /// A close frame whose payload is one byte (§5.5.1).
    BadClosePayload,
    /// A close frame with a code that may not be sent (§7.4).
    BadCloseCode,
    /// Text or the reason of a close frame is not UTF-8 (§8.1).
    NotUtf8,
    /// A message larger than allowed.
    MessageTooLarge,
}

impl Error {
    /// The code of the close frame to send.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::NotUtf8 => CloseCode::INVALID_DATA,
            Self::MessageTooLarge => CloseCode::TOO_LARGE,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// A short reason, fit for a log line or a close frame.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bit set",
            Self::ReservedOpcode => "reserved opcode",
            Self::NotMasked => "frame of a client not masked",
            Self::Masked => "frame of a server masked",
            Self::LengthNotMinimal => "length not in its shortest form",
            Self::LengthOverflow => "length out of range",
            Self::ControlTooLong => "control frame too long",
            Self::ControlFragmented => "control frame fragmented",
            Self::UnexpectedContinuation => "continuation of no message",
            Self::InterruptedMessage => "new message inside another one",
            Self::BadClosePayload => "malformed close frame",
            Self::BadCloseCode => "invalid close code",
            Self::NotUtf8 => "text is not UTF-8",
            Self::MessageTooLarge => "message too large",
        }
    }
}

impl From<Error> for Close<'static> {
    fn from(error: Error) -> Self {
        Self {
            code: error.close_code(),
            reason: error.reason(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for Error {}
