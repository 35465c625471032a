//! A WebSocket client on a raw socket, which shares no code with the server.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code, of which each test file uses its own part"
)]

use super::Client;
use std::net::SocketAddr;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The request of RFC 6455, 1.3, whose answer is given there, too.
pub fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// An open WebSocket.
pub fn open(addr: SocketAddr, path: &str) -> Client {
    let mut client = Client::new(addr);
    client.send(request(path));
    opened(&mut client);
    client
}

/// Expects the answer to [`request`].
pub fn opened(client: &mut Client) {
    let head = client.take_through(b"\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    assert!(head.contains(accept), "{head}");
}

/// One masked frame.
pub fn frame(fin: bool, opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    frame.extend(mask);
    frame.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    frame
}

/// A whole text message in one frame.
pub fn text(text: &str) -> Vec<u8> {
    frame(true, TEXT, text)
}

/// The next frame: its opcode and payload. Servers send whole messages, unmasked.
pub fn next(client: &mut Client) -> (u8, Vec<u8>) {
    let start = client.take(2);
    assert_eq!(start[0] & 0xf0, 0x80, "a whole frame without extensions");
    let len = match start[1] {
        len @ 0..126 => usize::from(len),
        126 => usize::from(u16::from_be_bytes(client.take(2).try_into().unwrap())),
        127 => u64::from_be_bytes(client.take(8).try_into().unwrap()) as usize,
        _ => panic!("a server's frame is not masked"),
    };
    (start[0] & 0x0f, client.take(len))
}

pub fn next_text(client: &mut Client) -> String {
    let (opcode, payload) = next(client);
    assert_eq!(opcode, TEXT, "{payload:?}");
    String::from_utf8(payload).unwrap()
}

/// The next frame closes; its code.
pub fn next_close(client: &mut Client) -> u16 {
    let (opcode, payload) = next(client);
    assert_eq!(opcode, CLOSE, "{payload:?}");
    u16::from_be_bytes(payload[..2].try_into().unwrap())
}
