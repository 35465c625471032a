//! What each event of the engine does to the state.

use super::Core;
use crate::{
    connection::Protocol,
    engine::{ReceiveEnd, Sink},
    reactor::{host::Host, slot::Flags, timers::TICK_MILLIS},
};
use std::os::fd::RawFd;
use sws_ring::Token;

/// How long accepting waits when there are no descriptors.
const ACCEPT_RETRY_TICKS: u32 = 1;

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
