//! One event loop: the order of a turn, and nothing of any protocol.
//!
//! A turn: enter once and hear what happened ([`core`]) → deadlines → blocked connections that have drained → sends,
//! one for each connection that has something to say → receives to be armed again → hand-overs. What a stage
//! leaves over waits for the next turn, so no stage starves another. Nothing writes to the batch buffer once the sends
//! have begun: from then on the kernel reads it.

mod buffers;
mod core;
mod flush;
mod host;
mod slot;
mod slots;
mod timers;

pub(crate) use self::{
    core::Core,
    host::{Host, Os},
    slot::{CONN_HOT_BYTES, Waiting},
};

use self::slot::Flags;
use crate::{connection::Protocol, engine::Engine};
use std::{io, time::Duration};

/// Connections that start or start again to receive in one turn: fewer than there are buffers, because a
/// receive that finds data takes its buffer while it is being armed.
const ARMS_PER_TURN: usize = 64;
/// The longest timeout, about six years: added to any present tick it fits.
const TICKS_MAX: u32 = u32::MAX / 2;
/// How much later than its tick a timeout is waited for, because the coarse clock may be one kernel tick behind.
const CLOCK_SLACK_MILLIS: u64 = 10;

/// An engine and the connections on it.
pub(crate) struct Reactor<E, P: Protocol, H: Host = Os> {
    // Dropped first: the core holds the memory that the engine's operations point into, and their descriptors.
    engine: E,
    core: Core<P, H>,
    /// The list of dirty slots that is not in use, kept for its memory.
    spare: Vec<u32>,
}

impl<E: Engine, P: Protocol, H: Host> Reactor<E, P, H> {
    pub(crate) fn new(engine: E, mut core: Core<P, H>) -> Self {
        core.can_send_batch = engine.can_send_batch();
        Self {
            engine,
            core,
            spare: Vec::new(),
        }
    }

    /// Serves until a stop is asked for and every connection is closed or out of time.
    pub(crate) fn run(mut self) -> io::Result<()> {
        self.arm_accept();
        while !self.core.finished() {
            let timeout = self.core.timeout();
            self.core.flip();
            self.engine.turn(&mut self.core, timeout)?;
            self.core.expire();
            self.core.run_protocol();
            self.stop_stage();
            self.core.resume_drained();
            self.flush();
            self.arm_receives();
            self.accept_stage();
            self.publish();
        }
        self.publish();
        Ok(())
    }

    fn flush(&mut self) {
        self.core.seal();
        let spare = std::mem::take(&mut self.spare);
        let mut dirty = std::mem::replace(&mut self.core.dirty, spare);
        for index in dirty.drain(..) {
            self.flush_slot(index);
        }
        self.spare = dirty;
    }

    fn arm_receives(&mut self) {
        for _ in 0..self.core.unarmed.len().min(ARMS_PER_TURN) {
            let Some((index, generation)) = self.core.unarmed.pop_front() else {
                break;
            };
            let Some(slot) = self.core.slots.live(index, generation) else {
                continue;
            };
            let busy = Flags::RECEIVING | Flags::PEER_EOF | Flags::BROKEN;
            if slot.flags.any(busy)
                || ((slot.flags.any(Flags::BLOCKED) || slot.held())
                    && !slot.flags.any(Flags::CLOSING))
            {
                continue;
            }
            let (fd, token) = (slot.fd, slot.token(index));
            if slot.flags.any(Flags::ATTACHED) {
                slot.flags.set(Flags::RECEIVING);
                if slot.flags.any(Flags::BULK) && !slot.flags.any(Flags::CLOSING) {
                    slot.flags.set(Flags::BULK_ARMED);
                    self.engine.arm_bulk_receive(fd, token);
                } else {
                    self.engine.arm_receive(fd, token);
                }
            } else if self.engine.attach(fd, token).is_ok() {
                slot.flags.set(Flags::RECEIVING | Flags::ATTACHED);
            } else {
                slot.flags.set(Flags::BROKEN);
                self.core.mark_dirty(index);
            }
        }
    }

    fn arm_accept(&mut self) {
        self.core.accept.armed = true;
        self.engine.arm_accept();
    }

    fn accept_stage(&mut self) {
        self.core.place_waiting();
        for (fd, target) in std::mem::take(&mut self.core.hand_overs) {
            self.engine.hand_over(fd, target);
        }
        if self.core.accept_may_be_armed() {
            self.arm_accept();
        } else if self.core.accept_should_stop() {
            self.core.accept.stopping = true;
            self.engine.disarm_accept();
        }
    }

    /// The listener goes when nothing is accepting on it any more; what waits in its backlog is served.
    fn stop_stage(&mut self) {
        self.core.start_drain();
        if self.core.listener_may_close() {
            self.core.listener_closed = true;
            for fd in self.engine.close_listener() {
                self.core.adopt_backlog(fd);
            }
        }
    }

    fn publish(&mut self) {
        let (total, leased) = self.engine.buffers();
        self.core.publish(total, leased);
    }
}

/// Ticks that a duration takes at most: one more than it is long, because the tick that it begins in is partly over.
fn ticks(duration: Duration) -> u32 {
    let ticks = duration
        .as_millis()
        .div_ceil(u128::from(timers::TICK_MILLIS));
    u32::try_from(ticks).map_or(TICKS_MAX, |ticks| ticks.saturating_add(1).min(TICKS_MAX))
}

#[cfg(test)]
mod tests;
