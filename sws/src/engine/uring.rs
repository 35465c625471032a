//! The engine on io_uring: multishot accept and receive, buffers that the kernel picks, batched sends.

use super::{Engine, ReceiveEnd, Sent, Sink};
use crate::peers::Peers;
use std::{
    io,
    net::TcpListener,
    os::fd::{AsRawFd, IntoRawFd, RawFd},
    sync::Arc,
    time::Duration,
};
use sws_ring::{BufRing, Cqe, Features, Ring, SetupError, Sqe, Token, op, sys};

const ACCEPT: u8 = 1;
const RECEIVE: u8 = 2;
const SEND_BATCH: u8 = 3;
const SEND_OWNED: u8 = 4;
const CANCEL: u8 = 5;
const WAKE: u8 = 6;
const HAND_OVER: u8 = 7;
const ADOPT: u8 = 8;
const BULK: u8 = 9;

const BUFFER_GROUP: u16 = 0;
/// Where large pieces of long bodies are received, one connection after the other: large enough
/// that the receives themselves no longer show, small enough to stay in the cache.
const BULK_BYTES: usize = 1024 * 1024;
/// Large pieces for one connection in a turn before others get theirs.
const BULK_RECEIVES_PER_TURN: usize = 2;
/// Tokens of operations that belong to no slot.
const fn own(op: u8) -> Token {
    Token::new(1, op, 0)
}

pub(crate) struct Uring {
    // The ring is dropped, and with it every operation, before the memory that operations point into.
    ring: Ring,
    buffers: BufRing,
    listener: Option<TcpListener>,
    peers: Arc<Peers>,
    me: usize,
    fire_and_forget: bool,
    /// Its pages are taken when the first long body comes.
    bulk: Box<[u8]>,
}

impl Uring {
    /// Builds the ring on the calling thread, which must be the reactor's.
    pub(crate) fn new(
        listener: TcpListener,
        peers: Arc<Peers>,
        me: usize,
        features: Features,
        buffers: (u16, usize),
    ) -> Result<Self, SetupError> {
        let mut ring = Ring::builder().build()?;
        let buffers = BufRing::new(&ring, BUFFER_GROUP, buffers.0, buffers.1)?;
        ring.push(op::poll_multishot(peers.wake(me).as_raw_fd()).token(own(WAKE)));
        peers.set_ring(me, ring.as_raw_fd());
        Ok(Self {
            ring,
            buffers,
            listener: Some(listener),
            peers,
            me,
            fire_and_forget: features.fire_and_forget,
            bulk: vec![0; BULK_BYTES].into_boxed_slice(),
        })
    }

    /// Takes the pages of the receive buffers now rather than as they are first filled.
    pub(crate) fn warm_up(&mut self) {
        self.buffers.warm_up();
        self.bulk.fill(0);
    }

    /// What the ring was set up with, for the start-up line.
    pub(crate) fn summary(&self) -> &'static str {
        self.ring.setup_summary()
    }

    fn push(&mut self, sqe: Sqe, op: u8, token: Token) {
        self.ring
            .push(sqe.token(Token::new(token.generation(), op, token.index())));
    }

    #[inline]
    fn dispatch<K: Sink>(&mut self, cqe: Cqe, sink: &mut K) {
        match cqe.token.op() {
            RECEIVE => self.on_receive(cqe, sink),
            SEND_BATCH => sink.batch_send_failed(cqe.token, outcome(cqe.result)),
            SEND_OWNED => sink.sent(cqe.token, outcome(cqe.result)),
            BULK => self.on_bulk(cqe, sink),
            ACCEPT => Self::on_accept(cqe, sink),
            ADOPT => sink.accepted(cqe.result, true),
            HAND_OVER => {
                sink.hand_over_failed(cqe.token.generation() as RawFd, cqe.token.index() as usize);
            }
            WAKE => {
                self.peers.wake(self.me).clear();
                if !cqe.more() {
                    let fd = self.peers.wake(self.me).as_raw_fd();
                    self.ring.push(op::poll_multishot(fd).token(own(WAKE)));
                }
                sink.woken();
            }
            _ => {}
        }
    }

    #[inline]
    fn on_receive<K: Sink>(&mut self, cqe: Cqe, sink: &mut K) {
        // A buffer goes back whoever it was for: the slot may have moved on.
        if let Some(lease) = cqe.lease() {
            let bytes = self.buffers.open(&lease);
            if !bytes.is_empty() {
                sink.received(cqe.token, bytes);
            }
            self.buffers.recycle(lease);
        }
        if !cqe.more() {
            let end = match cqe.result {
                0 => ReceiveEnd::Eof,
                1.. => ReceiveEnd::Paused,
                result => match -result {
                    libc::ENOBUFS => ReceiveEnd::NoBuffers,
                    libc::ECANCELED => ReceiveEnd::Paused,
                    _ => ReceiveEnd::Broken,
                },
            };
            sink.receive_ended(cqe.token, end);
        }
    }

    /// The socket of a long body is readable. It is read here rather than by the ring: one large piece at a time
    /// through one buffer that stays in the cache, and a system call for a megabyte costs nothing.
    fn on_bulk<K: Sink>(&mut self, cqe: Cqe, sink: &mut K) {
        let Some(fd) = sink.descriptor(cqe.token) else {
            sink.receive_ended(cqe.token, ReceiveEnd::Paused);
            return;
        };
        if cqe.result < 0 {
            let cancelled = -cqe.result == libc::ECANCELED;
            let end = if cancelled {
                ReceiveEnd::Paused
            } else {
                ReceiveEnd::Broken
            };
            sink.receive_ended(cqe.token, end);
            return;
        }
        let mut end = ReceiveEnd::Paused;
        for _ in 0..BULK_RECEIVES_PER_TURN {
            match receive_now(fd, &mut self.bulk) {
                Ok(0) => end = ReceiveEnd::Eof,
                Ok(count) => {
                    if sink.received(cqe.token, &self.bulk[..count]) && count == self.bulk.len() {
                        continue;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                    _ => end = ReceiveEnd::Broken,
                },
            }
            break;
        }
        sink.receive_ended(cqe.token, end);
    }

    fn on_accept<K: Sink>(cqe: Cqe, sink: &mut K) {
        if cqe.result >= 0 {
            sink.accepted(cqe.result, false);
        }
        if !cqe.more() {
            let error = -cqe.result.min(0);
            sink.accept_ended((error != 0 && error != libc::ECANCELED).then_some(error));
        }
    }
}

/// Receives what is there without waiting.
pub(super) fn receive_now(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `buffer` is writable for its length.
    let count = unsafe {
        libc::recv(
            fd,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[inline]
fn outcome(result: i32) -> Result<usize, i32> {
    match result {
        0.. => Ok(result as usize),
        _ if -result == libc::EAGAIN => Ok(0),
        _ => Err(-result),
    }
}

impl Engine for Uring {
    fn turn<K: Sink>(&mut self, sink: &mut K, timeout: Option<Duration>) -> io::Result<()> {
        self.ring.enter(1, timeout)?;
        sink.begin();
        while let Some(cqe) = self.ring.next_cqe() {
            self.dispatch(cqe, sink);
        }
        // Overflowed completions come with another enter. They must be seen before anything is sent: one of
        // them may say that an earlier send was short.
        while !self.ring.settled() {
            self.ring.enter(0, None)?;
            while let Some(cqe) = self.ring.next_cqe() {
                self.dispatch(cqe, sink);
            }
        }
        self.buffers.publish();
        if self.ring.dropped_cqes() > 0 {
            return Err(io::Error::other(
                "the kernel dropped completions for want of memory",
            ));
        }
        Ok(())
    }

    fn arm_accept(&mut self) {
        if let Some(listener) = &self.listener {
            self.ring
                .push(op::accept_multishot(listener.as_raw_fd()).token(own(ACCEPT)));
        }
    }

    fn disarm_accept(&mut self) {
        self.ring.push(op::cancel(own(ACCEPT)).token(own(CANCEL)));
    }

    fn close_listener(&mut self) -> Vec<RawFd> {
        self.listener.take().map(drain_backlog).unwrap_or_default()
    }

    fn attach(&mut self, fd: RawFd, token: Token) -> io::Result<()> {
        self.arm_receive(fd, token);
        Ok(())
    }

    fn arm_receive(&mut self, fd: RawFd, token: Token) {
        self.push(op::recv_multishot(fd, BUFFER_GROUP), RECEIVE, token);
    }

    fn arm_bulk_receive(&mut self, fd: RawFd, token: Token) {
        self.push(op::poll_once(fd), BULK, token);
    }

    const BULK: bool = true;

    fn pause_receive(&mut self, _fd: RawFd, token: Token, bulk: bool) {
        let kind = if bulk { BULK } else { RECEIVE };
        let target = Token::new(token.generation(), kind, token.index());
        self.ring.push(op::cancel(target).token(own(CANCEL)));
    }

    #[inline]
    unsafe fn send_batch(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent {
        // SAFETY: the caller keeps the batch as it is until the next turn is over, and `turn` returns only when the ring has settled.
        let sqe = unsafe { op::send_fire(fd, data, len) };
        self.push(sqe, SEND_BATCH, token);
        Sent::Fired
    }

    fn can_send_batch(&self) -> bool {
        self.fire_and_forget
    }

    unsafe fn send_owned(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent {
        // SAFETY: the caller keeps the memory as it is until the completion.
        let sqe = unsafe { op::send(fd, data, len) };
        self.push(sqe, SEND_OWNED, token);
        Sent::InFlight
    }

    fn hand_over(&mut self, fd: RawFd, reactor: usize) {
        let sqe = op::msg_ring(self.peers.ring(reactor), fd, own(ADOPT)).skip_success();
        self.ring
            .push(sqe.token(Token::new(fd as u32, HAND_OVER, reactor as u32)));
    }

    fn buffers(&self) -> (u16, u16) {
        (self.buffers.count(), self.buffers.leased())
    }
}

impl Drop for Uring {
    /// Connections that have come in and nobody has heard of are closed. There are some only if the reactor has failed
    /// or has run out of time.
    fn drop(&mut self) {
        if self.ring.enter(0, None).is_err() {
            return;
        }
        while let Some(cqe) = self.ring.next_cqe() {
            match cqe.token.op() {
                ACCEPT | ADOPT if cqe.result >= 0 => sys::close(cqe.result),
                HAND_OVER => sys::close(cqe.token.generation() as RawFd),
                _ => {}
            }
        }
    }
}

/// Accepts what the kernel has completed already: closing a listener resets those connections.
pub(super) fn drain_backlog(listener: TcpListener) -> Vec<RawFd> {
    let mut fds = Vec::new();
    if listener.set_nonblocking(true).is_ok() {
        while let Ok((stream, _)) = listener.accept() {
            fds.push(stream.into_raw_fd());
        }
    }
    fds
}
