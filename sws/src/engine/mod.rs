//! How bytes move: one trait, one reactor above it.
//!
//! An engine knows descriptors and tokens; it knows neither HTTP nor what a connection is doing. The reactor
//! is compiled once for each engine, so there is no virtual call between them.

pub(crate) mod epoll;
#[cfg(test)]
pub(crate) mod sim;
pub(crate) mod uring;

use std::{io, os::fd::RawFd, time::Duration};
use sws_ring::Token;

/// Moves bytes and reports what happened.
///
/// An operation's memory and descriptor stay the reactor's, but until the operation has ended (its last
/// report) the reactor neither frees nor reuses them.
pub(crate) trait Engine {
    /// Submits what was asked for, waits for at least one event or until `timeout` has passed (`None`: no limit),
    /// and reports each event to `sink`.
    fn turn<K: Sink>(&mut self, sink: &mut K, timeout: Option<Duration>) -> io::Result<()>;

    /// Starts accepting; ends with [`Sink::accept_ended`].
    fn arm_accept(&mut self);

    /// Asks for accepting to end; [`Sink::accept_ended`] follows.
    fn disarm_accept(&mut self);

    /// Stops listening. Returns the connections that the kernel had completed and nobody had accepted.
    fn close_listener(&mut self) -> Vec<RawFd>;

    /// Takes a new descriptor in and starts receiving from it.
    fn attach(&mut self, fd: RawFd, token: Token) -> io::Result<()>;

    /// Receives again after [`Sink::receive_ended`] said that it had ended without the connection being over.
    fn arm_receive(&mut self, fd: RawFd, token: Token);

    /// Receives once, as much as there is, in large pieces: what a long body costs is the number of receives, each of
    /// which may send a window update. Ends by itself with [`Sink::receive_ended`].
    fn arm_bulk_receive(&mut self, fd: RawFd, token: Token);

    /// Whether [`arm_bulk_receive`](Self::arm_bulk_receive) differs from [`arm_receive`](Self::arm_receive).
    const BULK: bool;

    /// Asks for receiving (`bulk`: in large pieces) to end; [`Sink::receive_ended`] follows.
    fn pause_receive(&mut self, fd: RawFd, token: Token, bulk: bool);

    /// Sends from a batch buffer that stays as it is until the next turn is over.
    ///
    /// # Safety
    /// `data` stays valid and unchanged until the next call of [`turn`](Self::turn) has returned.
    unsafe fn send_batch(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent;

    /// Whether [`send_batch`](Self::send_batch) may be used.
    fn can_send_batch(&self) -> bool;

    /// Sends from memory that the connection owns.
    ///
    /// # Safety
    /// `data` stays valid and unchanged until [`Sink::sent`], if the answer is [`Sent::InFlight`].
    unsafe fn send_owned(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent;

    /// Gives a connection to another reactor's engine; [`Sink::hand_over_failed`] brings it back if that fails.
    fn hand_over(&mut self, fd: RawFd, reactor: usize);

    /// Receive buffers: in the ring, leased now.
    fn buffers(&self) -> (u16, u16);
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing will be reported unless it goes wrong ([`Sink::batch_send_failed`]).
    Fired,
    /// [`Sink::sent`] will tell.
    InFlight,
    /// So many bytes were taken at once; if fewer than given, [`Sink::writable`] tells when to go on.
    Taken(usize),
    /// The connection is broken.
    Broken,
}

/// Why receiving has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceiveEnd {
    /// The peer has sent its last byte.
    Eof,
    /// No buffer was free: arm again when some are back.
    NoBuffers,
    /// It was asked to end, or ended for no reason of the connection's: arm again when wanted.
    Paused,
    /// The connection is broken.
    Broken,
}

/// Hears what happened during a turn. It must not submit: what it decides is submitted after the turn.
pub(crate) trait Sink {
    /// The wait is over; events follow.
    fn begin(&mut self);

    /// A new connection. `handed` says that another reactor gave it.
    fn accepted(&mut self, fd: RawFd, handed: bool);

    /// A connection that was to go to `reactor` stays here.
    fn hand_over_failed(&mut self, fd: RawFd, reactor: usize);

    /// Accepting has ended, because it was asked to (`None`) or for an error.
    fn accept_ended(&mut self, error: Option<i32>);

    /// Bytes arrived; they may be looked at only during the call.
    ///
    /// Returns whether the connection wants more now (an engine that reads in a loop stops otherwise).
    fn received(&mut self, token: Token, bytes: &[u8]) -> bool;

    /// The descriptor of a connection that is there and has not been given up.
    fn descriptor(&mut self, token: Token) -> Option<RawFd>;

    /// Receiving is no longer armed.
    fn receive_ended(&mut self, token: Token, end: ReceiveEnd);

    /// An owned send has ended: bytes taken, or an errno.
    fn sent(&mut self, token: Token, result: Result<usize, i32>);

    /// A batch send took only `taken` bytes (`Err`: the connection is broken).
    fn batch_send_failed(&mut self, token: Token, taken: Result<usize, i32>);

    /// The socket takes bytes again.
    fn writable(&mut self, token: Token);

    /// A completion came for a slot that has moved on.
    fn stale(&mut self);

    /// Another thread wants attention.
    fn woken(&mut self);
}
