//! What a connection is doing: protocols, as the reactor sees them.

mod arrival;
mod exchange;
pub(crate) mod http;
mod render;
mod serving;
#[cfg(test)]
pub(crate) mod tests;
mod websocket;
mod work;

use crate::{counters::Counters, reactor::Waiting};
use std::{fmt, os::fd::RawFd, time::Duration};

/// A connection's identity: never that of another one of the same reactor, however long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    index: u32,
    generation: u32,
}

impl ConnId {
    #[inline]
    pub(crate) fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    #[inline]
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    #[inline]
    pub(crate) fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// A connection that a protocol is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnRef {
    pub(crate) id: ConnId,
    pub(crate) fd: RawFd,
    /// Bytes that the peer has not taken.
    pub(crate) unsent: usize,
}

/// A protocol: bytes in, bytes out. It does no I/O and reads no clock.
pub(crate) trait Protocol {
    /// What is kept for a connection.
    type Conn: Default;
    /// What happens to a connection besides bytes.
    type Event;

    /// The wall clock shows another second.
    fn second(&mut self, unix_seconds: u64);

    /// The server is stopping: every answer from now on is its connection's last.
    fn drain(&mut self);

    /// Bytes came: `input` is everything not consumed so far, of which those from `fresh` on are new. Answers are
    /// appended to `out`.
    fn data(
        &mut self,
        at: ConnRef,
        conn: &mut Self::Conn,
        input: &[u8],
        fresh: usize,
        out: &mut Vec<u8>,
    ) -> Progress;

    /// Reads some of what came from elsewhere. Returns whether there is more, of what was there at the first call.
    fn read_mail(&mut self, events: &mut Vec<(ConnId, Self::Event)>) -> bool;

    /// Does what is due and was not caused by bytes: tasks. What that means for connections is added to `events`.
    fn run(&mut self, events: &mut Vec<(ConnId, Self::Event)>);

    /// How long [`run`](Self::run) may wait for its next turn; `None`: for ever.
    fn patience(&self) -> Option<Duration>;

    /// Something happened to a connection.
    fn event(
        &mut self,
        at: ConnRef,
        conn: &mut Self::Conn,
        event: Self::Event,
        out: &mut Vec<u8>,
    ) -> Next;

    /// The server is stopping. Whether this connection says goodbye, in `out`, and closes now.
    fn say_goodbye(&mut self, conn: &mut Self::Conn, out: &mut Vec<u8>) -> bool;

    /// The connection waited too long. What is appended to `out` is its last answer, unless it goes on.
    fn timed_out(&mut self, conn: &mut Self::Conn, waiting: Waiting, out: &mut Vec<u8>) -> Next;

    /// The connection is over.
    fn closed(&mut self, id: ConnId, conn: Self::Conn);

    /// What the protocol has counted.
    fn count(&self, counters: &mut Counters);
}

/// How far a protocol got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Bytes of the input that are done with. Never more than its length.
    pub(crate) consumed: usize,
    pub(crate) next: Next,
}

/// What a connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Waits for bytes, or for its answer.
    Wait(Waiting),
    /// Has more to do but much output: goes on when that has been sent.
    Blocked,
    /// Sends what is owed and closes.
    Close,
    /// Cannot go on: the peer must see that the answer is incomplete.
    Break,
    /// Nothing has changed.
    Stay,
}
