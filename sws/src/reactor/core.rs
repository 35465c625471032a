//! The reactor's state: connections, deadlines, the output of a turn. Nothing here submits.

mod deadlines;
mod events;
mod flow;
mod sink;
mod stop;

use self::deadlines::Timeouts;
use super::{
    CLOCK_SLACK_MILLIS,
    buffers::Buffers,
    host::{Host, Os},
    slot::{Flags, Range},
    slots::Slots,
    timers::{Entry, TICK_MILLIS, Wheel},
};
use crate::{
    Config,
    connection::{ConnId, Protocol},
    counters::Counters,
    peers::Peers,
};
use std::{collections::VecDeque, os::fd::RawFd, sync::Arc, time::Duration};

/// What a batch buffer keeps of its memory from turn to turn.
const BATCH_KEEP_BYTES: usize = 512 * 1024;
/// Once a stop is asked for: how long a connection that has not said anything yet may still do so, how long the rest of a
/// head may take, and a peer's FIN after ours.
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
            timeouts: Timeouts::new(config),
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
