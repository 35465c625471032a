//! A [`Session`] of rustls.

use super::{Agreed, Fault, Session};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, pki_types::ServerName,
};
use std::{
    io::{BufRead, Write},
    sync::Arc,
};

/// Plaintext of a record (RFC 8446 §5.1).
const RECORD_BYTES_MAX: usize = 1 << 14;
/// After 2^24 records the library says close_notify instead of encrypting another one with the keys of TLS 1.2
/// (draft-irtf-cfrg-aead-limits); those of 1.3 it renews by itself. Some are left for what is under way.
const RECORDS_MAX: u64 = (1 << 24) - (1 << 12);

#[derive(Debug)]
pub(super) struct Rustls {
    connection: ClientConnection,
    closed_by_peer: bool,
    /// Records sent, or a few less.
    records: u64,
}

impl Rustls {
    /// Begins a handshake; the first message waits to be sent.
    pub(super) fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Fault> {
        let mut connection =
            ClientConnection::new(config, name).map_err(|error| Fault::new(&error))?;
        // What is written is taken out at once.
        connection.set_buffer_limit(None);
        Ok(Self {
            connection,
            closed_by_peer: false,
            records: 0,
        })
    }

    fn hand_on(&mut self, plaintext: &mut dyn FnMut(&[u8])) {
        let mut reader = self.connection.reader();
        // An error says that nothing is there.
        while let Ok(piece) = reader.fill_buf()
            && !piece.is_empty()
        {
            plaintext(piece);
            let len = piece.len();
            reader.consume(len);
        }
    }
}

impl Session for Rustls {
    fn receive(
        &mut self,
        mut ciphertext: &[u8],
        plaintext: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Fault> {
        while !ciphertext.is_empty() && !self.closed_by_peer {
            if self.connection.read_tls(&mut ciphertext).is_err() {
                return Err(Fault::of_kind("message longer than any can be"));
            }
            let processed = self.connection.process_new_packets();
            // What came before a fault is as good as any.
            self.hand_on(plaintext);
            let state = processed.map_err(|error| Fault::new(&error))?;
            self.closed_by_peer = state.peer_has_closed();
        }
        Ok(())
    }

    fn send(&mut self, plaintext: &[u8], ciphertext: &mut Vec<u8>) {
        self.records += plaintext.len().div_ceil(RECORD_BYTES_MAX) as u64;
        // Neither can fail: there is no limit, and a vector takes all.
        let _ = self.connection.writer().write_all(plaintext);
        while self.connection.wants_write() && self.connection.write_tls(ciphertext).is_ok() {}
    }

    fn has_output(&self) -> bool {
        self.connection.wants_write()
    }

    fn agreed(&self) -> Option<Agreed> {
        let connection = &self.connection;
        if connection.is_handshaking() {
            return None;
        }
        let group = connection.negotiated_key_exchange_group();
        Some(Agreed {
            version: connection.protocol_version()?.as_str()?,
            cipher_suite: connection.negotiated_cipher_suite()?.suite().as_str()?,
            key_exchange: group.and_then(|group| group.name().as_str()),
            alpn: connection
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }

    fn is_closed_by_peer(&self) -> bool {
        self.closed_by_peer
    }

    fn is_worn_out(&self) -> bool {
        self.records >= RECORDS_MAX
            && self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_2)
    }

    fn close(&mut self) {
        self.connection.send_close_notify();
    }
}

#[cfg(test)]
mod tests;
