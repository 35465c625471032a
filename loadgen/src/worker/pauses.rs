//! What happens at certain instants beside a schedule: connections that think, connects at a rate.

use super::{TICK, Worker};
use crate::{
    clock::{self, NEVER, Nanos},
    conn::{Conn, flag},
    plan::Plan,
    rng::Rng,
    timers::{Due, Timers},
};
use std::{io, time::Duration};

/// A wait shorter than this is not worth a sleep, which takes about as long itself.
const SPIN: Nanos = 3_000;
/// A connect that is later than this is not made up for: connects would come in bursts.
const CATCH_UP_MAX: Nanos = 10_000_000;

/// What waits for its time.
#[derive(Debug)]
pub(super) struct Pauses {
    /// Shortest and longest pause before a request.
    think: Option<(Nanos, Nanos)>,
    thinking: Timers,
    /// Time between connects.
    gap: Nanos,
    /// How far the connects of this thread are behind those of the first.
    offset: Nanos,
    /// When the next connection may be opened; 0 before the first.
    next_open: Nanos,
}

impl Pauses {
    /// Of one thread, when there are any.
    pub(super) fn new(plan: &Plan, thread: u32) -> Option<Self> {
        if plan.think.is_none() && plan.connect_gap.is_none() {
            return None;
        }
        let gap = clock::nanos(plan.connect_gap.unwrap_or_default());
        Some(Self {
            think: plan
                .think
                .map(|(min, max)| (clock::nanos(min), clock::nanos(max))),
            thinking: Timers::default(),
            gap: gap * Nanos::from(plan.threads),
            offset: gap * Nanos::from(thread),
            next_open: 0,
        })
    }

    /// Whether a connection has thought before the batch that it is about to send. If not it begins to, once the
    /// last batch is answered.
    pub(super) fn may_send(
        &mut self,
        conn: &mut Conn,
        index: u32,
        rng: &mut Rng,
        now: Nanos,
    ) -> bool {
        let Some((min, max)) = self.think else {
            return true;
        };
        if conn.has(flag::HAS_THOUGHT) || conn.requests == 0 {
            conn.flags &= !flag::HAS_THOUGHT;
            return true;
        }
        if conn.in_flight.count() == 0 && !conn.has(flag::THINKING) {
            conn.flags |= flag::THINKING;
            self.thinking.add(Due {
                at: now + rng.between(min, max),
                index,
                generation: conn.generation,
            });
        }
        false
    }

    /// Whether a connection may be opened now; if so it is counted.
    pub(super) fn may_open(&mut self, now: Nanos) -> bool {
        if self.next_open == 0 {
            self.next_open = now + self.offset;
        }
        if now < self.next_open {
            return false;
        }
        let earliest = now.saturating_sub(CATCH_UP_MAX);
        self.next_open = self.next_open.max(earliest) + self.gap;
        true
    }
}

impl Worker<'_> {
    /// Enters the ring until something completes or happens by the clock.
    pub(super) fn wait_precisely(&mut self) -> io::Result<()> {
        let mut next = NEVER;
        if !self.stages.is_draining() {
            if let Some(pace) = &self.pace {
                next = next.min(pace.next_due());
            }
            if let Some(pauses) = &self.pauses {
                next = next.min(pauses.thinking.next().unwrap_or(NEVER));
                if !self.to_open.is_empty() {
                    next = next.min(pauses.next_open);
                }
            }
        }
        let now = clock::now();
        if next <= now + SPIN {
            return self.ring.enter(0, None);
        }
        let until = next.min(now + clock::nanos(TICK));
        self.ring.enter_until(1, Duration::from_nanos(until))
    }

    /// Looks at connections that have thought for long enough.
    #[inline]
    pub(super) fn wake_thinkers(&mut self) {
        let Some(pauses) = &mut self.pauses else {
            return;
        };
        let now = clock::now();
        while let Some(due) = pauses.thinking.pop(now) {
            let conn = &mut self.conns[due.index as usize];
            if conn.generation == due.generation {
                conn.flags &= !flag::THINKING;
                conn.flags |= flag::HAS_THOUGHT;
                Self::touch(conn, &mut self.touched, due.index);
            }
        }
    }
}
