//! One connection: bytes in, answers out, in order.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown},
};

use crate::{
    head,
    routes::{App, Exchange, Next},
    websocket::Echo,
};

/// Unsent bytes above which no further request is answered.
const HIGH_WATER_BYTES: usize = 1 << 20;
/// Reads of one wake-up, so that one upload does not hold up everybody else.
const READS_MAX: usize = 16;

pub(crate) struct Connection {
    stream: OwnedFd,
    /// Begun requests and frames.
    input: Vec<u8>,
    /// What the socket did not take. While there is any, nothing is read.
    output: Vec<u8>,
    sent: usize,
    state: State,
}

enum State {
    Request,
    Body(Exchange),
    WebSocket(Echo),
    /// All is said; input is discarded until the peer's end, so that no reset
    /// eats the last answer.
    Draining,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Input,
    Room,
    /// For the peer's end, but not for long.
    End,
}

/// The connection is over.
pub(crate) struct Gone;

impl From<Errno> for Gone {
    /// A peer that breaks off concerns nobody else.
    fn from(_: Errno) -> Self {
        Self
    }
}

/// The buffers of a thread.
pub(crate) struct Buffers {
    pub(crate) input: Box<[u8]>,
    pub(crate) output: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: OwnedFd) -> Self {
        Self {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            state: State::Request,
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(crate) fn waits(&self) -> Wait {
        match self.state {
            _ if !self.output.is_empty() => Wait::Room,
            State::Draining => Wait::End,
            _ => Wait::Input,
        }
    }

    /// Does what can be done now.
    pub(crate) fn proceed(&mut self, app: &mut App, buffers: &mut Buffers) -> Result<(), Gone> {
        if !self.output.is_empty() {
            self.send_rest()?;
            if !self.output.is_empty() {
                return Ok(());
            }
            self.advance(app, &[], &mut buffers.output)?;
        }
        for _ in 0..READS_MAX {
            if !self.output.is_empty() {
                break;
            }
            let count = match recv(&self.stream, &mut *buffers.input, RecvFlags::empty()) {
                Ok((0, _)) => return Err(Gone),
                Ok((count, _)) => count,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            self.advance(app, &buffers.input[..count], &mut buffers.output)?;
            if count < buffers.input.len() {
                break;
            }
        }
        Ok(())
    }

    /// Answers what is complete in what was left over and `bytes`.
    fn advance(&mut self, app: &mut App, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Gone> {
        if self.input.is_empty() {
            let taken = self.pump(app, bytes, out)?;
            self.input.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let taken = self.pump(app, &input, out)?;
        if taken < input.len() {
            input.drain(..taken);
            self.input = input;
        }
        Ok(())
    }

    /// How much of `bytes` is done with.
    fn pump(&mut self, app: &mut App, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Gone> {
        let mut taken = 0;
        loop {
            let before = taken;
            while out.len() < HIGH_WATER_BYTES {
                let count = self.step(app, &bytes[taken..], out);
                taken += count;
                if count == 0 || taken == bytes.len() {
                    break;
                }
            }
            let paused = out.len() >= HIGH_WATER_BYTES;
            self.send(out)?;
            if matches!(self.state, State::Draining) {
                if self.output.is_empty() {
                    shutdown(&self.stream, Shutdown::Write)?;
                }
                return Ok(bytes.len());
            }
            if !paused || taken == before || !self.output.is_empty() {
                return Ok(taken);
            }
        }
    }

    /// One head, one part of a body, or all complete frames.
    fn step(&mut self, app: &mut App, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        match &mut self.state {
            State::Request => {
                let begun = head::parse(bytes, |head, length| {
                    (app.begin(head, out), length, head.expects)
                });
                match begun {
                    Ok(None) => 0,
                    Ok(Some((next, length, expects))) => {
                        if let Next::Body(exchange) = &next
                            && expects
                            && length == bytes.len()
                            && !exchange.is_answered()
                        {
                            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                        }
                        self.state = match next {
                            Next::Request => State::Request,
                            Next::Body(exchange) => State::Body(exchange),
                            Next::WebSocket => State::WebSocket(Echo::default()),
                            Next::Close => State::Draining,
                        };
                        length
                    }
                    Err(refusal) => {
                        app.refuse(refusal, out);
                        self.state = State::Draining;
                        bytes.len()
                    }
                }
            }
            State::Body(exchange) => match exchange.take(bytes) {
                Ok(taken) => {
                    if exchange.body.is_done() {
                        let closes = exchange.finish(app, out);
                        self.state = if closes {
                            State::Draining
                        } else {
                            State::Request
                        };
                    }
                    taken
                }
                Err(_) => {
                    if !exchange.is_answered() {
                        app.refuse("400 Bad Request", out);
                    }
                    self.state = State::Draining;
                    bytes.len()
                }
            },
            State::WebSocket(echo) => {
                let (taken, ends) = echo.feed(bytes, out);
                if ends {
                    self.state = State::Draining;
                }
                taken
            }
            State::Draining => bytes.len(),
        }
    }

    /// Sends what was answered; keeps what the socket does not take.
    fn send(&mut self, out: &mut Vec<u8>) -> Result<(), Gone> {
        if out.is_empty() {
            return Ok(());
        }
        let sent = send_some(&self.stream, out)?;
        if sent < out.len() {
            self.output.extend_from_slice(&out[sent..]);
        }
        out.clear();
        Ok(())
    }

    fn send_rest(&mut self) -> Result<(), Gone> {
        self.sent += send_some(&self.stream, &self.output[self.sent..])?;
        if self.sent == self.output.len() {
            self.output = Vec::new();
            self.sent = 0;
            if matches!(self.state, State::Draining) {
                shutdown(&self.stream, Shutdown::Write)?;
            }
        }
        Ok(())
    }
}

/// How much of `bytes` the socket took.
fn send_some(stream: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    let mut sent = 0;
    while sent < bytes.len() {
        match send(stream, &bytes[sent..], SendFlags::NOSIGNAL) {
            Ok(count) => sent += count,
            Err(Errno::AGAIN) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
