//! What the protocol does by itself, and what that means for connections.

use super::Core;
use crate::{
    connection::{ConnId, Next, Progress, Protocol},
    reactor::{
        host::Host,
        slot::{Flags, Waiting},
    },
};

/// Room for events that is kept from turn to turn.
const EVENTS_KEPT: usize = 8192;

impl<P: Protocol, H: Host> Core<P, H> {
    /// Runs the protocol's own work, and tells connections what it means for them.
    pub(in crate::reactor) fn run_protocol(&mut self) {
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
}
