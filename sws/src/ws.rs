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

use crate::{
    connection::{ConnId, ConnRef},
    remote::{Inbox, Mail},
    reply::{IntoReply, Reply},
    request::Request,
};
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use sws_proto::ws::{Close, encode};
pub use sws_proto::ws::{CloseCode, Message};
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

/// Makes the value for a new connection: a function `fn(&mut S, &Request) -> W`, or one that may refuse with
/// `Result<W, impl IntoReply>`. `Kind` is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not open a WebSocket for a server whose state is `{S}`",
    label = "does not open a WebSocket",
    note = "it is `fn(&mut {S}, &Request<'_>) -> W` or `-> Result<W, Rejection>`, where `W` implements `WebSocket<{S}>`"
)]
pub trait Open<S, Kind>: Send + Sync + 'static {
    /// The value for a connection whose handshake is in order.
    ///
    /// # Errors
    /// The answer to a request that is refused.
    fn open(
        &self,
        state: &mut S,
        request: &Request<'_>,
    ) -> Result<Box<dyn WebSocket<S>>, Box<Reply>>;
}

/// Says that every connection is taken.
#[derive(Debug)]
pub struct Always<W>(std::marker::PhantomData<W>);

impl<S, F, W> Open<S, Always<W>> for F
where
    F: Fn(&mut S, &Request<'_>) -> W + Send + Sync + 'static,
    W: WebSocket<S>,
{
    fn open(
        &self,
        state: &mut S,
        request: &Request<'_>,
    ) -> Result<Box<dyn WebSocket<S>>, Box<Reply>> {
        Ok(Box::new(self(state, request)))
    }
}

/// Says that connections may be refused.
#[derive(Debug)]
pub struct MayRefuse<W, E>(std::marker::PhantomData<(W, E)>);

impl<S, F, W, E> Open<S, MayRefuse<W, E>> for F
where
    F: Fn(&mut S, &Request<'_>) -> Result<W, E> + Send + Sync + 'static,
    W: WebSocket<S>,
    E: IntoReply,
{
    fn open(
        &self,
        state: &mut S,
        request: &Request<'_>,
    ) -> Result<Box<dyn WebSocket<S>>, Box<Reply>> {
        match self(state, request) {
            Ok(socket) => Ok(Box::new(socket)),
            Err(error) => Err(Box::new(error.into_reply())),
        }
    }
}

/// What holds for one route's WebSockets.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) protocols: Vec<String>,
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) message_bytes_max: Option<u32>,
}

impl Options {
    /// The defaults: no subprotocol, any origin, the configuration's limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a subprotocol, after those that are preferred to it. A client that offers none of them gets none.
    #[must_use]
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.protocols.push(name.into());
        self
    }

    /// Adds an origin such as `https://example.org`. Once there is one, browsers that come from any other page are refused with 403;
    /// clients that are no browsers, which send no `Origin`, are not.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.get_or_insert_default().push(origin.into());
        self
    }

    /// The longest message, in bytes, instead of the configuration's; a longer one closes the connection with 1009.
    #[must_use]
    pub fn message_limit(mut self, bytes: u32) -> Self {
        self.message_bytes_max = Some(bytes);
        self
    }
}

type OpenFn<S> =
    dyn Fn(&mut S, &Request<'_>) -> Result<Box<dyn WebSocket<S>>, Box<Reply>> + Send + Sync;

/// A WebSocket's route, as the router keeps it.
pub(crate) struct Route<S> {
    pub(crate) options: Options,
    pub(crate) open: Box<OpenFn<S>>,
}

impl<S> Route<S> {
    pub(crate) fn new<K>(options: Options, open: impl Open<S, K>) -> Self {
        Self {
            options,
            open: Box::new(move |state, request| open.open(state, request)),
        }
    }
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
            Arc::new(Shared {
                inbox: Arc::clone(self.inbox),
                conn: self.at.id,
                queued: AtomicUsize::new(0),
                queue_bytes_max: self.queue_bytes_max,
                closed: AtomicBool::new(false),
            })
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
pub struct Sender(Arc<Shared>);

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

/// A set of connections, on whatever reactors, that are sent the same messages. Cheap to clone; `Send`.
#[derive(Clone, Default)]
pub struct Topic(pub(crate) Arc<TopicMembers>);

impl Topic {
    /// A topic without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a message to every member. It is encoded once; a member that is too slow is treated as
    /// [`Config::websocket_overflow`](crate::Config::websocket_overflow) says. From any thread.
    pub fn send<'m>(&self, message: impl Into<Message<'m>>) {
        let mut frame = Vec::new();
        encode::message(&mut frame, message, None);
        let frame: Frame = frame.into();
        let inboxes: Vec<Arc<Inbox>> = {
            let members = self.0.lock();
            members.iter().map(|m| Arc::clone(&m.inbox)).collect()
        };
        for inbox in inboxes {
            inbox.push(Mail::Publish(Arc::clone(&self.0), Arc::clone(&frame)));
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.lock().iter().map(|m| m.conns.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("members", &self.len())
            .finish()
    }
}

/// The members of a topic, by reactor.
#[derive(Default)]
pub(crate) struct TopicMembers(Mutex<Vec<Members>>);

struct Members {
    inbox: Arc<Inbox>,
    conns: Vec<ConnId>,
}

impl TopicMembers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Members>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, inbox: &Arc<Inbox>, conn: ConnId) -> bool {
        let mut all = self.lock();
        match all.iter_mut().find(|m| Arc::ptr_eq(&m.inbox, inbox)) {
            Some(members) if members.conns.contains(&conn) => return false,
            Some(members) => members.conns.push(conn),
            None => all.push(Members {
                inbox: Arc::clone(inbox),
                conns: vec![conn],
            }),
        }
        true
    }

    pub(crate) fn leave(&self, inbox: &Arc<Inbox>, conn: ConnId) {
        let mut all = self.lock();
        if let Some(at) = all.iter().position(|m| Arc::ptr_eq(&m.inbox, inbox)) {
            all[at].conns.retain(|other| *other != conn);
            if all[at].conns.is_empty() {
                all.swap_remove(at);
            }
        }
    }

    /// Those of one reactor.
    pub(crate) fn of(&self, inbox: &Arc<Inbox>) -> Vec<ConnId> {
        let all = self.lock();
        all.iter()
            .find(|m| Arc::ptr_eq(&m.inbox, inbox))
            .map_or_else(Vec::new, |members| members.conns.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go_by_reactor() {
        let (here, there) = (Arc::new(Inbox::new(|| ())), Arc::new(Inbox::new(|| ())));
        let topic = Topic::new();
        let conn = |index| ConnId::new(index, 1);
        assert!(topic.0.join(&here, conn(1)) && topic.0.join(&here, conn(2)));
        assert!(!topic.0.join(&here, conn(1)), "a member already");
        topic.0.join(&there, conn(1));
        assert_eq!((topic.len(), topic.0.of(&here).len()), (3, 2));
        topic.send("x");
        assert!(here.has_mail() && there.has_mail());
        topic.0.leave(&there, conn(1));
        topic.0.leave(&there, conn(1));
        assert_eq!(topic.0.of(&there), []);
        assert_eq!(topic.len(), 2);
    }

    #[test]
    fn a_senders_queue_is_bounded() {
        let inbox = Arc::new(Inbox::new(|| ()));
        let shared = Arc::new(Shared {
            inbox: Arc::clone(&inbox),
            conn: ConnId::new(1, 1),
            queued: AtomicUsize::new(0),
            queue_bytes_max: 100,
            closed: AtomicBool::new(false),
        });
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
