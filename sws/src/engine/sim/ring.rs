//! The engine's end of the simulated world.

use super::{
    Accept, Event, OTHER, World,
    client::{Client, Late, Receive, Send, Server},
    kernel::{descriptor, receive_end},
};
use crate::engine::{Engine, ReceiveEnd, Sent, Sink};
use std::{cell::RefCell, io, os::fd::RawFd, rc::Rc, time::Duration};
use sws_ring::Token;

/// Bytes of one receive of a long body, or of one at once.
const LARGE_BYTES: usize = 100_000;
/// Output of one connection in a turn that is not looked at before the turn's end.
const BATCH_SHARE: usize = 64 * 1024;
/// Receives of one connection before others get theirs.
const RECEIVES: usize = 2;

/// The engine of a [`World`]; `LARGE`: it receives long bodies in large pieces.
pub(crate) struct Sim<const LARGE: bool>(pub(crate) Rc<RefCell<World>>);

impl<const LARGE: bool> Sim<LARGE> {
    fn dispatch<K: Sink>(&self, event: Event, sink: &mut K) {
        match event {
            Event::Accepted(index) => {
                let handed = self.accept(index);
                sink.accepted(descriptor(index), handed);
            }
            Event::AcceptEnded(error) => sink.accept_ended(error),
            Event::Received(index, token, bytes) => {
                self.told(index, note_received);
                self.0.borrow_mut().buffers_leased += 1;
                sink.received(token, &bytes);
                self.0.borrow_mut().buffers_leased -= 1;
            }
            Event::ReceiveEnded(index, token, end) => {
                self.told(index, |_, _| {});
                sink.receive_ended(token, end);
            }
            Event::Readable(index, token) => self.read(index, token, sink),
            Event::Sent(index, token, result) => {
                self.told(index, |client, now| client.times.sent = now);
                sink.sent(token, result);
            }
            Event::BatchFailed(index, token, result) => {
                self.told(index, |client, now| client.times.sent = now);
                sink.batch_send_failed(token, result);
            }
            Event::Writable(index, token) => {
                self.told(index, |client, now| client.times.sent = now);
                sink.writable(token);
            }
            Event::Stale(kind, token) => self.stale(kind, token, sink),
            Event::HandOverFailed(fd, reactor) => sink.hand_over_failed(fd, reactor),
            Event::Woken => sink.woken(),
        }
    }

    fn accept(&self, index: usize) -> bool {
        let world = &mut *self.0.borrow_mut();
        let now = world.looked;
        let client = &mut world.clients[index];
        client.server = Server::Open;
        client.times.accepted = now;
        let handed = client.script.handed;
        world.accepted += u64::from(!handed);
        world.wake(index);
        handed
    }

    /// Notes that the reactor is told something about a connection.
    fn told(&self, index: usize, note: impl FnOnce(&mut Client, u64)) {
        let world = &mut *self.0.borrow_mut();
        let now = world.looked;
        note(&mut world.clients[index], now);
        world.wake(index);
    }

    /// Reads from a socket at once, as long as the reactor wants more.
    fn read<K: Sink>(&self, index: usize, token: Token, sink: &mut K) {
        let armed = self.0.borrow().clients[index].receive;
        let Some(receive) = armed.filter(|receive| receive.token == token) else {
            return;
        };
        if receive.bulk && sink.descriptor(token) != Some(descriptor(index)) {
            self.end(index, token, ReceiveEnd::Paused, sink);
            return;
        }
        for _ in 0..RECEIVES {
            let (bytes, end) = self.read_once(index);
            if !bytes.is_empty() && !sink.received(token, &bytes) {
                self.end(index, token, ReceiveEnd::Paused, sink);
                return;
            }
            if bytes.is_empty() {
                if let Some(end) = end {
                    self.end(index, token, end, sink);
                    return;
                }
                break;
            }
        }
        if receive.bulk {
            self.end(index, token, ReceiveEnd::Paused, sink);
        }
    }

    fn read_once(&self, index: usize) -> (Vec<u8>, Option<ReceiveEnd>) {
        let world = &mut *self.0.borrow_mut();
        let client = &mut world.clients[index];
        let left = client.arrived - client.received;
        if left == 0 || client.broken() {
            return (Vec::new(), receive_end(client, client.received, false));
        }
        let len = if world.random.one_in(3) {
            left.min(1 + world.random.below(LARGE_BYTES))
        } else {
            left.min(LARGE_BYTES)
        };
        let bytes = client.script.says[client.received..client.received + len].to_vec();
        client.received += len;
        note_received(client, world.looked);
        (bytes, None)
    }

    fn end<K: Sink>(&self, index: usize, token: Token, end: ReceiveEnd, sink: &mut K) {
        self.told(index, |client, _| client.receive = None);
        sink.receive_ended(token, end);
    }

    /// Something about a connection that is gone. The slot may be another's by now.
    fn stale<K: Sink>(&self, kind: usize, token: Token, sink: &mut K) {
        self.0.borrow_mut().stale += u64::from(kind < 4);
        match kind {
            0 => drop(sink.received(token, b"GET / HTTP/1.1\r\nHost: old\r\n\r\n")),
            1 => sink.receive_ended(token, ReceiveEnd::Broken),
            2 => sink.sent(token, Ok(1)),
            3 => sink.batch_send_failed(token, Err(libc::EPIPE)),
            _ => {
                sink.writable(token);
                assert_eq!(sink.descriptor(token), None);
            }
        }
    }

    fn arm(&self, fd: RawFd, token: Token, bulk: bool) {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        let client = &mut world.clients[index];
        assert!(client.receive.is_none(), "armed twice");
        client.receive = Some(Receive {
            token,
            bulk,
            cancelled: false,
        });
        world.wake(index);
    }

    /// Looks at what is given to be sent. `Some`: it is taken at once.
    ///
    /// # Safety
    /// `data` is readable for `len` bytes during the call.
    unsafe fn send(&self, index: usize, data: *const u8, len: u32) -> Option<Sent> {
        let world = &mut *self.0.borrow_mut();
        let fired = world.batch.iter().any(|&(other, _)| other == index);
        let (now, short) = (world.looked, world.chance(world.kernel.short));
        let high_water = world.high_water;
        world.idle_turns = 0;
        let client = &mut world.clients[index];
        assert!(!fired && client.send.is_none(), "sends overtake");
        assert!(client.server == Server::Open, "a send after FIN");
        // What was just too little to stop for, what one look at the input may add to it, and a turn's share of the batch.
        let most = 2 * (high_water + client.longest) + BATCH_SHARE;
        assert!(len as usize <= most, "{len} bytes are unsent");
        if !world.kernel.immediate {
            return None;
        }
        // SAFETY: the caller's promise.
        let bytes = unsafe { std::slice::from_raw_parts(data, len as usize) };
        assert!(!client.wants_writable, "sent before there was room");
        if client.broken() {
            return Some(Sent::Broken);
        }
        let limit = if short { bytes.len() / 2 } else { bytes.len() };
        let taken = client.take(bytes, limit, now);
        client.wants_writable = taken < bytes.len();
        world.wake(index);
        Some(Sent::Taken(taken))
    }
}

/// Notes that the reactor is told of bytes.
fn note_received(client: &mut Client, now: u64) {
    client.times.received = now;
    if let Some(Late::Head(start)) = client.script.late
        && client.received > start
        && client.times.head == 0
    {
        client.times.head = now;
    }
}

impl<const LARGE: bool> Engine for Sim<LARGE> {
    fn turn<K: Sink>(&mut self, sink: &mut K, timeout: Option<Duration>) -> io::Result<()> {
        let events = {
            let world = &mut *self.0.borrow_mut();
            world.wait(timeout);
            std::mem::take(&mut world.events)
        };
        sink.begin();
        for (_, event) in events {
            self.dispatch(event, sink);
        }
        Ok(())
    }

    fn arm_accept(&mut self) {
        let world = &mut *self.0.borrow_mut();
        assert!(world.accept == Accept::Off && world.listening);
        world.accept = Accept::On;
    }

    fn disarm_accept(&mut self) {
        let world = &mut *self.0.borrow_mut();
        assert!(world.accept != Accept::Ending, "asked to end twice");
        // It may have ended by itself meanwhile.
        if world.accept == Accept::On {
            world.accept = Accept::Ending;
        }
    }

    fn close_listener(&mut self) -> Vec<RawFd> {
        let backlog = {
            let world = &mut *self.0.borrow_mut();
            assert!(world.accept == Accept::Off, "closed under an accept");
            assert!(std::mem::take(&mut world.listening), "closed twice");
            std::mem::take(&mut world.backlog)
        };
        backlog
            .into_iter()
            .map(|index| {
                self.accept(index);
                descriptor(index)
            })
            .collect()
    }

    fn attach(&mut self, fd: RawFd, token: Token) -> io::Result<()> {
        {
            let world = &mut *self.0.borrow_mut();
            let index = world.open(fd);
            let now = world.looked;
            if world.chance(world.kernel.no_watches) {
                world.clients[index].excused = true;
                return Err(io::Error::from_raw_os_error(libc::ENOSPC));
            }
            world.clients[index].token = Some(token);
            world.clients[index].times.attached = now;
        }
        self.arm(fd, token, false);
        Ok(())
    }

    fn arm_receive(&mut self, fd: RawFd, token: Token) {
        self.arm(fd, token, false);
    }

    fn arm_bulk_receive(&mut self, fd: RawFd, token: Token) {
        self.arm(fd, token, true);
    }

    const BULK: bool = LARGE;

    fn pause_receive(&mut self, fd: RawFd, token: Token, bulk: bool) {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        let immediate = world.kernel.immediate;
        // It may have ended by itself meanwhile; it is never another one.
        if let Some(receive) = &mut world.clients[index].receive {
            assert_eq!((receive.token, receive.bulk), (token, bulk));
            assert!(!receive.cancelled, "cancelled twice");
            receive.cancelled = true;
            if immediate {
                world.clients[index].receive = None;
                world.paused.push((index, token));
            }
        }
        world.wake(index);
    }

    unsafe fn send_batch(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent {
        let index = self.0.borrow_mut().open(fd);
        // SAFETY: the caller's promise.
        if let Some(sent) = unsafe { self.send(index, data, len) } {
            return sent;
        }
        // SAFETY: as above.
        let send = unsafe { Send::new(token, data, len) };
        self.0.borrow_mut().batch.push((index, send));
        Sent::Fired
    }

    fn can_send_batch(&self) -> bool {
        self.0.borrow().kernel.can_send_batch
    }

    unsafe fn send_owned(&mut self, fd: RawFd, token: Token, data: *const u8, len: u32) -> Sent {
        let index = self.0.borrow_mut().open(fd);
        // SAFETY: the caller's promise.
        if let Some(sent) = unsafe { self.send(index, data, len) } {
            return sent;
        }
        let world = &mut *self.0.borrow_mut();
        // SAFETY: as above.
        world.clients[index].send = Some(unsafe { Send::new(token, data, len) });
        world.wake(index);
        Sent::InFlight
    }

    fn hand_over(&mut self, fd: RawFd, reactor: usize) {
        let world = &mut *self.0.borrow_mut();
        world.open(fd);
        assert_eq!(reactor, OTHER);
        world.handing_over.push((fd, reactor));
    }

    fn buffers(&self) -> (u16, u16) {
        let world = self.0.borrow();
        (world.kernel.buffers, world.buffers_leased)
    }
}

impl<const LARGE: bool> Drop for Sim<LARGE> {
    /// Operations end with the engine, and what it held is closed.
    fn drop(&mut self) {
        let world = &mut *self.0.borrow_mut();
        world.engine_gone = true;
        for (fd, _) in std::mem::take(&mut world.handing_over) {
            let index = world.open(fd);
            world.clients[index].close();
        }
        for send in &mut world.clients {
            send.send = None;
            send.receive = None;
        }
    }
}
