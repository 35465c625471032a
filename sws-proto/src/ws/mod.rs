//! WebSocket (RFC 6455) for both ends: handshake, frames, messages; no extensions.
//!
//! A server goes through it in this order:
//!
//! 1. [`handshake::server::check`] on the request's head, then [`handshake::server::answer`];
//! 2. [`Decoder::decode`] on the bytes after the head, again and again, until it returns `None`;
//! 3. [`encode`] to append what is sent.
//!
//! A client writes [`handshake::client::request_fields`], waits for
//! [`handshake::client::check_answer`], and gives a mask to every function of [`encode`].
//!
//! Every [`Error`] and every [`Event::Close`] is final for what is received: the caller sends the
//! close frame that it asks for and closes the connection.
//!
//! ```
//! use sws_proto::ws::{Decoder, Event, Role, encode};
//!
//! let mut decoder = Decoder::new(Role::Server, 1 << 20);
//! let (mut scratch, mut out) = (Vec::new(), Vec::new());
//! // "Hello", masked (RFC 6455 §5.7).
//! let mut input = &b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..];
//! loop {
//!     match decoder.decode(&mut input, &mut scratch) {
//!         Ok(Some(Event::Message(message))) => encode::message(&mut out, message, None),
//!         Ok(Some(Event::Ping(payload))) => encode::pong(&mut out, payload, None)?,
//!         Ok(Some(Event::Pong(_))) => {}
//!         Ok(Some(Event::Close(close))) => encode::close(&mut out, close, None),
//!         // What is left of `input` goes in front of the next bytes.
//!         Ok(None) => break,
//!         Err(error) => encode::close(&mut out, Some(error.into()), None),
//!     }
//! }
//! assert_eq!(out, b"\x81\x05Hello");
//! assert!(input.is_empty());
//! # Ok::<(), sws_proto::ws::ControlTooLong>(())
//! ```

pub mod close;
pub mod encode;
pub mod frame;
pub mod handshake;
pub mod mask;

mod assembly;
mod decoder;
mod error;
mod event;

pub use self::close::{Close, CloseCode};
pub use self::decoder::Decoder;
pub use self::encode::ControlTooLong;
pub use self::error::Error;
pub use self::event::{Event, Message};
pub use self::frame::{Header, Opcode};
pub use self::mask::Mask;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Receives masked frames, sends unmasked ones.
    Server,
    /// Receives unmasked frames, sends masked ones.
    Client,
}
