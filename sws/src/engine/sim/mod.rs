//! A kernel and clients that are as unkind as they may be, in memory and in a time of their own: short sends, late
//! completions, cancels that lose their race, receives that end for no reason, completions for connections that are
//! gone, no buffers, no descriptors, resets at any point, clients that stop half-way, jumps of the clock.
//!
//! Everything is drawn from one seed, so a failure repeats. The world also looks after its half of the contract: a
//! descriptor is closed once and not used after, sends do not overtake each other, memory that was given to be sent
//! stays as it was, and who is late is cut off neither early nor late.

pub(crate) mod answers;
pub(crate) mod client;
mod host;
mod kernel;
mod random;
mod ring;

pub(crate) use self::{host::SimHost, random::Random, ring::Sim};

use self::client::{Client, Script, Send, Server, Timeouts};
use super::ReceiveEnd;
use crate::peers::Peers;
use std::{collections::VecDeque, os::fd::RawFd, sync::Arc};
use sws_ring::Token;

/// Descriptors are numbered from here; none is used twice, so that a use after closing shows.
const FIRST_FD: RawFd = 1000;
/// Resolution of the coarse clock.
const COARSE_MILLIS: u64 = 10;
/// The other reactor, which exists only to be handed connections.
const OTHER: usize = 1;

/// How the kernel behaves throughout a script. `0` in a frequency: never.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// Sends are tried at once (epoll), not submitted.
    pub(crate) immediate: bool,
    pub(crate) can_send_batch: bool,
    /// The most connections that arrive at once.
    pub(crate) arrivals: usize,
    pub(crate) buffers: u16,
    pub(crate) buffer_bytes: usize,
    /// Completions come late, one in so many comes in time.
    pub(crate) lazy: usize,
    /// One in so many sends is cut short for no reason.
    pub(crate) short: usize,
    /// One in so many receives ends for no reason.
    pub(crate) ends: usize,
    /// One in so many accepts fails for want of descriptors.
    pub(crate) no_descriptors: usize,
    /// One in so many turns reports something about a connection that is gone.
    pub(crate) stale: usize,
    /// One in so many turns begins hours after the one before.
    pub(crate) jumps: usize,
    /// One in so many descriptors cannot be watched.
    pub(crate) no_watches: usize,
    /// One in so many hand-overs fails.
    pub(crate) hand_over_fails: usize,
    /// The server is stopped at this turn, if not before because all is done.
    pub(crate) stops_at: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accept {
    Off,
    On,
    /// It was asked to end.
    Ending,
}

#[derive(Debug)]
enum Event {
    Accepted(usize),
    AcceptEnded(Option<i32>),
    Received(usize, Token, Vec<u8>),
    ReceiveEnded(usize, Token, ReceiveEnd),
    /// The socket has something to be read at once.
    Readable(usize, Token),
    Sent(usize, Token, Result<usize, i32>),
    BatchFailed(usize, Token, Result<usize, i32>),
    Writable(usize, Token),
    Stale(usize, Token),
    HandOverFailed(RawFd, usize),
    Woken,
}

/// What other threads did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// They have nothing to do.
    Nothing,
    /// They will do something.
    Later,
    /// They did something that the reactor is to look at.
    Acted,
}

pub(crate) struct World {
    pub(crate) other: Box<dyn FnMut(&mut Random) -> Other>,
    pub(crate) clients: Vec<Client>,
    kernel: Kernel,
    random: Random,
    pub(crate) timeouts: Timeouts,
    /// Unsent bytes above which a connection is not read.
    pub(crate) high_water: usize,
    /// Milliseconds since the machine was started, and when the reactor last looked.
    now: u64,
    looked: u64,
    looked_before: u64,
    /// Clients that have not connected yet; those that have and were not accepted.
    coming: VecDeque<usize>,
    backlog: VecDeque<usize>,
    listening: bool,
    accept: Accept,
    batch: Vec<(usize, Send)>,
    paused: Vec<(usize, Token)>,
    handing_over: Vec<(RawFd, usize)>,
    /// Clients that may have something to do.
    awake: Vec<usize>,
    /// Clients that pause.
    pausing: Vec<usize>,
    /// Tokens of connections that are gone.
    old: Vec<Token>,
    pub(crate) stale: u64,
    events: Vec<(usize, Event)>,
    buffers_free: u16,
    buffers_leased: u16,
    pub(crate) accepted: u64,
    pub(crate) handed_in: u64,
    pub(crate) handed_out: u64,
    closed: usize,
    pub(crate) jumped: bool,
    /// The stop came before all was done.
    pub(crate) stopped_early: bool,
    stopping: bool,
    stopped_at: u64,
    engine_gone: bool,
    peers: Arc<Peers>,
    pub(crate) turns: u32,
    /// Turns in a row in which nothing happened and nothing was sent although none was to be waited for.
    idle_turns: usize,
}

impl World {
    pub(crate) fn new(seed: u64, kernel: Kernel, timeouts: Timeouts, peers: Arc<Peers>) -> Self {
        let mut random = Random::new(seed);
        let now = random.next() % 100_000_000;
        Self {
            other: Box::new(|_| Other::Nothing),
            clients: Vec::new(),
            timeouts,
            high_water: usize::MAX / 4,
            now,
            looked: now / COARSE_MILLIS * COARSE_MILLIS,
            looked_before: now,
            coming: VecDeque::new(),
            backlog: VecDeque::new(),
            listening: true,
            accept: Accept::Off,
            batch: Vec::new(),
            paused: Vec::new(),
            handing_over: Vec::new(),
            awake: Vec::new(),
            pausing: Vec::new(),
            old: Vec::new(),
            stale: 0,
            events: Vec::new(),
            buffers_free: 0,
            buffers_leased: 0,
            accepted: 0,
            handed_in: 0,
            handed_out: 0,
            closed: 0,
            jumped: false,
            stopped_early: false,
            stopping: false,
            stopped_at: 0,
            engine_gone: false,
            peers,
            turns: 0,
            idle_turns: 0,
            kernel,
            random,
        }
    }

    pub(crate) fn add(&mut self, script: Script) {
        let mut client = Client::new(script);
        client.reader.may_time_out = self.kernel.jumps > 0;
        client.reader.may_stop = self.kernel.stops_at < u32::MAX;
        self.coming.push_back(self.clients.len());
        self.clients.push(client);
    }

    /// The connection behind a descriptor, which must be open.
    fn open(&self, fd: RawFd) -> usize {
        let index = (fd - FIRST_FD) as usize;
        let client = self.clients.get(index).expect("nobody's descriptor");
        let server = client.server;
        assert!(
            server == Server::Open || server == Server::Fin,
            "descriptor {fd} is not open"
        );
        index
    }

    fn wake(&mut self, index: usize) {
        if !std::mem::replace(&mut self.clients[index].awake, true) {
            self.awake.push(index);
        }
    }

    /// The other end of the world: nobody has anything left to do.
    pub(crate) fn all_closed(&self) -> bool {
        self.closed == self.clients.len()
    }

    /// Milliseconds since the server was asked to stop.
    pub(crate) fn since_stop(&self) -> u64 {
        self.now - self.stopped_at
    }

    /// What the coarse clock shows.
    fn coarse(&self) -> u64 {
        self.now / COARSE_MILLIS * COARSE_MILLIS
    }

    fn chance(&mut self, frequency: usize) -> bool {
        frequency > 0 && self.random.one_in(frequency)
    }
}
