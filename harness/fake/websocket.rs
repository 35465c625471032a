//! The echo endpoint, with the faults of that level.

mod frame;

use crate::fault::Fault;
use crate::http::{Request, response};
use frame::{Frame, Parsed};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tungstenite::handshake::derive_accept_key;

pub(crate) const PATH: &str = "/ws";

const PROTOCOL_ERROR: u16 = 1002;
const UNSUPPORTED: u16 = 1003;
const INVALID_TEXT: u16 = 1007;

/// Connections that were ever upgraded, and that are open.
static EVER: AtomicUsize = AtomicUsize::new(0);
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// The last message of any connection, for the server that mixes them up.
static LAST: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The answer to a request for the endpoint, the first of its connection or a
/// later one: an upgrade, or as `Err` a refusal.
pub(crate) fn handshake(
    request: &Request,
    is_first: bool,
    fault: Option<Fault>,
) -> Result<Vec<u8>, Vec<u8>> {
    let has = |one| fault == Some(one);
    let lists = |name: &str, token: &str| {
        let values = request.header(name).unwrap_or_default().split(',');
        values.map(str::trim).any(|value| match fault {
            Some(Fault::WsCaseSensitive) => value == token,
            _ => value.eq_ignore_ascii_case(token),
        })
    };
    let key = request.header("Sec-WebSocket-Key");
    let asked = lists("Upgrade", "websocket")
        && lists("Connection", "Upgrade")
        && request.method == "GET"
        && request.header("Sec-WebSocket-Version") == Some("13");
    let busy = has(Fault::WsOneConnection) && EVER.load(Ordering::Relaxed) > 0
        || has(Fault::WsFirstRequestOnly) && !is_first;
    let (Some(key), true, false) = (key, asked || has(Fault::WsUpgradesAnything), busy) else {
        let status = if has(Fault::WsPlainGetOk) { 200 } else { 426 };
        let version = [("Sec-WebSocket-Version", "13")];
        return Err(response(
            status,
            "text/plain",
            &version,
            b"this is a WebSocket endpoint",
        ));
    };
    let accept = if has(Fault::WsWrongAccept) {
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned()
    } else {
        derive_accept_key(key.as_bytes())
    };
    let extension = if has(Fault::WsExtension) {
        "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extension}\r\n"
    );
    Ok(head.into_bytes())
}

/// Echoes until the connection ends; `pending` came with the upgrade request.
pub(crate) fn serve(stream: TcpStream, pending: Vec<u8>, fault: Option<Fault>) {
    EVER.fetch_add(1, Ordering::Relaxed);
    OPEN.fetch_add(1, Ordering::Relaxed);
    let mut echo = Echo {
        stream,
        pending,
        message: None,
        fault,
    };
    if echo.has(Fault::WsLosesEarlyFrames) {
        echo.pending.clear();
    }
    echo.run();
    OPEN.fetch_sub(1, Ordering::Relaxed);
}

struct Echo {
    stream: TcpStream,
    pending: Vec<u8>,
    /// The fragmented message under way: its opcode and what has come of it.
    message: Option<(u8, Vec<u8>)>,
    fault: Option<Fault>,
}

/// What to do after a frame.
enum Next {
    GoOn,
    /// Close with this payload.
    Close(Vec<u8>),
}

fn failed(code: u16) -> Next {
    Next::Close(code.to_be_bytes().to_vec())
}

impl Echo {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn run(&mut self) {
        loop {
            let mut batch = Vec::new();
            let closing = self.batch(&mut batch);
            if self.has(Fault::WsReverses) {
                batch.reverse();
            }
            if self.has(Fault::WsDropsFifth) && batch.len() == 5 {
                batch.pop();
            }
            if self.has(Fault::WsEightPerRead) {
                batch.truncate(8);
            }
            if self.has(Fault::WsCloseOvertakes) && closing.is_some() {
                batch.clear();
            }
            if self.stream.write_all(&batch.concat()).is_err() {
                return;
            }
            if let Some(payload) = closing {
                return self.close(payload);
            }
            if self.has(Fault::WsForgetsSplit) {
                self.pending.clear();
            }
            let mut buffer = [0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) if self.has(Fault::WsDiesMidFrame) && !self.pending.is_empty() => {
                    eprintln!("fake-entry: this frame will never be complete, giving up");
                    std::process::exit(9);
                }
                Ok(0) | Err(_) => return,
                Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Answers every frame at hand; the payload of a close when one is due.
    fn batch(&mut self, out: &mut Vec<Vec<u8>>) -> Option<Vec<u8>> {
        loop {
            let next = match Frame::parse(&self.pending) {
                Parsed::Incomplete => return None,
                Parsed::Invalid if !self.has(Fault::WsAcceptsReserved) => failed(PROTOCOL_ERROR),
                Parsed::Invalid => {
                    self.pending.clear();
                    Next::GoOn
                }
                Parsed::Frame(frame, length) => {
                    self.pending.drain(..length);
                    self.answer(frame, out)
                }
            };
            if let Next::Close(payload) = next {
                return Some(payload);
            }
        }
    }

    fn answer(&mut self, frame: Frame, out: &mut Vec<Vec<u8>>) -> Next {
        if !frame.masked && !self.has(Fault::WsAcceptsUnmasked) {
            return failed(PROTOCOL_ERROR);
        }
        match frame.opcode {
            frame::CLOSE => self.closed_by_peer(frame.payload),
            frame::PING => {
                let empty = self.has(Fault::WsEmptyPong);
                let payload = if empty { Vec::new() } else { frame.payload };
                if !self.has(Fault::WsNoPong) {
                    out.push(frame::encode(frame::PONG, &payload, self.fault));
                }
                Next::GoOn
            }
            frame::PONG => {
                if self.has(Fault::WsAnswersPong) {
                    out.push(frame::encode(frame::TEXT, &frame.payload, self.fault));
                }
                Next::GoOn
            }
            _ => self.data(frame, out),
        }
    }

    fn closed_by_peer(&self, payload: Vec<u8>) -> Next {
        if self.has(Fault::WsAcceptsBadClose) {
            return Next::Close(payload);
        }
        let Some((code, reason)) = payload.split_first_chunk() else {
            return if payload.is_empty() {
                Next::Close(payload)
            } else {
                failed(PROTOCOL_ERROR)
            };
        };
        match u16::from_be_bytes(*code) {
            1000..=1003 | 1007..=1011 | 3000..=4999 if std::str::from_utf8(reason).is_ok() => {
                Next::Close(payload)
            }
            1000..=1003 | 1007..=1011 | 3000..=4999 => failed(INVALID_TEXT),
            _ => failed(PROTOCOL_ERROR),
        }
    }

    fn data(&mut self, frame: Frame, out: &mut Vec<Vec<u8>>) -> Next {
        if self.has(Fault::WsTextOnly) && frame.opcode == frame::BINARY {
            return failed(UNSUPPORTED);
        }
        let is_text = std::str::from_utf8(&frame.payload).is_ok();
        if self.has(Fault::WsChecksFragmentsAlone) && !frame.fin && !is_text {
            return failed(INVALID_TEXT);
        }
        if self.has(Fault::WsDropsFragments) {
            if frame.opcode != frame::CONTINUATION {
                self.echo(frame.opcode, frame.payload, out);
            }
            return Next::GoOn;
        }
        let (opcode, payload) = match (self.message.take(), frame.opcode) {
            (None, frame::CONTINUATION) => return failed(PROTOCOL_ERROR),
            (None, opcode) => (opcode, frame.payload),
            (Some((opcode, mut payload)), frame::CONTINUATION) => {
                payload.extend(frame.payload);
                (opcode, payload)
            }
            (Some(_), _) => return failed(PROTOCOL_ERROR),
        };
        if !frame.fin {
            self.message = Some((opcode, payload));
            return Next::GoOn;
        }
        let is_text = std::str::from_utf8(&payload).is_ok();
        if opcode == frame::TEXT && !is_text && !self.has(Fault::WsAcceptsBadText) {
            return failed(INVALID_TEXT);
        }
        self.echo(opcode, payload, out);
        Next::GoOn
    }

    fn echo(&self, opcode: u8, mut payload: Vec<u8>, out: &mut Vec<Vec<u8>>) {
        if self.has(Fault::WsCrossTalk) && OPEN.load(Ordering::Relaxed) > 8 {
            let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut *last, &mut payload);
        }
        let opcode = match opcode {
            frame::TEXT if self.has(Fault::WsTextAsBinary) => frame::BINARY,
            opcode => opcode,
        };
        let bytes = frame::encode(opcode, &payload, self.fault);
        if self.has(Fault::WsEchoesTwice) {
            out.push(bytes.clone());
        }
        out.push(bytes);
    }

    /// The closing handshake, and the end of the connection.
    fn close(&mut self, payload: Vec<u8>) {
        let payload = match self.fault {
            Some(Fault::WsNoClose) => return,
            Some(Fault::WsClosesWith1000) => 1000_u16.to_be_bytes().to_vec(),
            Some(Fault::WsCloseWithoutCode) => Vec::new(),
            _ => payload,
        };
        let frame = frame::encode(frame::CLOSE, &payload, self.fault);
        let _ = self.stream.write_all(&frame);
        let in_order = payload.starts_with(&1000_u16.to_be_bytes());
        if !(self.has(Fault::WsStaysOpen) && in_order) {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        // Closing with unread bytes would reset the connection and could
        // swallow the close frame.
        let limit = std::time::Duration::from_secs(20);
        let _ = self.stream.set_read_timeout(Some(limit));
        let mut sink = [0; 4096];
        while self.stream.read(&mut sink).is_ok_and(|count| count > 0) {}
    }
}
