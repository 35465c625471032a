//! The reactor's state, and what each event does to it. Nothing here submits.

use super::{
    CLOCK_SLACK_MILLIS, TICKS_MAX,
    buffers::Buffers,
    host::{Host, Os},
    slot::{Cold, Flags, Range, Slot, Waiting},
    slots::Slots,
    ticks,
    timers::{Entry, TICK_MILLIS, Wheel},
};
use crate::{
    Config,
    connection::{ConnId, ConnRef, Next, Progress, Protocol},
    counters::Counters,
    engine::{ReceiveEnd, Sink},
    peers::Peers,
};
use std::{collections::VecDeque, os::fd::RawFd, sync::Arc, time::Duration};
use sws_ring::Token;

/// An answer longer than this is sent from the connection's own memory, so that a batch buffer stays small.
const BATCH_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Answers that begin beyond this in a batch buffer go to their connections' own memory, which also keeps positions
/// within 32 bits.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a batch buffer keeps of its memory from turn to turn.
const BATCH_KEEP_BYTES: usize = 512 * 1024;
/// Room for events that is kept from turn to turn.
const EVENTS_KEPT: usize = 8192;
/// How long accepting waits when there are no descriptors.
const ACCEPT_RETRY_TICKS: u32 = 1;
/// How often it is looked whether a peer is still there for which there is no deadline, and one whose input is held back.
const LOOK_TICKS: u32 = 50;
const HELD_LOOK_TICKS: u32 = 10;
/// How long a peer may take to close after our FIN.
const LINGER: Duration = Duration::from_secs(5);
/// How long a connection that has not said anything yet may still do so once a stop is asked for.
const DRAIN_GRACE_TICKS: u32 = 10;
/// How long after the end of a graceful stop the last completions are waited for.
const DRAIN_OVERTIME_TICKS: u32 = 20;

/// Where accepting stands.
#[derive(Debug, Default)]
pub(super) struct Accept {
    pub(super) armed: bool,
    /// It was asked to end.
    pub(super) stopping: bool,
    /// Not before this tick.
    retry_at: u32,
}

/// Timeouts in ticks.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    idle: u32,
    head: u32,
    body: u32,
    write: u32,
    linger: u32,
    shutdown: u32,
    answer: u32,
    socket: u32,
}

/// Connections and everything about them that is not the engine's.
pub(crate) struct Core<P: Protocol, H: Host = Os> {
    pub(super) host: H,
    protocol: P,
    pub(super) slots: Slots<P::Conn>,
    pub(super) buffers: Buffers,
    /// Output of this turn and of the last one, which the kernel may still be told about.
    batches: [Vec<u8>; 2],
    current: usize,
    /// The kernel may be reading the current batch: nothing more is written to it.
    sealed: bool,
    /// Slots with something to send or to decide at the end of the turn.
    pub(super) dirty: Vec<u32>,
    /// Slots that are to receive (again).
    pub(super) unarmed: VecDeque<(u32, u32)>,
    /// Slots that were blocked and have drained.
    pub(super) resumable: VecDeque<(u32, u32)>,
    pub(super) hand_overs: Vec<(RawFd, usize)>,
    /// Connections that were accepted before accepting could be stopped, and have no slot yet.
    unplaced: VecDeque<RawFd>,
    pub(super) accept: Accept,
    pub(super) listener_closed: bool,
    pub(super) can_send_batch: bool,
    wheel: Wheel,
    due: Vec<Entry>,
    /// Memory for what the protocol has to say about connections.
    events: Vec<(ConnId, P::Event)>,
    now_millis: u64,
    now: u32,
    unix_seconds: u64,
    timeouts: Timeouts,
    high_water: usize,
    /// A client that has sent its last byte may still wait for an answer.
    half_close: bool,
    stop_asked: bool,
    /// Tick at which a graceful stop runs out of time.
    drain_until: Option<u32>,
    pub(super) counters: Counters,
    peers: Arc<Peers>,
    me: usize,
}

impl<P: Protocol, H: Host> Core<P, H> {
    pub(crate) fn new(
        config: &Config,
        mut protocol: P,
        peers: Arc<Peers>,
        me: usize,
        connections_max: u32,
        host: H,
    ) -> Self {
        let now_millis = host.monotonic().as_millis() as u64;
        let now = (now_millis / TICK_MILLIS) as u32;
        let unix_seconds = host.unix_seconds();
        protocol.second(unix_seconds);
        let mut slots = Slots::new(connections_max);
        if config.warm_up {
            slots.warm_up();
        }
        Self {
            host,
            protocol,
            slots,
            buffers: Buffers::new(config.buffer_cache_bytes_max),
            batches: [Vec::new(), Vec::new()],
            current: 0,
            sealed: false,
            dirty: Vec::new(),
            unarmed: VecDeque::new(),
            resumable: VecDeque::new(),
            hand_overs: Vec::new(),
            unplaced: VecDeque::new(),
            accept: Accept::default(),
            listener_closed: false,
            can_send_batch: false,
            wheel: Wheel::new(now),
            due: Vec::new(),
            events: Vec::new(),
            now_millis,
            now,
            unix_seconds,
            timeouts: Timeouts {
                idle: ticks(config.idle_timeout),
                head: ticks(config.head_timeout),
                body: ticks(config.body_timeout),
                write: ticks(config.write_timeout),
                linger: ticks(LINGER),
                shutdown: ticks(config.shutdown_timeout),
                answer: config.handler_timeout.map_or(TICKS_MAX, ticks),
                socket: config.websocket_ping_interval.map_or(TICKS_MAX, ticks),
            },
            high_water: config.output_high_water_bytes,
            half_close: config.half_close,
            stop_asked: false,
            drain_until: None,
            counters: Counters::default(),
            peers,
            me,
        }
    }

    /// How long the next wait may last.
    pub(super) fn timeout(&self) -> Option<Duration> {
        if !self.dirty.is_empty() || !self.unarmed.is_empty() || !self.resumable.is_empty() {
            return Some(Duration::ZERO);
        }
        let protocol = self.protocol.patience();
        if protocol == Some(Duration::ZERO) {
            return protocol;
        }
        let mut tick = self.wheel.first().unwrap_or(u32::MAX);
        if !self.accept.armed && !self.listener_closed && self.slots_left() {
            tick = tick.min(self.accept.retry_at);
        }
        if let Some(until) = self.drain_until {
            tick = tick.min(if self.now < until {
                until
            } else {
                until + DRAIN_OVERTIME_TICKS
            });
        }
        if tick == u32::MAX {
            return protocol;
        }
        let at_millis = u64::from(tick) * TICK_MILLIS + CLOCK_SLACK_MILLIS;
        let wait = Duration::from_millis(at_millis.saturating_sub(self.now_millis));
        Some(protocol.map_or(wait, |protocol| protocol.min(wait)))
    }

    /// Starts a turn's output. The other batch buffer was handed to the kernel in the last turn but one, whose
    /// sends are over by now.
    pub(super) fn flip(&mut self) {
        self.current ^= 1;
        let batch = &mut self.batches[self.current];
        batch.clear();
        batch.shrink_to(BATCH_KEEP_BYTES);
        self.sealed = false;
    }

    /// Ends a turn's output: the sends that follow point into it.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    pub(super) fn finished(&self) -> bool {
        let over = |until: u32| {
            // Asked of the peers, because a connection may be on its way here.
            self.peers.open(self.me) == 0 || self.now >= until + DRAIN_OVERTIME_TICKS
        };
        self.listener_closed && self.hand_overs.is_empty() && self.drain_until.is_some_and(over)
    }

    #[inline]
    pub(super) fn mark_dirty(&mut self, index: u32) {
        let flags = &mut self.slots[index].flags;
        if !flags.any(Flags::DIRTY) {
            flags.set(Flags::DIRTY);
            self.dirty.push(index);
        }
    }

    pub(super) fn batch(&self, range: Range) -> &[u8] {
        &self.batches[self.current][range.as_usize()]
    }

    pub(super) fn current_batch(&self) -> u8 {
        self.current as u8
    }

    fn slots_left(&self) -> bool {
        self.slots.open() < self.slots.limit()
    }

    pub(super) fn accept_may_be_armed(&self) -> bool {
        !self.accept.armed
            && self.drain_until.is_none()
            && self.slots_left()
            && self.now >= self.accept.retry_at
    }

    pub(super) fn accept_should_stop(&self) -> bool {
        self.accept.armed
            && !self.accept.stopping
            && (self.drain_until.is_some() || !self.slots_left())
    }

    pub(super) fn listener_may_close(&self) -> bool {
        self.drain_until.is_some() && !self.accept.armed && !self.listener_closed
    }

    pub(super) fn publish(&mut self, buffers_total: u16, buffers_leased: u16) {
        self.counters.turns += 1;
        self.counters.slots_open = self.slots.open().into();
        self.counters.slots_total = self.slots.total().into();
        self.counters.buffers_total = buffers_total.into();
        self.counters.buffers_leased = buffers_leased.into();
        self.counters.buffer_cache_bytes = self.buffers.kept() as u64;
        self.protocol.count(&mut self.counters);
        self.peers.publish(self.me, &self.counters);
    }

    // ---- connections come and go

    /// Serves a connection that waited in the backlog of a listener that is being closed.
    pub(super) fn adopt_backlog(&mut self, fd: RawFd) {
        self.counters.accepted += 1;
        self.peers.keep(self.me);
        self.open(fd);
    }

    fn open(&mut self, fd: RawFd) {
        let Some(index) = self.slots.acquire(fd) else {
            self.counters.accept_waits += 1;
            self.unplaced.push_back(fd);
            return;
        };
        let generation = self.slots[index].generation;
        self.unarmed.push_back((index, generation));
        let wait = if self.drain_until.is_some() {
            DRAIN_GRACE_TICKS
        } else {
            self.timeouts.idle
        };
        self.set_deadline(index, wait);
    }

    /// Gives slots that have become free to connections that wait for one.
    pub(super) fn place_waiting(&mut self) {
        while self.slots_left()
            && let Some(fd) = self.unplaced.pop_front()
        {
            self.open(fd);
        }
    }

    /// Closes the descriptor and frees the slot, none of whose operations is in flight.
    pub(super) fn release(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        let id = ConnId::new(index, slot.generation);
        self.protocol.closed(id, std::mem::take(&mut slot.conn));
        self.host.close(slot.fd);
        if let Some(cold) = slot.cold.take() {
            self.buffers.give_cold(cold);
            self.counters.connections_buffering -= 1;
        }
        self.slots.release(index);
        self.peers.left(self.me);
        self.counters.closed += 1;
    }

    // ---- deadlines

    fn set_deadline(&mut self, index: u32, ticks: u32) {
        let deadline = self.now + ticks;
        let slot = &mut self.slots[index];
        slot.deadline = deadline;
        if deadline < slot.wheel_tick {
            slot.wheel_tick = self.wheel.insert(index, slot.generation, deadline);
        }
    }

    /// The deadline for what the protocol waits for. A head's is set once, at its first byte; `moved` says that what
    /// was waited for before has come.
    #[inline]
    fn wait_for(&mut self, index: u32, waiting: Waiting, moved: bool) {
        let slot = &mut self.slots[index];
        let same_head = !moved && waiting == Waiting::Head && slot.waiting == Waiting::Head;
        slot.waiting = waiting;
        if same_head || slot.flags.any(Flags::SENDING | Flags::WANTS_WRITABLE) {
            return;
        }
        self.set_deadline(index, self.patience(waiting));
    }

    fn patience(&self, waiting: Waiting) -> u32 {
        match waiting {
            Waiting::Request => self.timeouts.idle,
            Waiting::Head => self.timeouts.head,
            Waiting::Body | Waiting::Bulk => self.timeouts.body,
            _ if self.is_endless(waiting) => LOOK_TICKS,
            Waiting::Answer | Waiting::Reader => self.timeouts.answer,
            Waiting::Socket => self.timeouts.socket,
        }
    }

    /// Looks for progress twice in a write timeout, so that a stuck peer is found between one and one and a half.
    pub(super) fn write_deadline(&mut self, index: u32) {
        if let Some(cold) = &mut self.slots[index].cold {
            cold.kernel_queue = None;
            cold.looks_in_vain = 0;
        }
        self.set_deadline(index, self.timeouts.write.div_ceil(2));
    }

    /// Whether the peer has taken nothing for a write timeout. Bytes that are the kernel's already count: a send makes
    /// progress only in large steps. One look in vain is not enough: progress may have come right before the one before.
    fn write_stuck(&mut self, index: u32) -> bool {
        let slot = &mut self.slots[index];
        let Some(cold) = &mut slot.cold else {
            return true;
        };
        let Ok(queued) = self.host.send_queue(slot.fd) else {
            return true;
        };
        let progressed = cold.kernel_queue.is_none_or(|before| queued < before);
        cold.kernel_queue = Some(queued);
        cold.looks_in_vain = if progressed {
            0
        } else {
            cold.looks_in_vain + 1
        };
        cold.looks_in_vain >= 2
    }

    pub(super) fn linger_deadline(&mut self, index: u32) {
        self.set_deadline(index, self.timeouts.linger);
    }

    /// Back to the protocol's own deadline when everything is sent.
    pub(super) fn all_sent(&mut self, index: u32) {
        let patience = self.patience(self.slots[index].waiting);
        self.set_deadline(index, patience);
    }

    pub(super) fn expire(&mut self) {
        if let Some(until) = self.drain_until
            && self.now >= until
        {
            self.break_all();
        }
        self.wheel.advance(self.now, &mut self.due);
        let mut due = std::mem::take(&mut self.due);
        for entry in due.drain(..) {
            let Some(slot) = self.slots.live(entry.index, entry.generation) else {
                continue;
            };
            if slot.wheel_tick != entry.tick {
                continue;
            }
            slot.wheel_tick = u32::MAX;
            if slot.deadline > self.now {
                slot.wheel_tick = self
                    .wheel
                    .insert(entry.index, entry.generation, slot.deadline);
            } else {
                self.expire_slot(entry.index);
            }
        }
        self.due = due;
    }

    /// While no input is taken nothing tells that the peer has gone, so it is looked for soon, unless a deadline is at hand
    /// anyway.
    pub(super) fn watch_held(&mut self, index: u32) {
        if self.is_endless(self.slots[index].waiting) {
            self.set_deadline(index, HELD_LOOK_TICKS);
        }
    }

    /// Whether nothing but the peer ends this wait.
    fn is_endless(&self, waiting: Waiting) -> bool {
        match waiting {
            Waiting::Answer | Waiting::Reader => self.timeouts.answer == TICKS_MAX,
            Waiting::Socket => self.timeouts.socket == TICKS_MAX,
            _ => false,
        }
    }

    /// Looks whether the peer of an endless wait is there: a multishot receive can miss a reset that comes right behind
    /// data (seen on Linux 6.18).
    fn look_at_peer(&mut self, index: u32) {
        let slot = &self.slots[index];
        if self.host.hung_up(slot.fd, self.half_close) {
            self.slots[index].flags.set(Flags::BROKEN);
            self.mark_dirty(index);
        } else {
            let soon = if slot.held() {
                HELD_LOOK_TICKS
            } else {
                LOOK_TICKS
            };
            self.set_deadline(index, soon);
        }
    }

    fn expire_slot(&mut self, index: u32) {
        let sending = Flags::SENDING | Flags::WANTS_WRITABLE;
        if self.slots[index].flags.any(sending) && !self.write_stuck(index) {
            self.set_deadline(index, self.timeouts.write.div_ceil(2));
            return;
        }
        let slot = &mut self.slots[index];
        let over = Flags::CLOSING | Flags::BROKEN;
        let waiting = slot.waiting;
        if !slot.flags.any(sending | over) && slot.unsent() == 0 && self.is_endless(waiting) {
            self.look_at_peer(index);
            return;
        }
        let slot = &mut self.slots[index];
        let stuck = sending | Flags::CLOSING | Flags::BROKEN;
        if slot.flags.any(stuck) || slot.unsent() > 0 {
            // The peer takes nothing, or does not close after our FIN.
            if !slot.flags.any(Flags::FIN_SENT) {
                self.counters.timeouts += 1;
                // The kernel gives up what it holds for the peer, too.
                self.host.reset(slot.fd);
            }
            slot.flags.set(Flags::BROKEN);
        } else {
            let next = if slot.waiting == Waiting::Request {
                Next::Close
            } else {
                let waiting = slot.waiting;
                let out = &mut self.batches[self.current];
                let start = out.len();
                let next = self.protocol.timed_out(&mut slot.conn, waiting, out);
                self.take_output(index, start);
                next
            };
            match next {
                Next::Wait(waiting) => {
                    let patience = self.patience(waiting);
                    self.set_deadline(index, patience);
                    return;
                }
                Next::Break => self.break_off(index),
                _ => self.slots[index].flags.set(Flags::CLOSING),
            }
            self.counters.timeouts += 1;
        }
        self.mark_dirty(index);
    }

    // ---- what the protocol does by itself

    /// Runs the protocol's own work, and tells connections what it means for them.
    pub(super) fn run_protocol(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        while self.protocol.read_mail(&mut events) {
            self.deliver_all(&mut events);
        }
        self.protocol.run(&mut events);
        self.deliver_all(&mut events);
        events.shrink_to(EVENTS_KEPT);
        self.events = events;
    }

    fn deliver_all(&mut self, events: &mut Vec<(ConnId, P::Event)>) {
        for (id, event) in events.drain(..) {
            self.deliver(id, event);
        }
    }

    fn deliver(&mut self, id: ConnId, event: P::Event) {
        let index = id.index();
        let Some(slot) = self.slots.live(index, id.generation()) else {
            return;
        };
        if slot.flags.any(Flags::CLOSING | Flags::BROKEN) {
            return;
        }
        let at = Self::conn_ref(slot, index);
        let out = &mut self.batches[self.current];
        let start = out.len();
        let next = self.protocol.event(at, &mut slot.conn, event, out);
        if next == Next::Stay {
            return;
        }
        self.take_output(index, start);
        let slot = &mut self.slots[index];
        let (was_held, waited) = (slot.held(), slot.waiting);
        match next {
            // What it is told is no sign of life.
            Next::Wait(Waiting::Socket) if waited == Waiting::Socket => {}
            Next::Wait(waiting) if waiting != Waiting::Answer && slot.has_input() => {
                slot.waiting = waiting;
                if !slot.flags.any(Flags::BLOCKED) {
                    self.feed(index, &[]);
                }
            }
            next => self.proceed(index, Progress { consumed: 1, next }),
        }
        let slot = &mut self.slots[index];
        let stopped = Flags::RECEIVING | Flags::BLOCKED | Flags::CLOSING | Flags::BROKEN;
        if was_held && !slot.held() && !slot.flags.any(stopped) {
            self.unarmed.push_back((index, id.generation()));
        }
        if self.draining() {
            self.mark_dirty(index);
        }
    }

    #[inline]
    fn conn_ref(slot: &Slot<P::Conn>, index: u32) -> ConnRef {
        ConnRef {
            id: ConnId::new(index, slot.generation),
            fd: slot.fd,
            unsent: slot.unsent() + slot.range.len as usize,
        }
    }

    // ---- graceful stop

    /// Begins a graceful stop if one was asked for: after a turn's events, so that requests among them are answered.
    pub(super) fn start_drain(&mut self) {
        if !self.stop_asked || self.draining() {
            return;
        }
        self.drain_until = Some(self.now + self.timeouts.shutdown);
        self.protocol.drain();
        for index in self.slots.live_indexes() {
            let start = self.batches[self.current].len();
            let slot = &mut self.slots[index];
            if !slot.flags.any(Flags::CLOSING | Flags::BROKEN)
                && self
                    .protocol
                    .say_goodbye(&mut slot.conn, &mut self.batches[self.current])
            {
                slot.flags.set(Flags::CLOSING);
                self.take_output(index, start);
                self.mark_dirty(index);
            } else if self.close_when_idle(index) {
                self.mark_dirty(index);
            } else if self.idle(index) {
                self.set_deadline(index, DRAIN_GRACE_TICKS);
            }
        }
    }

    pub(super) fn draining(&self) -> bool {
        self.drain_until.is_some()
    }

    /// Between requests, with nothing left over.
    fn idle(&self, index: u32) -> bool {
        let slot = &self.slots[index];
        let busy = Flags::SENDING | Flags::WANTS_WRITABLE | Flags::BLOCKED;
        slot.waiting == Waiting::Request
            && slot.cold.is_none()
            && slot.range.len == 0
            && !slot.flags.any(busy)
    }

    /// Lets a connection go that is between requests and has had at least one.
    pub(super) fn close_when_idle(&mut self, index: u32) -> bool {
        let close = self.idle(index) && self.slots[index].flags.any(Flags::SERVED);
        if close {
            self.slots[index].flags.set(Flags::CLOSING);
        }
        close
    }

    fn break_all(&mut self) {
        for index in self.slots.live_indexes() {
            self.slots[index].flags.set(Flags::BROKEN);
            self.mark_dirty(index);
        }
    }

    // ---- input and output

    /// Memory of the connection for what is left over.
    fn cold<'s>(
        counters: &mut Counters,
        buffers: &mut Buffers,
        slot: &'s mut Slot<P::Conn>,
    ) -> &'s mut Cold {
        slot.cold.get_or_insert_with(|| {
            counters.connections_buffering += 1;
            buffers.take_cold()
        })
    }

    /// Moves output of this turn, but for its first `skip` bytes, behind what the connection still has to send.
    pub(super) fn queue(&mut self, index: u32, range: Range, skip: usize) {
        let slot = &mut self.slots[index];
        let cold = Self::cold(&mut self.counters, &mut self.buffers, slot);
        let output = &self.batches[self.current][range.as_usize()];
        self.buffers.append(&mut cold.queued, &output[skip..]);
    }

    /// Gives the memory back once nothing is left over.
    #[inline]
    pub(super) fn drop_empty_cold(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        if !slot.flags.any(Flags::SENDING)
            && let Some(cold) = slot.cold.take_if(|cold| cold.is_empty())
        {
            self.buffers.give_cold(cold);
            self.counters.connections_buffering -= 1;
        }
    }

    /// Gives the protocol what came, after what was left over.
    #[inline]
    fn feed(&mut self, index: u32, bytes: &[u8]) {
        debug_assert!(!self.sealed, "sends point into the batch");
        let slot = &mut self.slots[index];
        let at = Self::conn_ref(slot, index);
        let out = &mut self.batches[self.current];
        let start = out.len();
        let progress = if let Some(cold) = &mut slot.cold
            && !cold.input.is_empty()
        {
            let fresh = cold.input.len();
            self.buffers.append(&mut cold.input, bytes);
            // After a pause everything is looked at again.
            let fresh = if bytes.is_empty() { 0 } else { fresh };
            let progress = self
                .protocol
                .data(at, &mut slot.conn, &cold.input, fresh, out);
            cold.input.drain(..progress.consumed);
            progress
        } else {
            let progress = self.protocol.data(at, &mut slot.conn, bytes, 0, out);
            if progress.consumed < bytes.len() && progress.next != Next::Close {
                let rest = &bytes[progress.consumed..];
                let cold = Self::cold(&mut self.counters, &mut self.buffers, slot);
                self.buffers.append(&mut cold.input, rest);
            }
            progress
        };
        slot.flags.set(Flags::SERVED);
        self.take_output(index, start);
        self.proceed(index, progress);
    }

    #[inline]
    fn proceed(&mut self, index: u32, progress: Progress) {
        let slot = &mut self.slots[index];
        match progress.next {
            Next::Wait(waiting) => {
                if slot.unsent() >= self.high_water {
                    slot.flags.set(Flags::BLOCKED);
                    self.mark_dirty(index);
                } else if slot.flags.any(Flags::PEER_EOF) {
                    let flag = self.eof_means(waiting);
                    self.slots[index].flags.set(flag);
                    self.mark_dirty(index);
                }
                let bulk = waiting == Waiting::Bulk;
                let slot = &mut self.slots[index];
                if waiting.is_for_handler() {
                    // What comes after is of the same kind, or will say so. To be looked at: input may be held back now.
                    self.mark_dirty(index);
                } else if bulk != slot.flags.any(Flags::BULK) {
                    slot.flags.toggle(Flags::BULK);
                    self.mark_dirty(index);
                }
                self.wait_for(index, waiting, progress.consumed > 0);
            }
            Next::Blocked => {
                if progress.consumed > 0 {
                    // What was waited for has come: the next head's time is its own.
                    slot.waiting = Waiting::Request;
                }
                slot.flags.set(Flags::BLOCKED);
                self.mark_dirty(index);
            }
            Next::Close => {
                slot.flags.set(Flags::CLOSING);
                if let Some(cold) = &mut slot.cold {
                    self.buffers.give(std::mem::take(&mut cold.input));
                }
                self.mark_dirty(index);
            }
            Next::Break => {
                self.break_off(index);
                self.mark_dirty(index);
            }
            Next::Stay => {}
        }
        if self.slots[index].cold.is_some() {
            self.drop_empty_cold(index);
        }
    }

    /// Ends a connection so that the peer does not take it for a regular end.
    fn break_off(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        self.host.reset(slot.fd);
        slot.flags.set(Flags::BROKEN);
    }

    /// What becomes of a connection that waits for this and has heard the peer's last byte.
    fn eof_means(&self, waiting: Waiting) -> Flags {
        match waiting {
            Waiting::Answer | Waiting::Reader if self.half_close => Flags::default(),
            // Nobody waits for the answer; those before it may still be on their way.
            _ => Flags::CLOSING,
        }
    }

    /// Notes what the protocol appended to the batch from `start` on as this connection's. It stays in the batch
    /// if it can go out from there in one piece and in order, else it moves to the connection's own memory.
    #[inline]
    fn take_output(&mut self, index: u32, start: usize) {
        let batch = &mut self.batches[self.current];
        let len = batch.len() - start;
        if len == 0 {
            return;
        }
        let slot = &mut self.slots[index];
        let adjacent = slot.range.len == 0 || slot.range.as_usize().end == start;
        let fits = self.can_send_batch
            && slot.range.len as usize + len <= BATCH_ANSWER_BYTES_MAX
            && start <= BATCH_BYTES_MAX;
        let in_order = slot.cold.is_none() || slot.unsent() == 0;
        if adjacent && fits && in_order && !slot.flags.any(Flags::SENDING) {
            if slot.range.len == 0 {
                slot.range.start = start as u32;
            }
            slot.range.len += len as u32;
        } else {
            let range = std::mem::take(&mut slot.range);
            let cold = Self::cold(&mut self.counters, &mut self.buffers, slot);
            for output in [&batch[range.as_usize()], &batch[start..]] {
                self.buffers.append(&mut cold.queued, output);
            }
            batch.truncate(start);
        }
        self.mark_dirty(index);
    }

    /// Remembers a blocked connection that is to go on, once, if enough of its output is gone. Says whether it is.
    pub(super) fn note_drained(&mut self, index: u32) -> bool {
        let slot = &mut self.slots[index];
        let drained = slot.unsent() < self.high_water / 2;
        if drained && !slot.flags.any(Flags::RESUMABLE) {
            slot.flags.set(Flags::RESUMABLE);
            self.resumable.push_back((index, slot.generation));
        }
        drained
    }

    /// Goes on with connections whose output has drained. What they say goes out with this turn's sends.
    pub(super) fn resume_drained(&mut self) {
        for _ in 0..self.resumable.len() {
            let Some((index, generation)) = self.resumable.pop_front() else {
                break;
            };
            self.resume(index, generation);
        }
    }

    /// Goes on with input that was left over while too much was unsent.
    fn resume(&mut self, index: u32, generation: u32) {
        let Some(slot) = self.slots.live(index, generation) else {
            return;
        };
        slot.flags.clear(Flags::RESUMABLE);
        // The rest of a send that was thought to be complete may have come back meanwhile.
        if slot.flags.any(Flags::BROKEN | Flags::CLOSING) || slot.unsent() >= self.high_water / 2 {
            return;
        }
        slot.flags.clear(Flags::BLOCKED);
        // Without input, too: an answer may have more to say.
        self.feed(index, &[]);
        let slot = &self.slots[index];
        if !slot.flags.any(Flags::BLOCKED | Flags::RECEIVING) && !slot.held() {
            self.unarmed.push_back((index, generation));
        }
        self.mark_dirty(index);
    }
}

impl<P: Protocol, H: Host> Drop for Core<P, H> {
    /// Closes what is left when the reactor has failed or has run out of time. The engine is gone by then.
    fn drop(&mut self) {
        for index in self.slots.live_indexes() {
            let slot = &mut self.slots[index];
            let id = ConnId::new(index, slot.generation);
            self.protocol.closed(id, std::mem::take(&mut slot.conn));
            self.host.close(slot.fd);
        }
        for fd in self.unplaced.drain(..) {
            self.host.close(fd);
        }
        for (fd, _) in self.hand_overs.drain(..) {
            self.host.close(fd);
        }
    }
}

impl<P: Protocol, H: Host> Sink for Core<P, H> {
    fn begin(&mut self) {
        self.now_millis = self.host.monotonic().as_millis() as u64;
        let now = (self.now_millis / TICK_MILLIS) as u32;
        if now != self.now {
            self.now = now;
            let unix_seconds = self.host.unix_seconds();
            if unix_seconds != self.unix_seconds {
                self.unix_seconds = unix_seconds;
                self.protocol.second(unix_seconds);
            }
        }
    }

    fn accepted(&mut self, fd: RawFd, handed: bool) {
        if !handed {
            self.counters.accepted += 1;
            let target = self.peers.place(self.me);
            if target != self.me {
                self.counters.handed_over += 1;
                self.hand_overs.push((fd, target));
                return;
            }
        }
        self.open(fd);
    }

    fn hand_over_failed(&mut self, fd: RawFd, reactor: usize) {
        self.peers.moved(reactor, self.me);
        self.counters.handed_over -= 1;
        self.open(fd);
    }

    fn accept_ended(&mut self, error: Option<i32>) {
        self.accept.armed = false;
        self.accept.stopping = false;
        if error.is_some() {
            self.counters.accept_waits += 1;
            self.accept.retry_at = self.now + ACCEPT_RETRY_TICKS;
        }
    }

    #[inline]
    fn received(&mut self, token: Token, bytes: &[u8]) -> bool {
        let index = token.index();
        let Some(slot) = self.slots.live(index, token.generation()) else {
            self.counters.stale_completions += 1;
            return false;
        };
        if slot.flags.any(Flags::CLOSING | Flags::BROKEN) {
            // Discarded, so that closing does not reset the connection under its last answer.
            return true;
        }
        let waits = slot.waiting.is_for_handler();
        if slot.flags.any(Flags::BLOCKED) || waits {
            let cold = Self::cold(&mut self.counters, &mut self.buffers, slot);
            self.buffers.append(&mut cold.input, bytes);
            let held = slot.held();
            let more = !held && !slot.flags.any(Flags::BLOCKED);
            if held {
                self.mark_dirty(index);
            }
            return more;
        }
        self.feed(index, bytes);
        !self.slots[index].flags.any(Flags::BLOCKED)
    }

    fn descriptor(&mut self, token: Token) -> Option<RawFd> {
        let slot = self.slots.live(token.index(), token.generation())?;
        (!slot.flags.any(Flags::BROKEN)).then_some(slot.fd)
    }

    fn receive_ended(&mut self, token: Token, end: ReceiveEnd) {
        let index = token.index();
        let Some(slot) = self.slots.live(index, token.generation()) else {
            self.counters.stale_completions += 1;
            return;
        };
        slot.flags
            .clear(Flags::RECEIVING | Flags::PAUSING | Flags::BULK_ARMED);
        match end {
            ReceiveEnd::Eof => {
                slot.flags.set(Flags::PEER_EOF);
                let waiting = slot.waiting;
                if waiting.is_for_handler() || !slot.flags.any(Flags::BLOCKED) {
                    let flag = self.eof_means(waiting);
                    self.slots[index].flags.set(flag);
                }
            }
            ReceiveEnd::NoBuffers | ReceiveEnd::Paused => {
                self.counters.no_buffers += u64::from(end == ReceiveEnd::NoBuffers);
                self.unarmed.push_back((index, token.generation()));
            }
            ReceiveEnd::Broken => slot.flags.set(Flags::BROKEN),
        }
        self.mark_dirty(index);
    }

    fn sent(&mut self, token: Token, result: Result<usize, i32>) {
        let index = token.index();
        let Some(slot) = self.slots.live(index, token.generation()) else {
            self.counters.stale_completions += 1;
            return;
        };
        slot.flags.clear(Flags::SENDING);
        match (result, &mut slot.cold) {
            (Ok(taken), Some(cold)) => {
                cold.sent = (cold.sent + taken).min(cold.sending.len());
                self.counters.short_sends += u64::from(cold.sent < cold.sending.len());
            }
            _ => slot.flags.set(Flags::BROKEN),
        }
        if slot.flags.any(Flags::BLOCKED) {
            self.note_drained(index);
        }
        // Progress: a deadline that is due in this very turn is not.
        self.write_deadline(index);
        self.mark_dirty(index);
    }

    fn batch_send_failed(&mut self, token: Token, taken: Result<usize, i32>) {
        let index = token.index();
        let Some(slot) = self.slots.live(index, token.generation()) else {
            self.counters.stale_completions += 1;
            return;
        };
        match taken {
            Ok(taken) => {
                self.counters.short_sends += 1;
                // What was in flight, not this turn's range: a receive may have been reported before this.
                let fired = slot.fired.as_usize();
                let rest = &self.batches[usize::from(slot.fired_batch)][fired][taken..];
                let cold = Self::cold(&mut self.counters, &mut self.buffers, slot);
                self.buffers.prepend(&mut cold.queued, rest);
            }
            Err(_) => slot.flags.set(Flags::BROKEN),
        }
        self.mark_dirty(index);
    }

    fn writable(&mut self, token: Token) {
        if let Some(slot) = self.slots.live(token.index(), token.generation())
            && slot.flags.any(Flags::WANTS_WRITABLE)
        {
            slot.flags.clear(Flags::WANTS_WRITABLE);
            self.write_deadline(token.index());
            self.mark_dirty(token.index());
        }
    }

    fn stale(&mut self) {
        self.counters.stale_completions += 1;
    }

    fn woken(&mut self) {
        self.stop_asked = self.peers.stopping();
    }
}
