//! TLS, for https:// and wss://.
//!
//! The rest of the program knows [`Session`] and no library: ciphertext goes in and plaintext comes out, or the
//! other way round, and nothing here does I/O. The library is rustls, with *ring* for the cryptography: it builds with
//! the C compiler that is there anyway, where aws-lc wants cmake, and on some machines more than that, and as a client
//! it is as fast. It knows no post-quantum key exchange; that would add kilobytes to each handshake, which servers
//! that are compared must not differ in by accident. X25519 is offered first, then P-256 and P-384.
//!
//! Certificates are checked against those of the system ([`rustls_native_certs`], `SSL_CERT_FILE` included), not
//! against a list that is compiled in: it does not age, and a company's own authority, behind which
//! most servers under test are, is already known.

mod client;
mod fault;
mod session;
mod tally;
mod tickets;
mod trust;

pub(crate) use client::Client;
pub(crate) use fault::Fault;
pub(crate) use tally::Tally;

use std::fmt;

/// One connection's encryption.
pub(crate) trait Session: fmt::Debug {
    /// Takes ciphertext, cut anywhere, and hands on the plaintext in it, in order and in pieces. After a fault, or
    /// the peer's close_notify, nothing more is taken.
    fn receive(&mut self, ciphertext: &[u8], plaintext: &mut dyn FnMut(&[u8]))
    -> Result<(), Fault>;

    /// Appends what has to be sent: whatever the protocol itself has to say, then `plaintext`, encrypted. Plaintext is
    /// only taken once something was agreed upon.
    fn send(&mut self, plaintext: &[u8], ciphertext: &mut Vec<u8>);

    /// Whether the protocol itself has something to say.
    fn has_output(&self) -> bool;

    /// What the handshake has led to, once it is over.
    fn agreed(&self) -> Option<Agreed>;

    /// Whether the peer has said that nothing follows (close_notify). An end without that may have been forged.
    fn is_closed_by_peer(&self) -> bool;

    /// Whether the keys have served for about as long as they may, and no others can be had.
    fn is_worn_out(&self) -> bool;

    /// Has close_notify sent.
    fn close(&mut self);
}

/// What a handshake has led to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Agreed {
    /// As registered: `TLSv1_3`, `TLS13_AES_256_GCM_SHA384`, `X25519`.
    pub version: &'static str,
    pub cipher_suite: &'static str,
    /// `None` where an earlier secret was used again and no new one was made.
    pub key_exchange: Option<&'static str>,
    /// The protocol that the server chose, if it did.
    pub alpn: Option<String>,
    /// By a ticket or the id of an earlier session.
    pub resumed: bool,
}
