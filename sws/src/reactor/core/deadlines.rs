//! What is waited for and for how long, and what happens when that is over.

use super::{Core, DRAIN_GRACE_TICKS};
use crate::{
    Config,
    connection::{Next, Protocol},
    reactor::{
        TICKS_MAX,
        host::Host,
        slot::{Flags, Waiting},
        ticks,
    },
};
use std::time::Duration;

/// How often it is looked whether a peer is still there for which there is no deadline, and one whose input is held back.
const LOOK_TICKS: u32 = 50;
const HELD_LOOK_TICKS: u32 = 10;

/// How long a peer may take to close after our FIN.
const LINGER: Duration = Duration::from_secs(5);

/// Timeouts in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) idle: u32,
    head: u32,
    body: u32,
    write: u32,
    linger: u32,
    pub(super) shutdown: u32,
    answer: u32,
    socket: u32,
}

impl Timeouts {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            idle: ticks(config.idle_timeout),
            head: ticks(config.head_timeout),
            body: ticks(config.body_timeout),
            write: ticks(config.write_timeout),
            linger: ticks(LINGER),
            shutdown: ticks(config.shutdown_timeout),
            answer: config.handler_timeout.map_or(TICKS_MAX, ticks),
            socket: config.websocket_ping_interval.map_or(TICKS_MAX, ticks),
        }
    }
}

impl<P: Protocol, H: Host> Core<P, H> {
    pub(super) fn set_deadline(&mut self, index: u32, ticks: u32) {
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
    pub(super) fn wait_for(&mut self, index: u32, waiting: Waiting, moved: bool) {
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
            Waiting::Head => self.hurried(self.timeouts.head),
            Waiting::Body | Waiting::Bulk => self.timeouts.body,
            _ if self.is_endless(waiting) => LOOK_TICKS,
            Waiting::Answer | Waiting::Reader => self.timeouts.answer,
            Waiting::Socket => self.timeouts.socket,
        }
    }

    /// Looks for progress twice in a write timeout, so that a stuck peer is found between one and one and a half.
    pub(in crate::reactor) fn write_deadline(&mut self, index: u32) {
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

    pub(in crate::reactor) fn linger_deadline(&mut self, index: u32) {
        self.set_deadline(index, self.hurried(self.timeouts.linger));
    }

    /// A stop does not wait long for peers to whom nothing is owed: for the rest of a head, or for their FIN.
    fn hurried(&self, ticks: u32) -> u32 {
        if self.draining() {
            ticks.min(DRAIN_GRACE_TICKS)
        } else {
            ticks
        }
    }

    /// The same for one that is waited for already.
    pub(super) fn hurry(&mut self, index: u32) {
        let left = self.slots[index].deadline.saturating_sub(self.now);
        self.set_deadline(index, self.hurried(left));
    }

    /// Back to the protocol's own deadline when everything is sent.
    pub(in crate::reactor) fn all_sent(&mut self, index: u32) {
        let patience = self.patience(self.slots[index].waiting);
        self.set_deadline(index, patience);
    }

    pub(in crate::reactor) fn expire(&mut self) {
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
    pub(in crate::reactor) fn watch_held(&mut self, index: u32) {
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
}
