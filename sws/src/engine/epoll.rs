//! The same events on epoll: for kernels and containers that forbid io_uring, and for an honest comparison.
//!
//! Edge-triggered: a descriptor is registered once and never modified. A receive that was cut short by its
//! budget, or starts again after a pause, is remembered in `ready` and tried in the next turn.

use super::{Engine, ReceiveEnd, Sent, Sink, uring::drain_backlog};
use crate::peers::Peers;
use std::{
    collections::VecDeque,
    io,
    net::TcpListener,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::Arc,
    time::Duration,
};
use sws_ring::Token;

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
const EVENTS: usize = 512;
/// One receive's buffer; also a step of a connection's budget. Small requests touch the start of it alone; long bodies
/// want it large, because each receive may send a window update.
const SCRATCH_BYTES: usize = 1024 * 1024;
/// Receives of one connection in a turn before others get theirs.
const RECEIVES_PER_TURN: usize = 2;
const ACCEPTS_PER_TURN: usize = 64;

/// A slot as the engine knows it.
#[derive(Clone, Copy)]
struct Entry {
    generation: u32,
    fd: RawFd,
    receiving: bool,
}

pub(crate) struct Epoll {
    epoll: OwnedFd,
    listener: Option<TcpListener>,
    accepting: bool,
    entries: Vec<Entry>,
    events: Vec<libc::epoll_event>,
    scratch: Box<[u8]>,
    /// Slots to receive from without waiting for an edge.
    ready: VecDeque<Token>,
    /// Pauses that were asked for and are to be reported.
    paused: Vec<Token>,
    /// Accepting has ended, for an error or because it was asked to, which is to be reported.
    accept_over: Option<Option<i32>>,
    peers: Arc<Peers>,
    me: usize,
}

impl Epoll {
    pub(crate) fn new(listener: TcpListener, peers: Arc<Peers>, me: usize) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        // SAFETY: touches no memory.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let this = Self {
            // SAFETY: the descriptor is new and nobody else owns it.
            epoll: unsafe { OwnedFd::from_raw_fd(fd) },
            listener: Some(listener),
            accepting: false,
            entries: Vec::new(),
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS],
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            ready: VecDeque::new(),
            paused: Vec::new(),
            accept_over: None,
            peers,
            me,
        };
        this.control(
            libc::EPOLL_CTL_ADD,
            this.peers.wake(me).as_raw_fd(),
            libc::EPOLLIN,
            WAKE,
        )?;
        Ok(this)
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: RawFd,
        events: libc::c_int,
        data: u64,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: data,
        };
        // SAFETY: `event` is valid for the call.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        // Rounded up: waking early for a deadline would spin until it comes.
        let millis = timeout.map_or(-1, |t| {
            t.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32
        });
        // SAFETY: `events` has room for EVENTS entries.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                EVENTS as libc::c_int,
                millis,
            )
        };
        if count >= 0 {
            return Ok(count as usize);
        }
        let error = io::Error::last_os_error();
        if error.kind() == io::ErrorKind::Interrupted {
            Ok(0)
        } else {
            Err(error)
        }
    }

    fn receive<K: Sink>(&mut self, token: Token, to_the_end: bool, sink: &mut K) {
        let index = token.index() as usize;
        let Some(entry) = self.entries.get(index).copied() else {
            return;
        };
        if entry.generation != token.generation() {
            sink.stale();
            return;
        }
        if !entry.receiving {
            return;
        }
        for _ in 0..RECEIVES_PER_TURN {
            // SAFETY: `scratch` is writable for its length.
            let count = unsafe {
                libc::recv(
                    entry.fd,
                    self.scratch.as_mut_ptr().cast(),
                    self.scratch.len(),
                    0,
                )
            };
            let end = match count {
                1.. => {
                    let count = count as usize;
                    if !sink.received(token, &self.scratch[..count]) {
                        Some(ReceiveEnd::Paused)
                    } else if count < self.scratch.len() && !to_the_end {
                        // Drained: what comes later makes an edge.
                        return;
                    } else {
                        None
                    }
                }
                0 => Some(ReceiveEnd::Eof),
                _ => match io::Error::last_os_error().kind() {
                    io::ErrorKind::WouldBlock => return,
                    io::ErrorKind::Interrupted => None,
                    _ => Some(ReceiveEnd::Broken),
                },
            };
            if let Some(end) = end {
                self.entries[index].receiving = false;
                sink.receive_ended(token, end);
                return;
            }
        }
        self.ready.push_back(token);
    }

    fn accept<K: Sink>(&mut self, sink: &mut K) {
        let Some(listener) = &self.listener else {
            return;
        };
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.accepting {
                return;
            }
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            // SAFETY: null addresses ask for none to be written.
            let fd = unsafe {
                libc::accept4(
                    listener.as_raw_fd(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    flags,
                )
            };
            if fd >= 0 {
                sink.accepted(fd, false);
                continue;
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EAGAIN) => return,
                Some(libc::EINTR | libc::ECONNABORTED) => {}
                error => {
                    self.stop_accepting();
                    sink.accept_ended(error);
                    return;
                }
            }
        }
    }

    fn stop_accepting(&mut self) {
        if let (true, Some(listener)) = (self.accepting, &self.listener) {
            self.accepting = false;
            // It was added; removing it cannot fail in a way that matters.
            let _ = self.control(libc::EPOLL_CTL_DEL, listener.as_raw_fd(), 0, LISTENER);
        }
    }

    fn send(fd: RawFd, data: *const u8, len: u32) -> Sent {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        loop {
            // SAFETY: the callers' contract: `data` is readable for `len` bytes.
            let count = unsafe { libc::send(fd, data.cast(), len as usize, flags) };
            if count >= 0 {
                return Sent::Taken(count as usize);
            }
            match io::Error::last_os_error().kind() {
                io::ErrorKind::WouldBlock => return Sent::Taken(0),
                io::ErrorKind::Interrupted => {}
                _ => return Sent::Broken,
            }
        }
    }
}

impl Engine for Epoll {
    fn turn<K: Sink>(&mut self, sink: &mut K, timeout: Option<Duration>) -> io::Result<()> {
        let pending =
            !self.ready.is_empty() || !self.paused.is_empty() || self.accept_over.is_some();
        let count = self.wait(if pending {
            Some(Duration::ZERO)
        } else {
            timeout
        })?;
        sink.begin();
        if let Some(error) = self.accept_over.take() {
            sink.accept_ended(error);
        }
        for token in std::mem::take(&mut self.paused) {
            sink.receive_ended(token, ReceiveEnd::Paused);
        }
        for _ in 0..self.ready.len() {
            if let Some(token) = self.ready.pop_front() {
                self.receive(token, true, sink);
            }
        }
        for index in 0..count {
            let libc::epoll_event { events, u64: data } = self.events[index];
            match data {
                LISTENER => self.accept(sink),
                WAKE => {
                    self.peers.wake(self.me).clear();
                    for fd in self.peers.take_mail(self.me) {
                        sink.accepted(fd, true);
                    }
                    sink.woken();
                }
                _ => {
                    let token = Token::from_user_data(data);
                    if events & libc::EPOLLOUT as u32 != 0 {
                        sink.writable(token);
                    }
                    if events & !(libc::EPOLLOUT as u32) != 0 {
                        let ended = libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;
                        self.receive(token, events & ended as u32 != 0, sink);
                    }
                }
            }
        }
        Ok(())
    }

    fn arm_accept(&mut self) {
        let Some(listener) = &self.listener else {
            return;
        };
        if self.accepting {
            return;
        }
        match self.control(
            libc::EPOLL_CTL_ADD,
            listener.as_raw_fd(),
            libc::EPOLLIN,
            LISTENER,
        ) {
            Ok(()) => self.accepting = true,
            // No memory, or no watches left: tried again like an accept that failed.
            Err(error) => {
                self.accept_over = Some(Some(error.raw_os_error().unwrap_or(libc::ENOMEM)));
            }
        }
    }

    fn disarm_accept(&mut self) {
        self.stop_accepting();
        self.accept_over = Some(None);
    }

    fn close_listener(&mut self) -> Vec<RawFd> {
        self.stop_accepting();
        let fds = self.listener.take().map(drain_backlog).unwrap_or_default();
        for &fd in &fds {
            // SAFETY: the descriptor is open and owned by the caller of this function; F_SETFL touches no memory.
            unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) };
        }
        fds
    }

    fn attach(&mut self, fd: RawFd, token: Token) -> io::Result<()> {
        let index = token.index() as usize;
        if self.entries.len() <= index {
            self.entries.resize(
                index + 1,
                Entry {
                    generation: 0,
                    fd: -1,
                    receiving: false,
                },
            );
        }
        self.entries[index] = Entry {
            generation: token.generation(),
            fd,
            receiving: true,
        };
        let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        self.control(libc::EPOLL_CTL_ADD, fd, events, token.user_data())
    }

    fn arm_receive(&mut self, _fd: RawFd, token: Token) {
        if let Some(entry) = self.entries.get_mut(token.index() as usize)
            && entry.generation == token.generation()
        {
            entry.receiving = true;
            self.ready.push_back(token);
        }
    }

    fn arm_bulk_receive(&mut self, fd: RawFd, token: Token) {
        self.arm_receive(fd, token);
    }

    const BULK: bool = false;

    fn pause_receive(&mut self, _fd: RawFd, token: Token, _bulk: bool) {
        if let Some(entry) = self.entries.get_mut(token.index() as usize)
            && entry.generation == token.generation()
            && std::mem::take(&mut entry.receiving)
        {
            self.paused.push(token);
        }
    }

    #[inline]
    unsafe fn send_batch(&mut self, fd: RawFd, _token: Token, data: *const u8, len: u32) -> Sent {
        Self::send(fd, data, len)
    }

    fn can_send_batch(&self) -> bool {
        true
    }

    unsafe fn send_owned(&mut self, fd: RawFd, _token: Token, data: *const u8, len: u32) -> Sent {
        Self::send(fd, data, len)
    }

    fn hand_over(&mut self, fd: RawFd, reactor: usize) {
        self.peers.post_mail(reactor, fd);
    }

    fn buffers(&self) -> (u16, u16) {
        (0, 0)
    }
}
