//! The server's side of the handshake (RFC 6455 §4.2).
//!
//! ```
//! use std::mem::MaybeUninit;
//! use sws_proto::http1::{Limits, head, response};
//! use sws_proto::ws::handshake::server;
//!
//! let bytes = b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
//!     Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";
//! let mut slots = [const { MaybeUninit::uninit() }; 16];
//! let (head, _) = head::parse(bytes, &mut slots, &Limits::default())?.unwrap();
//!
//! let mut out = Vec::new();
//! match server::check(&head) {
//!     Ok(key) => server::answer(&mut out, &key, server::select_protocol(&head, &["superchat"])),
//!     Err(refusal) => {
//!         response::begin(&mut out, refusal.status());
//!         for (name, value) in refusal.fields() {
//!             response::header(&mut out, name, value);
//!         }
//!         response::content_length(&mut out, 0);
//!     }
//! }
//! response::end(&mut out);
//! assert_eq!(out, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
//!     Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
//!     Sec-WebSocket-Protocol: superchat\r\n\r\n");
//! # Ok::<(), sws_proto::http1::ParseError>(())
//! ```

use alloc::vec::Vec;
use core::fmt;

use super::{Key, VERSION};
use crate::http1::{Head, Method, Version, list, response};

/// Why a request does not open a WebSocket connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It does not ask for one: no `Upgrade` to `websocket` that counts.
    NotUpgrade,
    /// It asks for a version that is not 13.
    Version,
    /// It asks for one in a way that breaks §4.2.1.
    Malformed,
}

impl Refusal {
    /// The status code to answer with: 426 or 400.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotUpgrade | Self::Version => 426,
            Self::Malformed => 400,
        }
    }

    /// The header fields that belong to that status (RFC 9110 §15.5.22, RFC 6455 §4.4).
    #[must_use]
    pub const fn fields(self) -> &'static [(&'static str, &'static str)] {
        const UPGRADE: (&str, &str) = ("Upgrade", "websocket");
        const OPTION: (&str, &str) = ("Connection", "Upgrade");
        match self {
            Self::NotUpgrade => &[UPGRADE, OPTION],
            Self::Version => &[UPGRADE, OPTION, ("Sec-WebSocket-Version", VERSION)],
            Self::Malformed => &[],
        }
    }

    /// A short reason, fit for a log line or an answer's body.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotUpgrade => "not a WebSocket request",
            Self::Version => "unsupported WebSocket version",
            Self::Malformed => "malformed WebSocket request",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for Refusal {}

/// Whether a request opens a WebSocket connection; returns its key.
///
/// Origin and subprotocols are the caller's to judge: [`origin`], [`select_protocol`]. Extensions
/// that the client offers are ignored, which declines them (§9.1).
///
/// # Errors
///
/// Why it does not. An upgrade that RFC 9110 §7.8 has a server ignore (in HTTP/1.0, or without the
/// connection option) counts as none. A request that announces a body is malformed: what follows
/// the head would be taken for frames.
pub fn check(head: &Head<'_, '_>) -> Result<Key, Refusal> {
    let lists = |name, member| {
        let mut values = head.header_values(name);
        values.any(|value| list::contains(value, member))
    };
    if head.version != Version::Http11
        || !lists("upgrade", b"websocket")
        || !lists("connection", b"upgrade")
    {
        return Err(Refusal::NotUpgrade);
    }
    if head.method != Method::Get || head.framing.has_body() {
        return Err(Refusal::Malformed);
    }
    // Before the key, which other versions may define differently.
    let version = only(head, "sec-websocket-version").ok_or(Refusal::Malformed)?;
    if version != VERSION.as_bytes() {
        return Err(match is_version(version) {
            true => Refusal::Version,
            false => Refusal::Malformed,
        });
    }
    only(head, "sec-websocket-key")
        .and_then(Key::parse)
        .ok_or(Refusal::Malformed)
}

/// The value of a field that occurs once.
fn only<'b>(head: &Head<'_, 'b>, name: &str) -> Option<&'b [u8]> {
    let mut values = head.header_values(name);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether this is a version as §4.3 writes them: 0 to 255, no leading zeros.
fn is_version(value: &[u8]) -> bool {
    let digits = value.iter().all(u8::is_ascii_digit);
    match value {
        [_] => digits,
        [b'1'..=b'9', _] | [b'1', _, _] => digits,
        [b'2', tens, _] => digits && (*tens < b'5' || value <= b"255"),
        _ => false,
    }
}

/// The first of the server's subprotocols, in its order of preference, that the client offers
/// (§4.2.2). They are compared as they are written.
#[must_use]
pub fn select_protocol<'s>(head: &Head<'_, '_>, supported: &[&'s str]) -> Option<&'s str> {
    let offers = |protocol: &str| {
        let mut values = head.header_values("sec-websocket-protocol");
        values.any(|value| list::members(value).any(|member| member == protocol.as_bytes()))
    };
    supported.iter().copied().find(|protocol| offers(protocol))
}

/// Where a request comes from, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It does not say: not from a browser.
    Absent,
    /// From a place in the list.
    Allowed,
    /// From anywhere else: 403 (§4.2.2).
    Forbidden,
}

/// Compares the `Origin` of a request with a list of serialised origins such as
/// `https://example.org` or `http://localhost:8080` (§10.2), ASCII case ignored.
///
/// An origin that a browser hides is sent as `null` and allowed only if the list has that.
#[must_use]
pub fn origin(head: &Head<'_, '_>, allowed: &[&str]) -> Origin {
    let mut values = head.header_values("origin");
    let Some(value) = values.next() else {
        return Origin::Absent;
    };
    let listed = allowed
        .iter()
        .any(|origin| value.eq_ignore_ascii_case(origin.as_bytes()));
    match listed && values.next().is_none() {
        true => Origin::Allowed,
        false => Origin::Forbidden,
    }
}

/// Starts the answer that accepts a connection: status line and the fields of the handshake. More
/// fields and [`response::end`] are the caller's.
///
/// `protocol` is one that [`select_protocol`] found, written by the program itself.
pub fn answer(out: &mut Vec<u8>, key: &Key, protocol: Option<&str>) {
    response::begin(out, 101);
    response::header(out, "Upgrade", "websocket");
    response::header(out, "Connection", "Upgrade");
    response::header(out, "Sec-WebSocket-Accept", key.accept());
    if let Some(protocol) = protocol {
        response::header(out, "Sec-WebSocket-Protocol", protocol);
    }
}
