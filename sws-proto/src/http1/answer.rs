//! Answers as a client receives them: an incremental parser that checks framing and skips bodies.
//!
//! [`AnswerParser`] takes the bytes of a connection as they come, in pieces of any size, and reports each
//! answer when its last byte has been seen. It never copies a body; only a head that is split between pieces
//! is kept until the rest of it arrives.
//!
//! A load generator sees the same head over and over, so a [`HeadCache`] remembers the last one byte by byte:
//! a head that is equal to it needs one comparison instead of a parse, and cannot be judged differently.

mod cache;
mod error;
mod head;
mod parser;

pub use self::cache::HeadCache;
pub use self::error::AnswerError;
pub use self::parser::{Answer, AnswerParser, BodySink, SkipBody};

/// What a request's method means for the framing of its answer (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// The answer's own fields say how long it is.
    Ordinary,
    /// HEAD: the answer never has a body.
    Head,
    /// CONNECT: a 2xx answer turns the connection into a tunnel.
    Connect,
}

impl RequestKind {
    /// The kind of a request that begins with these bytes.
    #[must_use]
    pub fn of(request: &[u8]) -> Self {
        if request.starts_with(b"HEAD ") {
            Self::Head
        } else if request.starts_with(b"CONNECT ") {
            Self::Connect
        } else {
            Self::Ordinary
        }
    }
}
