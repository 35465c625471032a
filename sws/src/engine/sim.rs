//! A kernel that is as unkind as it may be, for tests: short sends, late completions, cancels that lose their race,
//! receives that end for no reason, no buffers, resets. It moves bytes in memory; descriptors are real ones, so that what
//! the reactor does with them (FIN, close) is what it would do.
//!
//! It also looks after the contract on memory: what was given to be sent must be unchanged until the end of the send.

use super::{Engine, ReceiveEnd, Sent, Sink};
use crate::peers::Peers;
use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, Read, Write},
    os::{
        fd::{IntoRawFd, RawFd},
        unix::net::UnixStream,
    },
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use sws_ring::Token;

/// xorshift64*, so that a seed means the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) as usize % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A client: what it says, and what it has heard.
pub(crate) struct Client {
    pub(crate) says: VecDeque<u8>,
    pub(crate) heard: Vec<u8>,
    /// How much it has to hear before it closes; `None`: it closes behind its last byte.
    pub(crate) waits_for: Option<usize>,
    /// It resets the connection when it has heard so much.
    pub(crate) resets_after: usize,
    /// The server's end has been closed.
    pub(crate) over: bool,
    socket: UnixStream,
    fd: RawFd,
    /// Bytes that the server's end of the socket takes now.
    space: usize,
    receive: Option<Receive>,
    send: Option<Send>,
    reset: bool,
}

#[derive(Clone, Copy)]
struct Receive {
    token: Token,
    bulk: bool,
    cancelled: bool,
}

/// Memory that was given to be sent, and what was in it then.
struct Send {
    token: Token,
    data: *const u8,
    bytes: Vec<u8>,
}

impl Send {
    /// # Safety
    /// As for the engine's sends: `data` is readable for `len` bytes until the end of the send.
    unsafe fn new(token: Token, data: *const u8, len: u32) -> Self {
        // SAFETY: the caller's promise.
        let bytes = unsafe { std::slice::from_raw_parts(data, len as usize) }.to_vec();
        Self { token, data, bytes }
    }

    fn check(&self) {
        // SAFETY: the reactor's promise, which is what is tested: a wrong reactor shows here, one way or the other.
        let now = unsafe { std::slice::from_raw_parts(self.data, self.bytes.len()) };
        assert!(now == self.bytes, "memory changed while it was being sent");
    }
}

enum Event {
    Accepted(RawFd),
    Received(Token, Vec<u8>),
    ReceiveEnded(Token, ReceiveEnd),
    Sent(Token, Result<usize, i32>),
    BatchFailed(Token, Result<usize, i32>),
}

pub(crate) struct World {
    pub(crate) clients: Vec<Client>,
    random: Random,
    arriving: VecDeque<RawFd>,
    batch: Vec<(usize, Send)>,
    accepting: bool,
    accept_over: Option<Option<i32>>,
    peers: Arc<Peers>,
    pub(crate) turns: u32,
}

/// The engine's end of a [`World`].
pub(crate) struct Sim(pub(crate) Rc<RefCell<World>>);

impl World {
    pub(crate) fn new(seed: u64, peers: Arc<Peers>) -> Self {
        Self {
            clients: Vec::new(),
            random: Random(seed | 1),
            arriving: VecDeque::new(),
            batch: Vec::new(),
            accepting: false,
            accept_over: None,
            peers,
            turns: 0,
        }
    }

    pub(crate) fn add(&mut self, says: Vec<u8>, waits_for: Option<usize>, resets_after: usize) {
        let (socket, server) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let fd = server.into_raw_fd();
        self.arriving.push_back(fd);
        self.clients.push(Client {
            says: says.into(),
            heard: Vec::new(),
            waits_for,
            resets_after,
            over: false,
            socket,
            fd,
            space: 0,
            receive: None,
            send: None,
            reset: false,
        });
    }

    fn client(&self, fd: RawFd) -> usize {
        let found = self.clients.iter().position(|c| c.fd == fd && !c.over);
        found.expect("an operation on a descriptor that is nobody's")
    }

    /// What the kernel reports after a wait, each connection's receives in order, all else in any order.
    fn events(&mut self) -> Vec<Event> {
        let mut queues: Vec<VecDeque<Event>> = Vec::new();
        if self.accepting && self.random.one_in(2) {
            let count = self.random.below(4).min(self.arriving.len());
            let fds = self.arriving.drain(..count);
            queues.push(fds.map(Event::Accepted).collect());
        }
        for (index, send) in std::mem::take(&mut self.batch) {
            send.check();
            let client = &mut self.clients[index];
            let failed = client.take(&send.bytes, send.bytes.len());
            if let Some(event) = failed {
                queues.push([Event::BatchFailed(send.token, event)].into());
            }
        }
        for client in &mut self.clients {
            if let Some(sent) = client.finish_send(&mut self.random) {
                queues.push([sent].into());
            }
            queues.push(client.receive(&mut self.random));
        }
        let mut events = Vec::new();
        while !queues.is_empty() {
            let at = self.random.below(queues.len());
            match queues[at].pop_front() {
                Some(event) => events.push(event),
                None => drop(queues.swap_remove(at)),
            }
        }
        events
    }
}

impl Client {
    /// Takes what there is room for. `Some`: not all of it was taken.
    fn take(&mut self, bytes: &[u8], limit: usize) -> Option<Result<usize, i32>> {
        if self.reset {
            return Some(Err(libc::ECONNRESET));
        }
        let taken = bytes.len().min(self.space).min(limit);
        self.heard.extend_from_slice(&bytes[..taken]);
        self.space -= taken;
        self.reset = self.heard.len() >= self.resets_after;
        (taken < bytes.len()).then_some(Ok(taken))
    }

    fn finish_send(&mut self, random: &mut Random) -> Option<Event> {
        if random.one_in(3) {
            let most = 2 << random.below(19);
            self.space = self.space.max(random.below(most));
        }
        let send = self.send.as_ref()?;
        send.check();
        if (self.space == 0 && !self.reset) || random.one_in(3) {
            return None;
        }
        let send = self.send.take()?;
        let limit = 1 + random.below(send.bytes.len());
        let result = self
            .take(&send.bytes, limit)
            .unwrap_or(Ok(send.bytes.len()));
        Some(Event::Sent(send.token, result))
    }

    /// Whether nothing more will come from this client.
    fn has_closed(&self) -> bool {
        let heard_all = self.waits_for.is_none_or(|len| self.heard.len() >= len);
        let server_closed = matches!((&self.socket).read(&mut [0]), Ok(0));
        self.says.is_empty() && (heard_all || server_closed)
    }

    fn receive(&mut self, random: &mut Random) -> VecDeque<Event> {
        let mut events = VecDeque::new();
        let Some(Receive {
            token,
            bulk,
            cancelled,
        }) = self.receive
        else {
            return events;
        };
        let mut end = None;
        for _ in 0..random.below(4) {
            // A cancel may come after any amount of data.
            if self.reset || self.says.is_empty() {
                break;
            }
            let limit = if bulk { 100_000 } else { 4096 };
            let len = (1 + random.below(limit)).min(self.says.len());
            events.push_back(Event::Received(token, self.says.drain(..len).collect()));
            if bulk || random.one_in(16) {
                end = Some(ReceiveEnd::Paused);
                break;
            }
        }
        if end.is_none() {
            end = if self.reset {
                (!random.one_in(3)).then_some(ReceiveEnd::Broken)
            } else if cancelled && !random.one_in(3) {
                Some(ReceiveEnd::Paused)
            } else if self.has_closed() && random.one_in(2) {
                Some(ReceiveEnd::Eof)
            } else if random.one_in(20) {
                Some(ReceiveEnd::NoBuffers)
            } else {
                None
            };
        }
        if let Some(end) = end {
            self.receive = None;
            events.push_back(Event::ReceiveEnded(token, end));
        }
        events
    }

    /// Notices that the reactor has closed its end: then nothing can be written to it any more.
    fn note_close(&mut self, accepted: bool) {
        if accepted && !self.over && self.receive.is_none() && self.send.is_none() {
            let fin = matches!((&self.socket).read(&mut [0]), Ok(0));
            let write = || (&self.socket).write(b"x").map_err(|error| error.kind());
            self.over = fin && write() == Err(io::ErrorKind::BrokenPipe);
        }
    }
}

impl Engine for Sim {
    fn turn<K: Sink>(&mut self, sink: &mut K, _timeout: Option<Duration>) -> io::Result<()> {
        let events = {
            let world = &mut *self.0.borrow_mut();
            world.turns += 1;
            assert!(world.turns < 2_000_000, "no end");
            for client in &mut world.clients {
                client.note_close(!world.arriving.contains(&client.fd));
            }
            world.events()
        };
        sink.begin();
        for event in events {
            match event {
                Event::Accepted(fd) => sink.accepted(fd, false),
                Event::Received(token, bytes) => {
                    sink.received(token, &bytes);
                }
                Event::ReceiveEnded(token, end) => sink.receive_ended(token, end),
                Event::Sent(token, result) => sink.sent(token, result),
                Event::BatchFailed(token, result) => sink.batch_send_failed(token, result),
            }
        }
        let world = &mut *self.0.borrow_mut();
        if let Some(error) = world.accept_over.take() {
            sink.accept_ended(error);
        } else if world.accepting && world.random.one_in(30) {
            world.accepting = false;
            sink.accept_ended(None);
        }
        if world.clients.iter().all(|client| client.over) {
            world.peers.stop();
            sink.woken();
        }
        Ok(())
    }

    fn arm_accept(&mut self) {
        self.0.borrow_mut().accepting = true;
    }

    fn disarm_accept(&mut self) {
        let world = &mut *self.0.borrow_mut();
        world.accepting = false;
        world.accept_over = Some(None);
    }

    fn close_listener(&mut self) -> Vec<RawFd> {
        Vec::new()
    }

    fn attach(&mut self, fd: RawFd, token: Token) -> io::Result<()> {
        self.arm_receive(fd, token);
        Ok(())
    }

    fn arm_receive(&mut self, fd: RawFd, token: Token) {
        self.arm(fd, token, false);
    }

    fn arm_bulk_receive(&mut self, fd: RawFd, token: Token) {
        self.arm(fd, token, true);
    }

    const BULK: bool = true;

    fn pause_receive(&mut self, fd: RawFd, token: Token, bulk: bool) {
        let world = &mut *self.0.borrow_mut();
        let at = world.client(fd);
        // It may have ended by itself meanwhile; it is never another one.
        if let Some(receive) = &mut world.clients[at].receive {
            assert_eq!((receive.token, receive.bulk), (token, bulk));
            assert!(!receive.cancelled, "cancelled twice");
            receive.cancelled = true;
        }
    }

    unsafe fn send_batch(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent {
        let world = &mut *self.0.borrow_mut();
        let at = world.client(fd);
        let twice = world.batch.iter().any(|(other, _)| *other == at);
        assert!(!twice && world.clients[at].send.is_none(), "sends overtake");
        // SAFETY: the caller's promise.
        world
            .batch
            .push((at, unsafe { Send::new(token, data, len) }));
        Sent::Fired
    }

    fn can_send_batch(&self) -> bool {
        true
    }

    unsafe fn send_owned(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent {
        let world = &mut *self.0.borrow_mut();
        let at = world.client(fd);
        let fired = world.batch.iter().any(|(other, _)| *other == at);
        assert!(!fired && world.clients[at].send.is_none(), "sends overtake");
        // SAFETY: the caller's promise.
        world.clients[at].send = Some(unsafe { Send::new(token, data, len) });
        Sent::InFlight
    }

    fn hand_over(&mut self, _fd: RawFd, _reactor: usize) {
        unreachable!("there is one reactor");
    }

    fn buffers(&self) -> (u16, u16) {
        (0, 0)
    }
}

impl Sim {
    fn arm(&self, fd: RawFd, token: Token, bulk: bool) {
        let world = &mut *self.0.borrow_mut();
        let at = world.client(fd);
        let receive = &mut world.clients[at].receive;
        assert!(receive.is_none(), "armed twice");
        *receive = Some(Receive {
            token,
            bulk,
            cancelled: false,
        });
    }
}
