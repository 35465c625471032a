//! What a peer said.

use super::Close;
use alloc::{string::String, vec::Vec};

/// One thing that a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A complete message, of however many frames.
    Message(Message<'a>),
    /// Wants a pong with the same payload, at most 125 bytes (RFC 6455 §5.5.2).
    Ping(&'a [u8]),
    /// Answers a ping, or comes unasked and means nothing (§5.5.3).
    Pong(&'a [u8]),
    /// Nothing follows. Unless one was sent before, a close frame has to be sent back, typically
    /// with the same code (§5.5.1).
    Close(Option<Close<'a>>),
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, which is always UTF-8.
    Text(&'a str),
    /// Anything.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The bytes of the message, whichever kind it is.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Message<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Message<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}
