//! What happens while the reactor waits.

use super::{
    Accept, COARSE_MILLIS, Event, FIRST_FD, OTHER, Other, World,
    client::{Client, Server},
};
use crate::engine::ReceiveEnd;
use std::{mem, os::fd::RawFd, time::Duration};

/// Turns that a script may take: far more than any does that ends.
const TURNS_MAX: u32 = 200_000;
/// The least that a jump of the clock is long.
const JUMP_MILLIS: u64 = 3_600_000;

impl World {
    /// Lets time pass until something happens or `timeout` is over.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) {
        self.turns += 1;
        assert!(self.turns < TURNS_MAX, "no end");
        self.buffers_free = self.kernel.buffers;
        self.submit();
        let limit = timeout.map(|timeout| timeout.as_millis() as u64);
        let begin = self.now;
        loop {
            let alive = self.step();
            if !self.events.is_empty() {
                self.idle_turns = 0;
                break;
            }
            let left = limit.map(|limit| (begin + limit).saturating_sub(self.now));
            if left == Some(0) || self.random.one_in(50) {
                break;
            }
            let step = 1 + self.random.below(20) as u64;
            self.now += match left {
                Some(left) if alive => left.min(step),
                Some(left) => match self.pause_left() {
                    Some(pause) => left.min(pause),
                    None => left + self.random.below(5) as u64,
                },
                None if alive => step,
                None => self
                    .pause_left()
                    .expect("it waits for ever, and nothing will ever happen"),
            };
        }
        if self.events.is_empty() && limit == Some(0) {
            self.idle_turns += 1;
            assert!(self.idle_turns < 20 + self.clients.len(), "it spins");
        }
        if self.chance(self.kernel.jumps) {
            self.now += JUMP_MILLIS + self.random.next() % (100 * JUMP_MILLIS);
            self.jumped = true;
        }
        let mut events = mem::take(&mut self.events);
        // Each connection's receives in order, all else in any.
        events.sort_by_key(|&(key, _)| key);
        self.events = events;
    }

    /// How long until the first client that pauses goes on.
    fn pause_left(&self) -> Option<u64> {
        let until = self.pausing.iter().map(|&index| self.clients[index].until);
        // By the coarse clock it is over a little later.
        Some(until.min()? + COARSE_MILLIS - self.now)
    }

    fn push(&mut self, event: Event) {
        let key = self.random.below(4096);
        self.events.push((key, event));
    }

    /// What happens at the moment of the system call: sends from the batch, pauses, hand-overs.
    fn submit(&mut self) {
        for (index, send) in mem::take(&mut self.batch) {
            send.check();
            let short = self.chance(self.kernel.short);
            let limit = if short {
                self.random.below(send.bytes.len())
            } else {
                usize::MAX
            };
            let now = self.coarse();
            let client = &mut self.clients[index];
            let result = if client.broken() {
                Err(libc::ECONNRESET)
            } else {
                Ok(client.take(&send.bytes, limit, now))
            };
            if result != Ok(send.bytes.len()) {
                self.push(Event::BatchFailed(index, send.token, result));
            }
            self.wake(index);
        }
        for (index, token) in mem::take(&mut self.paused) {
            self.push(Event::ReceiveEnded(index, token, ReceiveEnd::Paused));
        }
        for (fd, reactor) in mem::take(&mut self.handing_over) {
            if self.chance(self.kernel.hand_over_fails) {
                self.push(Event::HandOverFailed(fd, reactor));
            } else {
                self.give_away((fd - FIRST_FD) as usize);
                self.handed_out += 1;
                self.peers.left(OTHER);
            }
        }
    }

    /// A connection is no longer this reactor's business.
    fn give_away(&mut self, index: usize) {
        let client = &mut self.clients[index];
        client.excused = true;
        client.server = Server::Closed;
        self.closed += 1;
    }

    /// Clients and kernel do something, or not. Says whether they could, now or a little later.
    fn step(&mut self) -> bool {
        let mut alive = self.connect();
        if self.all_closed() || self.turns >= self.kernel.stops_at {
            alive |= self.stop();
        }
        match (self.other)(&mut self.random) {
            Other::Nothing => {}
            Other::Later => alive = true,
            Other::Acted => {
                alive = true;
                self.push(Event::Woken);
            }
        }
        if self.chance(self.kernel.stale)
            && let Some(&token) = self.old.get(self.random.below(self.old.len()))
        {
            let kind = self.random.below(5);
            self.push(Event::Stale(kind, token));
        }
        let now = self.coarse();
        for index in mem::take(&mut self.pausing) {
            if self.clients[index].until > now {
                self.pausing.push(index);
            } else {
                self.wake(index);
            }
        }
        for index in mem::take(&mut self.awake) {
            let client = &mut self.clients[index];
            let before = client.until;
            let acts = client.act(&mut self.random, now, &self.timeouts);
            if client.until > before {
                self.pausing.push(index);
            }
            let works = self.clients[index].server != Server::Closed && self.work(index);
            self.clients[index].awake = acts || works;
            if acts || works {
                self.awake.push(index);
                alive = true;
            }
        }
        alive
    }

    fn stop(&mut self) -> bool {
        if mem::replace(&mut self.stopping, true) {
            return false;
        }
        self.stopped_early = !self.all_closed();
        self.stopped_at = self.now;
        self.peers.stop();
        self.push(Event::Woken);
        true
    }

    /// Connections arrive and are accepted.
    fn connect(&mut self) -> bool {
        for _ in 0..self.random.below(self.kernel.arrivals + 1) {
            let Some(index) = self.coming.pop_front() else {
                break;
            };
            if !self.listening {
                self.clients[index].excused = true;
                self.clients[index].server = Server::Closed;
                self.closed += 1;
            } else if self.clients[index].script.handed {
                // Counted before it is on its way, as by a reactor that hands over.
                self.peers.keep(0);
                self.handed_in += 1;
                self.push(Event::Accepted(index));
            } else {
                self.backlog.push_back(index);
                self.wake(index);
            }
        }
        let mut alive = !self.coming.is_empty();
        if self.accept == Accept::Off {
            return alive;
        }
        if self.chance(self.kernel.no_descriptors) {
            self.accept = Accept::Off;
            self.push(Event::AcceptEnded(Some(libc::EMFILE)));
            return alive;
        }
        alive |= !self.backlog.is_empty();
        for _ in 0..self.random.below(1 + self.backlog.len()) {
            let Some(index) = self.backlog.pop_front() else {
                break;
            };
            // In this order, and before accepting is said to have ended.
            self.events.push((0, Event::Accepted(index)));
        }
        if self.accept == Accept::Ending || self.random.one_in(40) {
            self.accept = Accept::Off;
            self.events.push((4096, Event::AcceptEnded(None)));
        }
        alive
    }

    /// The kernel's work for one connection. Says whether there is any.
    fn work(&mut self, index: usize) -> bool {
        let late = self.kernel.lazy > 1 && !self.random.one_in(self.kernel.lazy);
        let client = &mut self.clients[index];
        let mut alive = false;
        if let Some(send) = &client.send {
            // Looked at now and then; always at its end.
            if late {
                send.check();
            }
            if client.has_room() || client.broken() {
                alive = true;
                if !late {
                    self.finish_send(index);
                }
            }
        }
        let client = &mut self.clients[index];
        if client.wants_writable && (client.has_room() || client.broken()) {
            alive = true;
            if !late && let Some(token) = client.token {
                client.wants_writable = false;
                self.push(Event::Writable(index, token));
            }
        }
        let client = &self.clients[index];
        if let Some(receive) = client.receive
            && (client.readable() || receive.cancelled)
        {
            alive = true;
            if !late {
                self.receive(index);
            }
        }
        alive
    }

    fn finish_send(&mut self, index: usize) {
        let Some(send) = self.clients[index].send.take() else {
            return;
        };
        send.check();
        let limit = if self.random.one_in(3) {
            1 + self.random.below(send.bytes.len())
        } else {
            usize::MAX
        };
        let now = self.coarse();
        let client = &mut self.clients[index];
        let result = if client.broken() {
            Err(libc::EPIPE)
        } else {
            Ok(client.take(&send.bytes, limit, now))
        };
        self.push(Event::Sent(index, send.token, result));
    }

    fn receive(&mut self, index: usize) {
        let Some(receive) = self.clients[index].receive else {
            return;
        };
        let mut key = self.random.below(1024);
        if (self.kernel.immediate || receive.bulk) && !receive.cancelled {
            let event = Event::Readable(index, receive.token);
            return self.events.push((key, event));
        }
        let (mut end, mut reported) = (None, self.clients[index].received);
        for _ in 0..self.random.below(4) {
            let left = self.clients[index].arrived - reported;
            if left == 0 || self.clients[index].reset || receive.bulk || self.kernel.immediate {
                break;
            }
            if self.buffers_free == 0 {
                end = Some(ReceiveEnd::NoBuffers);
                break;
            }
            self.buffers_free -= 1;
            let len = left.min(1 + self.random.below(self.kernel.buffer_bytes));
            let says = &self.clients[index].script.says;
            let bytes = says[reported..reported + len].to_vec();
            reported += len;
            self.events
                .push((key, Event::Received(index, receive.token, bytes)));
            key += self.random.below(1024);
            if self.chance(self.kernel.ends) {
                end = Some(ReceiveEnd::Paused);
                break;
            }
        }
        let client = &self.clients[index];
        let end = end.or_else(|| receive_end(client, reported, receive.cancelled));
        if let Some(end) = end {
            self.clients[index].receive = None;
            self.events
                .push((key, Event::ReceiveEnded(index, receive.token, end)));
        }
        // What is on its way to the reactor is not in the socket any more.
        self.clients[index].received = reported;
    }
}

/// How a receive ends of which `reported` bytes of the client's script have been told; `None`: it does not.
pub(super) fn receive_end(client: &Client, reported: usize, cancelled: bool) -> Option<ReceiveEnd> {
    if client.reset {
        Some(ReceiveEnd::Broken)
    } else if client.shut {
        Some(ReceiveEnd::Eof)
    } else if cancelled {
        Some(ReceiveEnd::Paused)
    } else {
        (client.fin && reported == client.arrived).then_some(ReceiveEnd::Eof)
    }
}

/// The descriptor of a client's connection.
pub(super) fn descriptor(index: usize) -> RawFd {
    FIRST_FD + index as RawFd
}
