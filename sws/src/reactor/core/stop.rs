//! A graceful stop: who says goodbye, who may finish, who has run out of time.

use super::Core;
use crate::{
    connection::Protocol,
    reactor::{
        host::Host,
        slot::{Flags, Waiting},
    },
};

impl<P: Protocol, H: Host> Core<P, H> {
    /// Begins a graceful stop if one was asked for: after a turn's events, so that requests among them are answered.
    pub(in crate::reactor) fn start_drain(&mut self) {
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
            } else if self.idle(index) || self.owed_nothing(index) {
                self.hurry(index);
            }
        }
    }

    /// In the midst of a head, which is no request yet, or of closing.
    fn owed_nothing(&self, index: u32) -> bool {
        let slot = &self.slots[index];
        let busy = Flags::SENDING | Flags::WANTS_WRITABLE | Flags::BLOCKED | Flags::CLOSING;
        let begun = slot.waiting == Waiting::Head && slot.unsent() == 0 && !slot.flags.any(busy);
        begun || slot.flags.any(Flags::FIN_SENT)
    }

    pub(in crate::reactor) fn draining(&self) -> bool {
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
    pub(in crate::reactor) fn close_when_idle(&mut self, index: u32) -> bool {
        let close = self.idle(index) && self.slots[index].flags.any(Flags::SERVED);
        if close {
            self.slots[index].flags.set(Flags::CLOSING);
        }
        close
    }

    pub(super) fn break_all(&mut self) {
        for index in self.slots.live_indexes() {
            self.slots[index].flags.set(Flags::BROKEN);
            self.mark_dirty(index);
        }
    }
}
