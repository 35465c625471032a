//! WebSocket (RFC 6455).
//!
//! ```no_run
//! use sws::{Request, Server, ws::{Message, Socket, WebSocket}};
//!
//! struct Echo;
//!
//! impl WebSocket<()> for Echo {
//!     fn message(&mut self, _: &mut (), socket: &mut Socket<'_>, message: Message<'_>) {
//!         socket.send(message);
//!     }
//! }
//!
//! Server::builder().ws("/echo", |_: &mut (), _: &Request<'_>| Echo).run()?;
//! # Ok::<(), sws::Error>(())
//! ```
//!
//! A value that implements [`WebSocket`] is made for each connection and called on the reactor's thread. Messages are whole and
//! borrowed: whoever keeps one copies it. Pings are answered, fragments put together and text checked without its doing.
//!
//! To send from elsewhere, a task, a hook or another thread, keep a [`Sender`]; to send to many, a [`Topic`].

mod route;
mod sender;
mod topic;

pub(crate) use route::Route;
pub use route::{Always, MayRefuse, Open, Options};
pub(crate) use sender::{Command, Frame, Shared};
pub use sender::{SendError, Sender};
pub use sws_proto::ws::{CloseCode, Message};
pub use topic::Topic;
pub(crate) use topic::TopicMembers;

use crate::{
    connection::{ConnId, ConnRef},
    remote::Inbox,
};
use std::{fmt, net::SocketAddr, sync::Arc};
use sws_proto::ws::{Close, encode};
use sws_ring::sys;

/// What is done with one connection.
pub trait WebSocket<S>: 'static {
    /// The connection is open.
    fn open(&mut self, state: &mut S, socket: &mut Socket<'_>) {
        let _ = (state, socket);
    }

    /// A message has come.
    fn message(&mut self, state: &mut S, socket: &mut Socket<'_>, message: Message<'_>);

    /// The connection is over: called once for each that was opened, whatever ended it.
    fn close(&mut self, state: &mut S, conn: ConnId, reason: &Closed) {
        let _ = (state, conn, reason);
    }
}

/// A closure takes the messages.
impl<S, F> WebSocket<S> for F
where
    F: FnMut(&mut S, &mut Socket<'_>, Message<'_>) + 'static,
{
    fn message(&mut self, state: &mut S, socket: &mut Socket<'_>, message: Message<'_>) {
        self(state, socket, message);
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The peer closed it; what it said, if it said anything (RFC 6455, 7.4).
    ByPeer(Option<(CloseCode, String)>),
    /// This side closed it: the handler, or the server for this reason.
    ByServer(CloseCode),
    /// It broke without a close frame.
    Lost,
}

/// A connection, during a call of its [`WebSocket`].
pub struct Socket<'a> {
    pub(crate) at: ConnRef,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) inbox: &'a Arc<Inbox>,
    pub(crate) shared: &'a mut Option<Arc<Shared>>,
    pub(crate) topics: &'a mut Vec<Topic>,
    pub(crate) protocol: Option<&'a str>,
    pub(crate) queue_bytes_max: usize,
    pub(crate) closing: &'a mut Option<CloseCode>,
}

impl Socket<'_> {
    /// Sends a message: `&str` as text, `&[u8]` as binary. Nothing is sent after a close.
    ///
    /// A peer that does not take what it is sent in answer to its own messages is not read any further.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) {
        if self.closing.is_none() {
            encode::message(self.out, message, None);
        }
    }

    /// Sends a ping; more than 125 bytes of payload are cut. The pong is taken as a sign of life and not reported.
    pub fn ping(&mut self, payload: &[u8]) {
        if self.closing.is_none() {
            // It is short enough.
            let _ = encode::ping(self.out, &payload[..payload.len().min(125)], None);
        }
    }

    /// Closes the connection; a reason of more than 123 bytes is cut.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if self.closing.is_none() {
            *self.closing = Some(code);
            encode::close(self.out, Some(Close { code, reason }), None);
        }
    }

    /// A handle to send from anywhere else.
    pub fn sender(&mut self) -> Sender {
        let shared = self.shared.get_or_insert_with(|| {
            let inbox = Arc::clone(self.inbox);
            Arc::new(Shared::new(inbox, self.at.id, self.queue_bytes_max))
        });
        Sender(Arc::clone(shared))
    }

    /// Makes the connection a member of a topic until it closes or [leaves](Self::leave).
    pub fn join(&mut self, topic: &Topic) {
        if topic.0.join(self.inbox, self.at.id) {
            self.topics.push(topic.clone());
        }
    }

    /// Ends a membership.
    pub fn leave(&mut self, topic: &Topic) {
        self.topics.retain(|t| !Arc::ptr_eq(&t.0, &topic.0));
        topic.0.leave(self.inbox, self.at.id);
    }

    /// The connection.
    pub fn id(&self) -> ConnId {
        self.at.id
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol
    }

    /// The address of the peer.
    pub fn peer(&self) -> Option<SocketAddr> {
        sys::peer_address(self.at.fd)
    }
}

impl fmt::Debug for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.at.id)
            .finish_non_exhaustive()
    }
}
