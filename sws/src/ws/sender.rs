//! Sending to a connection from anywhere else.

use crate::{
    connection::ConnId,
    remote::{Inbox, Mail},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use sws_proto::ws::{CloseCode, Message, encode};

/// An encoded frame that many connections send.
pub(crate) type Frame = Arc<[u8]>;

/// What a connection is asked to do from elsewhere.
pub(crate) enum Command {
    /// Send this frame, and say so.
    Send(Vec<u8>),
    Close(CloseCode, String),
}

/// What a connection and its senders share.
pub(crate) struct Shared {
    inbox: Arc<Inbox>,
    conn: ConnId,
    /// Bytes on their way to the connection.
    queued: AtomicUsize,
    queue_bytes_max: usize,
    closed: AtomicBool,
}

impl Shared {
    pub(super) fn new(inbox: Arc<Inbox>, conn: ConnId, queue_bytes_max: usize) -> Self {
        Self {
            inbox,
            conn,
            queued: AtomicUsize::new(0),
            queue_bytes_max,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn delivered(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::AcqRel);
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is over.
    Closed,
    /// So much waits to be sent that no more is taken ([`Config::websocket_queue_bytes_max`](crate::Config::websocket_queue_bytes_max)).
    Full,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the connection is closed",
            Self::Full => "the peer is too slow: its queue is full",
        })
    }
}

impl std::error::Error for SendError {}

/// Sends to one connection, from any thread: cheap to clone.
#[derive(Clone)]
pub struct Sender(pub(super) Arc<Shared>);

impl Sender {
    /// Sends a message: `&str` as text, `&[u8]` as binary. What one thread sends arrives in its order.
    ///
    /// # Errors
    /// [`SendError`]; taken means on its way, not arrived.
    pub fn send<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let mut frame = Vec::new();
        encode::message(&mut frame, message, None);
        let len = frame.len();
        let shared = &*self.0;
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        let before = shared.queued.fetch_add(len, Ordering::AcqRel);
        if before > 0 && before + len > shared.queue_bytes_max {
            shared.queued.fetch_sub(len, Ordering::AcqRel);
            return Err(SendError::Full);
        }
        self.command(Command::Send(frame))
    }

    /// Closes the connection after what was sent before.
    ///
    /// # Errors
    /// [`SendError::Closed`] if it is.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.command(Command::Close(code, reason.to_owned()))
    }

    fn command(&self, command: Command) -> Result<(), SendError> {
        let taken = !self.is_closed() && self.0.inbox.push(Mail::WebSocket(self.0.conn, command));
        if taken {
            Ok(())
        } else {
            Err(SendError::Closed)
        }
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// The connection.
    pub fn id(&self) -> ConnId {
        self.0.conn
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.0.conn).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_queue_is_bounded() {
        let inbox = Arc::new(Inbox::new(|| ()));
        let shared = Arc::new(Shared::new(Arc::clone(&inbox), ConnId::new(1, 1), 100));
        let sender = Sender(Arc::clone(&shared));
        assert_eq!(sender.send(&[0u8; 60][..]), Ok(()));
        assert_eq!(sender.send(&[0u8; 60][..]), Err(SendError::Full));
        shared.delivered(62);
        // One message is always taken, however long.
        assert_eq!(sender.send(&[0u8; 600][..]), Ok(()));
        shared.close();
        assert_eq!(sender.send("x"), Err(SendError::Closed));
        assert!(sender.close(CloseCode::NORMAL, "").is_err());
    }
}
