//! The client's side of the handshake (RFC 6455 §4.1).
//!
//! ```
//! use sws_proto::ws::handshake::{Key, client};
//!
//! let key = Key::from_nonce(*b"the sample nonce");
//! let mut request = b"GET /chat HTTP/1.1\r\nHost: h\r\n".to_vec();
//! client::request_fields(&mut request, &key, &[]);
//! request.extend_from_slice(b"\r\n");
//!
//! let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
//!     Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\
//!     \x81\x02hi";
//! let accepted = client::check_answer(answer, &key, &[])?.unwrap();
//! assert_eq!(answer[accepted.length..], *b"\x81\x02hi");
//! # Ok::<(), client::Rejected>(())
//! ```

use alloc::vec::Vec;
use core::fmt;

use httparse::{EMPTY_HEADER, Header, Response, Status};

use super::{Key, VERSION};
use crate::http1::{list, response};

/// Bytes that an answer's head may have.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header lines that it may have.
const HEADERS_MAX: usize = 64;

/// Appends the header lines that make a GET request an opening handshake.
///
/// Request line, `Host` and the closing empty line are the caller's; so is `Origin`, which clients
/// other than browsers need not send. `protocols` are the client's subprotocols in its order of
/// preference, tokens written by the program itself.
pub fn request_fields(out: &mut Vec<u8>, key: &Key, protocols: &[&str]) {
    response::header(out, "Upgrade", "websocket");
    response::header(out, "Connection", "Upgrade");
    response::header(out, "Sec-WebSocket-Key", key.as_bytes());
    response::header(out, "Sec-WebSocket-Version", VERSION);
    if let Some((first, others)) = protocols.split_first() {
        out.extend_from_slice(b"Sec-WebSocket-Protocol: ");
        out.extend_from_slice(first.as_bytes());
        for protocol in others {
            out.extend_from_slice(b", ");
            out.extend_from_slice(protocol.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The answer of a server that accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'o> {
    /// The subprotocol it chose, one of those that were offered.
    pub protocol: Option<&'o str>,
    /// Bytes of the head; frames follow.
    pub length: usize,
}

/// Why a connection did not become a WebSocket connection; final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejected {
    /// The bytes are not the head of an HTTP/1.1 answer.
    Malformed,
    /// The head is larger than [`HEAD_BYTES_MAX`] or has more than 64 header lines.
    HeadTooLarge,
    /// An answer with a status other than 101.
    Status(u16),
    /// 101 without `Upgrade: websocket` and `Connection: Upgrade`.
    NotUpgraded,
    /// `Sec-WebSocket-Accept` is not what the key asks for.
    WrongAccept,
    /// An extension, though none was offered.
    UnknownExtension,
    /// A subprotocol that was not offered, or more than one.
    UnknownProtocol,
}

impl Rejected {
    /// A short reason, fit for a report.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed answer to the handshake",
            Self::HeadTooLarge => "answer to the handshake too large",
            Self::Status(_) => "handshake refused",
            Self::NotUpgraded => "101 without an upgrade to websocket",
            Self::WrongAccept => "wrong Sec-WebSocket-Accept",
            Self::UnknownExtension => "extension that was not offered",
            Self::UnknownProtocol => "subprotocol that was not offered",
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())?;
        match self {
            Self::Status(status) => write!(f, " with status {status}"),
            _ => Ok(()),
        }
    }
}

impl core::error::Error for Rejected {}

/// Checks what came in answer to a handshake. `None` means that more bytes are needed; the same
/// ones have to come again in front of them.
///
/// # Errors
///
/// Why the server's answer does not open the connection.
pub fn check_answer<'o>(
    bytes: &[u8],
    key: &Key,
    offered: &[&'o str],
) -> Result<Option<Accepted<'o>>, Rejected> {
    let window = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
    let mut slots = [EMPTY_HEADER; HEADERS_MAX];
    let mut head = Response::new(&mut slots);
    let length = match head.parse(window) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if window.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Rejected::HeadTooLarge);
        }
        Err(_) => return Err(Rejected::Malformed),
    };
    match head.code {
        Some(101) if head.version == Some(1) => {}
        Some(101) | None => return Err(Rejected::Malformed),
        Some(status) => return Err(Rejected::Status(status)),
    }
    let protocol = accepted_protocol(head.headers, key, offered)?;
    Ok(Some(Accepted { protocol, length }))
}

/// Applies the rules of §4.1 to the fields of a 101.
fn accepted_protocol<'o>(
    headers: &[Header<'_>],
    key: &Key,
    offered: &[&'o str],
) -> Result<Option<&'o str>, Rejected> {
    let values = |name: &'static str| {
        headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    let members = |name| values(name).flat_map(list::members);
    let mut upgrades = members("upgrade");
    let upgraded = upgrades
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case(b"websocket"))
        && upgrades.next().is_none();
    if !upgraded || !values("connection").any(|value| list::contains(value, b"upgrade")) {
        return Err(Rejected::NotUpgraded);
    }
    if !values("sec-websocket-accept").eq([&key.accept()[..]]) {
        return Err(Rejected::WrongAccept);
    }
    if members("sec-websocket-extensions").next().is_some() {
        return Err(Rejected::UnknownExtension);
    }
    let mut protocols = values("sec-websocket-protocol");
    let Some(chosen) = protocols.next() else {
        return Ok(None);
    };
    offered
        .iter()
        .copied()
        .find(|protocol| protocol.as_bytes() == chosen)
        .filter(|_| protocols.next().is_none())
        .map(Some)
        .ok_or(Rejected::UnknownProtocol)
}
