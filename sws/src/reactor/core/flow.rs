//! Input to the protocol and output from it: what is left over, what is held back, what goes on.

use super::Core;
use crate::{
    connection::{ConnId, ConnRef, Next, Progress, Protocol},
    counters::Counters,
    reactor::{
        buffers::Buffers,
        host::Host,
        slot::{Cold, Flags, Range, Slot, Waiting},
    },
};

/// An answer longer than this is sent from the connection's own memory, so that a batch buffer stays small.
const BATCH_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Answers that begin beyond this in a batch buffer go to their connections' own memory, which also keeps positions
/// within 32 bits.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

impl<P: Protocol, H: Host> Core<P, H> {
    #[inline]
    pub(super) fn conn_ref(slot: &Slot<P::Conn>, index: u32) -> ConnRef {
        ConnRef {
            id: ConnId::new(index, slot.generation),
            fd: slot.fd,
            unsent: slot.unsent() + slot.range.len as usize,
        }
    }

    /// Memory of the connection for what is left over.
    pub(super) fn cold<'s>(
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
    pub(in crate::reactor) fn queue(&mut self, index: u32, range: Range, skip: usize) {
        let slot = &mut self.slots[index];
        let cold = Self::cold(&mut self.counters, &mut self.buffers, slot);
        let output = &self.batches[self.current][range.as_usize()];
        self.buffers.append(&mut cold.queued, &output[skip..]);
    }

    /// Gives the memory back once nothing is left over.
    #[inline]
    pub(in crate::reactor) fn drop_empty_cold(&mut self, index: u32) {
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
    pub(super) fn feed(&mut self, index: u32, bytes: &[u8]) {
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
    pub(super) fn proceed(&mut self, index: u32, progress: Progress) {
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
    pub(super) fn break_off(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        self.host.reset(slot.fd);
        slot.flags.set(Flags::BROKEN);
    }

    /// What becomes of a connection that waits for this and has heard the peer's last byte.
    pub(super) fn eof_means(&self, waiting: Waiting) -> Flags {
        match waiting {
            Waiting::Answer | Waiting::Reader if self.half_close => Flags::default(),
            // Nobody waits for the answer; those before it may still be on their way.
            _ => Flags::CLOSING,
        }
    }

    /// Notes what the protocol appended to the batch from `start` on as this connection's. It stays in the batch
    /// if it can go out from there in one piece and in order, else it moves to the connection's own memory.
    #[inline]
    pub(super) fn take_output(&mut self, index: u32, start: usize) {
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
    pub(in crate::reactor) fn note_drained(&mut self, index: u32) -> bool {
        let slot = &mut self.slots[index];
        let drained = slot.unsent() < self.high_water / 2;
        if drained && !slot.flags.any(Flags::RESUMABLE) {
            slot.flags.set(Flags::RESUMABLE);
            self.resumable.push_back((index, slot.generation));
        }
        drained
    }

    /// Goes on with connections whose output has drained. What they say goes out with this turn's sends.
    pub(in crate::reactor) fn resume_drained(&mut self) {
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
