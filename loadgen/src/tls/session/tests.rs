//! Against the library's own server, in memory: whatever pieces the bytes come in, the same is understood.

use crate::{
    args::{Args, tls::TlsOptions},
    tls::{Client, Session},
};
use clap::Parser;
use rustls::{
    ServerConfig, ServerConnection,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    version::{TLS12, TLS13},
};
use std::{
    io::{Read, Write},
    sync::Arc,
};

fn options(line: &str) -> TlsOptions {
    let words = ["loadgen", "https://localhost/"];
    let words = words.into_iter().chain(line.split_whitespace());
    Args::try_parse_from(words).unwrap().tls
}

fn server() -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12, &TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    config.ticketer = ring::Ticketer::new().unwrap();
    Arc::new(config)
}

/// Both ends; what the server sends arrives in pieces of this many bytes.
struct Pair {
    client: Box<dyn Session>,
    server: ServerConnection,
    piece: usize,
    /// What the client has received, and the pieces that it came in.
    received: Vec<u8>,
}

impl Pair {
    fn new(client: &Client, server: &Arc<ServerConfig>, piece: usize) -> Self {
        let mut server = ServerConnection::new(server.clone()).unwrap();
        server.set_buffer_limit(None);
        let mut pair = Self {
            client: client.session().unwrap(),
            server,
            piece,
            received: Vec::new(),
        };
        while pair.client.agreed().is_none() {
            pair.client_sends(b"");
            pair.server_sends();
        }
        pair.client_sends(b"");
        pair.server_sends();
        pair
    }

    /// Lets the client send this, and returns what the server makes of it.
    fn client_sends(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut ciphertext = Vec::new();
        self.client.send(plaintext, &mut ciphertext);
        assert!(!self.client.has_output());
        let mut received = Vec::new();
        for mut piece in ciphertext.chunks(self.piece) {
            while !piece.is_empty() {
                self.server.read_tls(&mut piece).unwrap();
                self.server.process_new_packets().unwrap();
                let _ = self.server.reader().read_to_end(&mut received);
            }
        }
        received
    }

    /// Lets the server send what it has to, and returns what the client makes of it.
    fn server_sends(&mut self) -> Vec<u8> {
        let mut ciphertext = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut ciphertext).unwrap();
        }
        self.receive(&ciphertext).unwrap();
        std::mem::take(&mut self.received)
    }

    fn receive(&mut self, ciphertext: &[u8]) -> Result<(), crate::tls::Fault> {
        for piece in ciphertext.chunks(self.piece) {
            self.client.receive(piece, &mut |plaintext| {
                self.received.extend_from_slice(plaintext);
            })?;
        }
        Ok(())
    }
}

#[test]
fn bytes_may_be_cut_anywhere() {
    let server = server();
    for version in ["1.2", "1.3"] {
        let client = Client::new(&options(&format!("-k --tls {version}")), "localhost").unwrap();
        for piece in [1, 2, 3, 7, 64, 1000, usize::MAX] {
            let mut pair = Pair::new(&client, &server, piece);
            let agreed = pair.client.agreed().unwrap();
            assert_eq!(agreed.version, format!("TLSv1_{}", &version[2..]));
            assert!(agreed.cipher_suite.contains("AES_256_GCM"), "{agreed:?}");
            assert_eq!(agreed.key_exchange, Some("X25519"));
            assert_eq!((agreed.alpn, agreed.resumed), (None, false));
            let long: Vec<u8> = (0..70_000u32).map(|number| number as u8).collect();
            for text in [&b"hello"[..], &long] {
                assert!(pair.client_sends(text) == text, "{version} {piece}");
                pair.server.writer().write_all(text).unwrap();
                // More than one record, and one after another.
                pair.server.writer().write_all(b"!").unwrap();
                let received = pair.server_sends();
                assert!(
                    received.strip_suffix(b"!") == Some(text),
                    "{version} {piece}"
                );
            }
            assert!(!pair.client.is_closed_by_peer());
            pair.server.writer().write_all(b"bye").unwrap();
            pair.server.send_close_notify();
            assert_eq!(pair.server_sends(), b"bye");
            assert!(pair.client.is_closed_by_peer());
            // Nothing can follow.
            pair.receive(b"anything").unwrap();
            assert_eq!(pair.received, b"");
        }
    }
}

#[test]
fn new_keys_are_answered_with_new_keys() {
    let client = Client::new(&options("-k --tls 1.3"), "localhost").unwrap();
    let mut pair = Pair::new(&client, &server(), 5);
    for text in [b"one", b"two"] {
        pair.server.refresh_traffic_keys().unwrap();
        pair.server.writer().write_all(text).unwrap();
        assert_eq!(pair.server_sends(), text);
        assert_eq!(pair.client_sends(text), text);
    }
}

#[test]
fn what_came_before_a_fault_is_handed_on() {
    let client = Client::new(&options("-k"), "localhost").unwrap();
    let mut pair = Pair::new(&client, &server(), usize::MAX);
    pair.server.writer().write_all(b"good").unwrap();
    let mut ciphertext = Vec::new();
    pair.server.write_tls(&mut ciphertext).unwrap();
    let mut forged = ciphertext.clone();
    *forged.last_mut().unwrap() ^= 1;
    ciphertext.extend(forged);
    let fault = pair.receive(&ciphertext).unwrap_err();
    assert_eq!(fault.kind, "a record that does not decrypt");
    assert_eq!(pair.received, b"good");
    assert!(pair.client.has_output(), "an alert");
}

#[test]
fn each_thread_keeps_a_ticket_for_every_connection() {
    let server = server();
    for version in ["1.2", "1.3"] {
        let options = options(&format!("-k --tls {version}"));
        let client = Client::new(&options, "localhost").unwrap().for_thread(20);
        let resumed = |pair: &Pair| pair.client.agreed().is_some_and(|agreed| agreed.resumed);
        for _ in 0..20 {
            assert!(!resumed(&Pair::new(
                &client.for_thread(1),
                &server,
                usize::MAX
            )));
        }
        let first: Vec<Pair> = (0..20)
            .map(|_| Pair::new(&client, &server, usize::MAX))
            .collect();
        assert!(!resumed(&first[0]), "{version}");
        let second = (0..20).map(|_| Pair::new(&client, &server, usize::MAX));
        assert!(second.filter(resumed).count() == 20, "{version}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let client = Client::new(&options("-k"), "localhost").unwrap();
    let client = client.for_thread(1);
    Pair::new(&client, &server(), usize::MAX);
    let printed = format!("{client:?}");
    assert!(printed.contains("Tickets { max: 2, .. }"), "{printed}");
}

/// Takes a while: 2^24 records.
#[test]
#[ignore = "takes a minute"]
fn keys_wear_out_before_the_library_stops() {
    let client = Client::new(&options("-k --tls 1.2"), "localhost").unwrap();
    let mut pair = Pair::new(&client, &server(), usize::MAX);
    let mut ciphertext = Vec::new();
    while !pair.client.is_worn_out() {
        ciphertext.clear();
        pair.client.send(b"x", &mut ciphertext);
    }
    for _ in 0..1000 {
        ciphertext.clear();
        pair.client.send(b"x", &mut ciphertext);
        assert_eq!(ciphertext[0], 23, "application data and no alert");
    }
}
