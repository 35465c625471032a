//! A WebSocket client that knows no more than these tests need.

use crate::common::Client;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

pub(crate) struct Socket(TcpStream);

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const MASK: [u8; 4] = [1, 2, 3, 4];

impl Socket {
    /// Nothing may follow the answer's head but frames, so it is read byte by byte.
    pub(crate) fn open(mut client: Client, path: &str) -> Self {
        client.send(request(path));
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self(client.stream)
    }

    /// Sends a short text.
    pub(crate) fn say(&mut self, text: &str) {
        self.send(TEXT, text.as_bytes());
    }

    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) {
        assert!(payload.len() < 126);
        let mut frame = vec![first, 0x80 | payload.len() as u8];
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
        self.0.write_all(&frame).unwrap();
    }

    fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length).unwrap();
                u16::from_be_bytes(length).into()
            }
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).unwrap();
        (head[0], payload)
    }

    /// The next message, which is a text.
    pub(crate) fn hear(&mut self) -> String {
        let (first, payload) = self.frame();
        assert_eq!(first, TEXT, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }

    /// The code of the close frame that comes next.
    pub(crate) fn closed(&mut self) -> u16 {
        let (first, payload) = self.frame();
        assert_eq!(first, CLOSE, "{payload:?}");
        u16::from_be_bytes([payload[0], payload[1]])
    }

    /// Closes as a peer should.
    pub(crate) fn leave(mut self) {
        self.send(CLOSE, &1000u16.to_be_bytes());
        assert_eq!(self.closed(), 1000);
    }
}

/// A request for a WebSocket, with the key of RFC 6455, 1.3.
pub(crate) fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
