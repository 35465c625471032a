//! The open loop: requests fall due by the schedule, and go to connections that are free.

use super::Worker;
use crate::{
    clock::{self, NEVER, Nanos},
    conn::{Conn, flag},
    pending::Single,
    plan::Plan,
    rate::Schedule,
    record::OpenTally,
};
use std::collections::VecDeque;

/// Requests of one thread that may wait; those beyond are dropped, so that a rate out of reach does not take all memory.
pub(crate) const QUEUE_MAX: usize = 1 << 24;

/// What is due when, and what is free.
#[derive(Debug)]
pub(super) struct Pace {
    schedule: Schedule,
    /// Begin of the schedule, when it is known.
    origin: Nanos,
    /// When the next request is due.
    next: Nanos,
    /// Requests that are due and wait for a connection, by when they were due.
    queue: VecDeque<Nanos>,
    /// Connections that may be free; longest first, so that all are used alike.
    free: VecDeque<u32>,
    /// How long a request may wait.
    deadline: Nanos,
    /// Requests that may still fall due.
    left: u64,
}

impl Pace {
    /// The schedule of one thread, in an open loop.
    pub(super) fn new(plan: &Plan, thread: u32) -> Option<Self> {
        let deadline = plan.open.as_ref()?.deadline;
        Some(Self {
            schedule: plan.schedule(thread)?,
            origin: NEVER,
            next: NEVER,
            queue: VecDeque::new(),
            free: VecDeque::new(),
            deadline: deadline.map_or(NEVER, clock::nanos),
            left: u64::MAX,
        })
    }

    /// Lets the schedule begin when its time is known.
    pub(super) fn begin(&mut self, origin: Nanos) {
        if self.origin == NEVER && origin != NEVER {
            self.origin = origin;
            self.advance();
        }
    }

    fn advance(&mut self) {
        let next = self.schedule.next().filter(|_| self.left > 0);
        self.next = next.map_or(NEVER, |after| self.origin.saturating_add(after));
    }

    /// Moves what is due at `until` to the queue; it is `now`.
    pub(super) fn collect(&mut self, until: Nanos, now: Nanos, tally: &mut OpenTally) {
        while self.next <= until {
            tally.due += 1;
            tally.lag.record(now.saturating_sub(self.next), 1);
            if self.queue.len() < QUEUE_MAX {
                self.queue.push_back(self.next);
            } else {
                tally.shed += 1;
            }
            self.left -= 1;
            self.advance();
        }
    }

    /// Drops what has waited for too long.
    fn shed(&mut self, now: Nanos, tally: &mut OpenTally) -> usize {
        let mut dropped = 0;
        while let Some(due) = self.queue.front()
            && now.saturating_sub(*due) > self.deadline
        {
            self.queue.pop_front();
            tally.shed += 1;
            dropped += 1;
        }
        dropped
    }

    /// A connection may be free from now on.
    #[inline]
    pub(super) fn offer(&mut self, conn: &mut Conn, index: u32, plan: &Plan) {
        if !conn.has(flag::FREE) && conn.is_free(plan) {
            conn.flags |= flag::FREE;
            self.free.push_back(index);
        }
    }

    /// Requests that were given to a connection and not sent, the latest first.
    pub(super) fn take_back(&mut self, requests: impl Iterator<Item = Single>) {
        for request in requests {
            self.queue.push_front(request.due);
        }
    }

    /// The connection whose turn it is.
    fn next_free(&mut self, conns: &mut [Conn], plan: &Plan) -> Option<u32> {
        while let Some(index) = self.free.pop_front() {
            let conn = &mut conns[index as usize];
            if conn.is_free(plan) {
                return Some(index);
            }
            conn.flags &= !flag::FREE;
        }
        None
    }

    /// No more than `count` requests fall due from now on.
    pub(super) fn limit(&mut self, count: u64) {
        self.left = count;
        if count == 0 {
            self.next = NEVER;
        }
    }

    /// Whether nothing falls due any more.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// When the next request is due.
    pub(super) fn next_due(&self) -> Nanos {
        self.next
    }

    /// Requests that are due and not given to a connection.
    pub(super) fn queued(&self) -> u64 {
        self.queue.len() as u64
    }
}

impl Worker<'_> {
    /// Gives what is due to connections that are free, as far as there are any.
    pub(super) fn dispatch(&mut self) {
        let Some(mut pace) = self.pace.take() else {
            return;
        };
        pace.begin(self.control.origin());
        // What is due behind a border of the run counts behind it, so it waits until that was noticed.
        let now = clock::now();
        let until = now.min(self.next_border().saturating_sub(1));
        if let Some(tally) = &mut self.record.tally.open
            && !self.stages.is_draining()
        {
            let mut waiting = pace.queue.len();
            pace.collect(until, now, tally);
            waiting -= pace.shed(now, tally).min(waiting);
            while !pace.queue.is_empty()
                && let Some(index) = pace.next_free(&mut self.conns, self.plan)
                && let Some(due) = pace.queue.pop_front()
            {
                tally.longest_wait = tally.longest_wait.max(now.saturating_sub(due));
                if waiting > 0 {
                    waiting -= 1;
                    tally.waited += 1;
                }
                let conn = &mut self.conns[index as usize];
                let template = if self.mixes {
                    let cold = &mut self.cold[index as usize];
                    self.plan.rotation.next(&mut cold.turn, &mut cold.rng)
                } else {
                    conn.template
                };
                if let Some(pending) = &mut conn.pending {
                    pending.add(due, template);
                }
                conn.flags &= !flag::FREE;
                pace.offer(conn, index, self.plan);
                Self::touch(conn, &mut self.touched, index);
            }
        }
        self.pace = Some(pace);
        let mut touched = std::mem::take(&mut self.touched);
        for index in touched.drain(..) {
            self.conns[index as usize].flags &= !flag::TOUCHED;
            self.send(index, now);
            self.offer(index);
        }
        self.touched = touched;
    }

    /// Lets a connection be used for what is due, in an open loop.
    #[inline]
    pub(super) fn offer(&mut self, index: u32) {
        if let Some(pace) = &mut self.pace {
            pace.offer(&mut self.conns[index as usize], index, self.plan);
        }
    }
}
