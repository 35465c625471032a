//! What a connection is doing: protocols, as the reactor sees them.

pub(crate) mod http;

use crate::{counters::Counters, reactor::Waiting};

/// A protocol: bytes in, bytes out. It does no I/O and reads no clock.
pub(crate) trait Protocol {
    /// What is kept for a connection.
    type Conn: Default;

    /// The wall clock shows another second.
    fn second(&mut self, unix_seconds: u64);

    /// The server is stopping: every answer from now on is its connection's last.
    fn drain(&mut self);

    /// Bytes came: `input` is everything not consumed so far, of which those from `fresh` on are new. Answers are
    /// appended to `out`.
    fn data(
        &mut self,
        conn: &mut Self::Conn,
        input: &[u8],
        fresh: usize,
        out: &mut Vec<u8>,
    ) -> Progress;

    /// The connection waited too long. What is appended to `out` is its last answer.
    fn timed_out(&mut self, conn: &mut Self::Conn, waiting: Waiting, out: &mut Vec<u8>);

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
    /// Waits for bytes.
    Wait(Waiting),
    /// Has more input but much output: goes on when that has been sent.
    Blocked,
    /// Sends what is owed and closes.
    Close,
}
