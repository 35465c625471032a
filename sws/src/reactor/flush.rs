//! The end of a turn for one connection: send, pause, resume, close.
//!
//! The only place that gives the kernel memory to send from. Batch memory stays as it is until the next turn is over:
//! nothing is added to it once this stage has begun ([`Core::seal`](super::Core::seal); an addition could move all of it), and
//! [`Core::flip`](super::Core::flip) changes between two buffers. A connection's own memory stays as it is while
//! [`Flags::SENDING`] holds because nothing else touches `sending`, and the slot is not freed before the flag is
//! cleared by the completion.

use super::{
    Host, Reactor,
    slot::{Flags, Range},
};
use crate::{
    connection::Protocol,
    engine::{Engine, Sent},
};

impl<E: Engine, P: Protocol, H: Host> Reactor<E, P, H> {
    pub(super) fn flush_slot(&mut self, index: u32) {
        let slot = &mut self.core.slots[index];
        slot.flags.clear(Flags::DIRTY);
        if slot.fd < 0 {
            return;
        }
        let broken = slot.flags.any(Flags::BROKEN);
        let sent_from_batch = !broken && self.send(index);
        if self.core.slots[index].flags.any(Flags::BROKEN) {
            self.break_down(index);
            return;
        }
        let slot = &self.core.slots[index];
        if slot.flags.any(Flags::CLOSING) {
            if !slot.flags.any(Flags::SENDING) && slot.unsent() == 0 {
                self.finish(index);
            }
            return;
        }
        if slot.flags.any(Flags::BLOCKED) {
            self.hold_back(index);
        } else if slot.held() {
            self.core.watch_held(index);
            self.pause(index);
        } else if slot.flags.any(Flags::BULK) {
            self.change_to_bulk(index);
        }
        if self.core.slots[index].cold.is_some() {
            self.core.drop_empty_cold(index);
        }
        if self.core.draining() {
            self.close_if_idle(index, sent_from_batch);
        }
    }

    /// While stopping, a connection closes as soon as it owes nothing. What was sent from the batch in this turn is
    /// with the kernel only after the next enter, and a FIN must not overtake it.
    fn close_if_idle(&mut self, index: u32, sent_from_batch: bool) {
        if self.core.close_when_idle(index) {
            if sent_from_batch {
                self.core.mark_dirty(index);
            } else {
                self.finish(index);
            }
        }
    }

    /// Sends what there is to send. Says whether any of it went out from the batch.
    #[inline]
    fn send(&mut self, index: u32) -> bool {
        let slot = &mut self.core.slots[index];
        let range = std::mem::take(&mut slot.range);
        let waiting = slot.flags.any(Flags::SENDING | Flags::WANTS_WRITABLE);
        if range.len > 0 {
            // The last answer of a connection goes out tracked: its completion is what the FIN waits for.
            let plain = slot.cold.is_none() || slot.unsent() == 0;
            if plain && !waiting && !slot.flags.any(Flags::CLOSING) {
                self.send_from_batch(index, range);
                return true;
            }
            self.core.queue(index, range, 0);
        }
        if !waiting {
            self.send_owned(index);
        }
        false
    }

    #[inline]
    fn send_from_batch(&mut self, index: u32, range: Range) {
        let batch = self.core.current_batch();
        let data = self.core.batch(range).as_ptr();
        let slot = &mut self.core.slots[index];
        // SAFETY: the batch is sealed: neither written nor freed until the turn after the next one begins (`Core::flip`).
        match unsafe {
            self.engine
                .send_batch(slot.fd, slot.token(index), data, range.len)
        } {
            Sent::Fired | Sent::InFlight => {
                slot.fired = range;
                slot.fired_batch = batch;
            }
            Sent::Taken(taken) if taken < range.len as usize => {
                slot.flags.set(Flags::WANTS_WRITABLE);
                self.core.counters.short_sends += 1;
                self.core.queue(index, range, taken);
                self.core.write_deadline(index);
            }
            Sent::Taken(_) => {}
            Sent::Broken => slot.flags.set(Flags::BROKEN),
        }
    }

    /// Sends from the connection's own memory until it is in flight, all gone, or the socket is full.
    fn send_owned(&mut self, index: u32) {
        loop {
            let slot = &mut self.core.slots[index];
            let (fd, token) = (slot.fd, slot.token(index));
            let Some(cold) = &mut slot.cold else { return };
            if cold.sent == cold.sending.len() {
                let sent_any = cold.sent > 0;
                let queued = std::mem::take(&mut cold.queued);
                self.core
                    .buffers
                    .give(std::mem::replace(&mut cold.sending, queued));
                cold.sent = 0;
                if cold.sending.is_empty() {
                    // Not when there was nothing to send: that would give a late head more time.
                    if sent_any {
                        self.core.all_sent(index);
                    }
                    return;
                }
            }
            let rest = &cold.sending[cold.sent..];
            let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            // SAFETY: `sending` is not touched while SENDING holds, and the slot is kept until then.
            match unsafe { self.engine.send_owned(fd, token, rest.as_ptr(), len) } {
                Sent::InFlight | Sent::Fired => {
                    slot.flags.set(Flags::SENDING);
                    self.core.write_deadline(index);
                    return;
                }
                Sent::Taken(taken) => {
                    cold.sent += taken;
                    if cold.sent < cold.sending.len() {
                        slot.flags.set(Flags::WANTS_WRITABLE);
                        self.core.counters.short_sends += 1;
                        self.core.write_deadline(index);
                        return;
                    }
                }
                Sent::Broken => {
                    slot.flags.set(Flags::BROKEN);
                    return;
                }
            }
        }
    }

    /// Stops receiving while too much is unsent; goes on when half of it is gone.
    fn hold_back(&mut self, index: u32) {
        if !self.core.note_drained(index) {
            self.pause(index);
        }
    }

    fn pause(&mut self, index: u32) {
        let slot = &mut self.core.slots[index];
        if slot.flags.any(Flags::RECEIVING) && !slot.flags.any(Flags::PAUSING) {
            slot.flags.set(Flags::PAUSING);
            let bulk = slot.flags.any(Flags::BULK_ARMED);
            self.engine.pause_receive(slot.fd, slot.token(index), bulk);
        }
    }

    /// Ends the usual receive when a long body is to come; the receive for large pieces is armed in its place.
    fn change_to_bulk(&mut self, index: u32) {
        let slot = &mut self.core.slots[index];
        let settled =
            slot.flags.any(Flags::RECEIVING) && !slot.flags.any(Flags::BULK_ARMED | Flags::PAUSING);
        if E::BULK && settled {
            slot.flags.set(Flags::PAUSING);
            self.engine.pause_receive(slot.fd, slot.token(index), false);
        }
    }

    /// Everything owed is sent: close at once if the peer has said its last, else send FIN and wait for its own.
    fn finish(&mut self, index: u32) {
        let slot = &mut self.core.slots[index];
        if slot.flags.any(Flags::PEER_EOF) && !slot.flags.any(Flags::RECEIVING) {
            self.core.release(index);
            return;
        }
        if slot.flags.any(Flags::FIN_SENT) {
            return;
        }
        slot.flags.set(Flags::FIN_SENT);
        // A receive that is armed holds the socket open: close(2) alone would send nothing.
        if self.core.host.shutdown_write(slot.fd).is_err() {
            slot.flags.set(Flags::BROKEN);
            self.break_down(index);
            return;
        }
        if !slot.flags.any(Flags::RECEIVING) {
            self.core.unarmed.push_back((index, slot.generation));
        }
        self.core.linger_deadline(index);
        self.core.drop_empty_cold(index);
    }

    /// Gives the connection up. Its slot is freed when the last completion is in.
    fn break_down(&mut self, index: u32) {
        let slot = &mut self.core.slots[index];
        slot.range = Range::default();
        if !slot.flags.any(Flags::RECEIVING | Flags::SENDING) {
            self.core.release(index);
        } else if !slot.flags.any(Flags::SHUT) {
            slot.flags.set(Flags::SHUT);
            // It fails only on a connection that is gone, whose completions come by themselves.
            let _ = self.core.host.shutdown_both(slot.fd);
        }
    }
}
