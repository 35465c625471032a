//! The same through a client library that many programs use.

use super::{AREAS, PATH};
use crate::check::Check;
use crate::check::fault::{Fault, Verdict};
use crate::check::target::Target;
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, HandshakeError, Message, WebSocket, client};

const LIMIT: Duration = Duration::from_secs(5);

pub(in crate::check) const CHECKS: &[Check] = &[Check::new("echo-ws/library", AREAS, session)];

fn fault(doing: &str, expected: &str, got: impl std::fmt::Display) -> Fault {
    let says = format!("a client library (tungstenite) is at odds with the server: {got}");
    Fault::new(says, doing, expected, got.to_string())
}

fn connect(target: &Target<'_>) -> Result<WebSocket<TcpStream>, Fault> {
    let doing = "an upgrade by the client library";
    let expected = "an upgraded connection";
    let open = || {
        let stream = TcpStream::connect_timeout(&target.address(), LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok::<_, std::io::Error>(stream)
    };
    let stream = open().map_err(|error| fault(doing, expected, error))?;
    let url = format!("ws://{}{PATH}", target.address());
    match client(url, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(error)) => Err(fault(doing, expected, error)),
        Err(HandshakeError::Interrupted(_)) => Err(fault(doing, expected, "no answer in 5 s")),
    }
}

fn session(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/library");
    let mut socket = connect(target)?;
    let messages = [
        Message::text("grüße, 世界"),
        Message::binary(rng.bytes(256)),
        Message::text(rng.text(70_000)),
        Message::binary(rng.bytes(300_000)),
        Message::text(""),
    ];
    for message in &messages {
        let doing = format!("a message of {} bytes", message.len());
        exchange(&mut socket, &doing, message.clone(), message)?;
    }
    let ping = Message::Ping("beat".into());
    exchange(&mut socket, "a ping", ping, &Message::Pong("beat".into()))?;
    // All at once: they arrive in few segments.
    let doing = "sixteen messages, sent before any echo was read";
    for number in 0..16 {
        let sent = socket.write(Message::text(format!("message {number}")));
        sent.map_err(|error| fault(doing, "to be read", error))?;
    }
    socket
        .flush()
        .map_err(|error| fault(doing, "to be read", error))?;
    for number in 0..16 {
        expect(
            &mut socket,
            doing,
            &Message::text(format!("message {number}")),
        )?;
    }
    close(&mut socket)
}

fn exchange(
    socket: &mut WebSocket<TcpStream>,
    doing: &str,
    message: Message,
    expected: &Message,
) -> Verdict {
    socket
        .send(message)
        .map_err(|error| fault(doing, "to be read", error))?;
    expect(socket, doing, expected)
}

fn expect(socket: &mut WebSocket<TcpStream>, doing: &str, expected: &Message) -> Verdict {
    let shown = |message: &Message| {
        let text: String = format!("{message:?}").chars().take(160).collect();
        format!("{} bytes: {text}", message.len())
    };
    match socket.read() {
        Ok(message) if message == *expected => Ok(()),
        Ok(message) => Err(fault(doing, &shown(expected), shown(&message))),
        Err(error) => Err(fault(doing, &shown(expected), error)),
    }
}

/// The closing handshake, which the library ends with an error of its own name.
fn close(socket: &mut WebSocket<TcpStream>) -> Verdict {
    let doing = "a close by the client library";
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "done".into(),
    };
    socket
        .close(Some(frame))
        .map_err(|error| fault(doing, "to be read", error))?;
    let expected = "a close frame 1000, then the end of the connection";
    match socket.read() {
        Ok(Message::Close(Some(frame))) if frame.code == CloseCode::Normal => {}
        Ok(other) => return Err(fault(doing, expected, format!("{other:?}"))),
        Err(error) => return Err(fault(doing, expected, error)),
    }
    match socket.read() {
        Err(Error::ConnectionClosed) => Ok(()),
        Err(error) => Err(fault(doing, expected, error)),
        Ok(other) => Err(fault(doing, expected, format!("{other:?}"))),
    }
}
