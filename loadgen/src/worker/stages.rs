//! Warm-up, window, drain: what is counted where, and the end.

use super::{OPERATIONS, TICK, Worker, kind, lifecycle::reset_on_close};
use crate::{
    books::Ledger,
    checks::Checked,
    clock::{self, Nanos},
    conn::{Phase, flag},
    error::Failure,
    histogram::Packed,
    hold, raw_log,
    record::Tally,
    slots::Slots,
    tls,
    trouble::Trouble,
    windows::{Window, Windows},
};
use std::{mem, time::Duration};
use sws_ring::{Token, op, sys};

/// How long to listen after the last answer that is owed. A server that answers more often than it is asked
/// has the rest of its answers still to send.
const LISTEN: Duration = Duration::from_millis(50);
/// A connection that owes an answer and has been silent for this long when the run is over did not just run
/// out of time. Only of use where the timeout is longer than the run.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);
/// How long to wait for the last operations to end before their memory is given up instead of freed.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Warmup,
    Window,
    Drain,
}

/// Where in the run a worker is, and what it has put away of the parts that are over.
#[derive(Debug, Default)]
pub(super) struct Stages {
    stage: Stage,
    ledger: Ledger,
    window: Option<Tally>,
    windows: Windows,
    cpu: CpuUse,
    hold: hold::Tally,
    slots: Slots,
    /// When the last answer that is owed had come.
    settled_at: Option<Nanos>,
}

impl Stages {
    /// Whether nothing is sent any more.
    #[inline]
    pub(super) fn is_draining(&self) -> bool {
        self.stage == Stage::Drain
    }

    /// While the window is under way.
    pub(super) fn cpu_at_begin(&self) -> CpuUse {
        self.cpu
    }

    /// Of the window that ended last.
    pub(super) fn last_latencies(&self) -> Option<&Packed> {
        self.windows.last_latencies()
    }
}

/// CPU time of a thread over the window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuUse {
    pub user: Duration,
    pub system: Duration,
    /// Time that passed.
    pub wall: Duration,
}

impl CpuUse {
    /// A reading of the clocks now; two of them make a use.
    pub(super) fn reading(now: Nanos) -> Self {
        let (user, system) = sys::thread_cpu_time();
        Self {
            user,
            system,
            wall: Duration::from_nanos(now),
        }
    }

    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            wall: self.wall.saturating_sub(earlier.wall),
        }
    }

    /// Part of the time that the thread was on a CPU.
    pub(crate) fn busy(&self) -> f64 {
        let wall = self.wall.as_secs_f64();
        if wall > 0.0 {
            (self.user + self.system).as_secs_f64() / wall
        } else {
            0.0
        }
    }
}

/// What one thread brings home.
#[derive(Debug)]
pub(crate) struct WorkerReport {
    pub ledger: Ledger,
    /// The window.
    pub tally: Tally,
    /// The window in parts.
    pub windows: Vec<Window>,
    /// The whole run.
    pub trouble: Trouble,
    pub tls: Option<Box<tls::Tally>>,
    pub cpu: CpuUse,
    pub hold: hold::Tally,
    /// The window.
    pub slots: Slots,
    /// Connections that have been up at least once.
    pub connected: usize,
    /// Connections that had been silent for [`SILENCE`] when the run was over.
    pub silent: usize,
    /// Completions that the kernel had no memory for.
    pub dropped: u32,
    /// Turns in which completions waited in the kernel's overflow list.
    pub overflows: u64,
}

impl Worker<'_> {
    /// Moves on to the part of the run that `now` belongs to. Called before the completions of a batch are
    /// looked at, so an answer counts where the time of its batch falls.
    #[inline]
    pub(super) fn change_stage(&mut self, now: Nanos) {
        let due = match self.stages.stage {
            Stage::Warmup => self.control.start(),
            Stage::Window => self.control.end(),
            Stage::Drain => return,
        };
        if now >= due {
            self.next_stage(now);
        } else if now >= self.stages.windows.due() {
            self.stages.windows.turn(now, &mut self.record);
            self.publish(now);
        }
    }

    /// When the part of the run that is under way ends, as far as that is known.
    pub(super) fn next_border(&self) -> Nanos {
        match self.stages.stage {
            Stage::Warmup => self.control.start(),
            Stage::Window => self.control.end(),
            Stage::Drain => clock::NEVER,
        }
    }

    #[cold]
    fn next_stage(&mut self, now: Nanos) {
        let border = self.next_border();
        if let (Some(pace), Some(open)) = (&mut self.pace, &mut self.record.tally.open) {
            // This thread may not have run since the schedule was announced.
            pace.begin(self.control.origin());
            pace.collect(border.saturating_sub(1), now, open);
        }
        let in_flight = self.in_flight();
        let queued = self.queued();
        let age = self.age(now);
        let up = self.up();
        let books = mem::take(&mut self.record.books);
        let stages = &mut self.stages;
        if stages.stage == Stage::Warmup {
            stages.stage = Stage::Window;
            self.record.enter(raw_log::Phase::Window);
            stages.ledger.warmup = books;
            stages.ledger.in_flight_at_start = in_flight;
            stages.ledger.queued_at_start = queued;
            stages.hold.up_at_start = up;
            stages.cpu = CpuUse::reading(now);
            self.record.tally.clear();
            self.slots.begin(now, age);
            self.record.checker.part = Checked::default();
            stages.windows.begin(self.control.start());
            self.begin_budget();
            // The window may be over already (interrupted, or this thread did not run for its length).
            self.change_stage(now);
        } else {
            stages.stage = Stage::Drain;
            self.record.enter(raw_log::Phase::Drain);
            let tally = &mut self.record.tally;
            tally.checked = self.record.checker.part;
            stages
                .windows
                .finish(&books, tally.bytes, tally.headline_mut());
            stages.ledger.window = books;
            stages.ledger.in_flight_at_end = in_flight;
            stages.ledger.queued_at_end = queued;
            stages.hold.up_at_end = up;
            stages.cpu = CpuUse::reading(now).since(stages.cpu);
            stages.window = Some(self.record.tally.clone());
            let up = self.cold.iter().map(|cold| cold.up_since);
            self.slots.end(now, age, up);
            stages.slots = self.slots;
        }
    }

    /// The requests of the window may be sent, when they are limited.
    fn begin_budget(&mut self) {
        let Some(budget) = self.window_budget else {
            return;
        };
        self.budget = budget;
        if let Some(pace) = &mut self.pace {
            pace.limit(budget);
            // Those that fall due are counted, and what was due before is not theirs.
            self.budget = u64::MAX;
        }
        for (index, conn) in (0u32..).zip(&mut self.conns) {
            Self::touch(conn, &mut self.touched, index);
        }
    }

    /// Says so, once, when every request of the window has ended.
    #[cold]
    pub(super) fn look_for_the_end(&mut self, now: Nanos) {
        let is_spent = match &self.pace {
            Some(pace) => pace.is_spent(),
            None => self.budget == 0,
        };
        if self.is_done || !is_spent || self.stages.stage != Stage::Window {
            return;
        }
        let ledger = &self.stages.ledger;
        let books = &self.record.books;
        if ledger.in_flight_at_start + books.sent == books.ended() && self.queued() == 0 {
            self.is_done = true;
            self.control.worker_done(now);
        }
    }

    /// How long ago the requests in flight were sent, all together.
    fn age(&self, now: Nanos) -> u64 {
        self.conns.iter().map(|conn| conn.in_flight.age(now)).sum()
    }

    /// Requests in flight, counted at the connections.
    fn in_flight(&self) -> u64 {
        self.conns
            .iter()
            .map(|conn| u64::from(conn.in_flight.count()))
            .sum()
    }

    /// Connections that can carry requests.
    fn up(&self) -> u64 {
        let up = self.conns.iter();
        up.filter(|conn| conn.phase == Phase::Active && conn.end.is_none())
            .count() as u64
    }

    /// Connections on which at least one request was answered.
    fn touched(&self) -> u64 {
        let all = self.conns.iter().zip(&self.cold);
        all.filter(|(conn, cold)| cold.has_answered || conn.has(flag::ANSWERED))
            .count() as u64
    }

    /// Requests that are due and not sent, in an open loop.
    fn queued(&self) -> u64 {
        let pending = self.conns.iter().filter_map(|conn| conn.pending.as_ref());
        let given: u64 = pending.map(|pending| u64::from(pending.unsent)).sum();
        given + self.pace.as_ref().map_or(0, |pace| pace.queued())
    }

    /// Whether the run is over: nothing has been owed for a while, or the time for the drain is up.
    #[inline]
    pub(super) fn is_over(&mut self, now: Nanos) -> bool {
        self.stages.is_draining() && self.is_drained(now)
    }

    fn is_drained(&mut self, now: Nanos) -> bool {
        if now >= self.control.over() || self.control.has_failed() {
            return true;
        }
        if self.record.books.ended() < self.stages.ledger.in_flight_at_end {
            return false;
        }
        let settled_at = *self.stages.settled_at.get_or_insert(now);
        now >= settled_at + clock::nanos(LISTEN)
    }

    /// Ends every operation, so that memory can be freed, and reports.
    pub(super) fn finish(mut self) -> Result<WorkerReport, Failure> {
        let mut stages = mem::take(&mut self.stages);
        stages.ledger.drain = self.record.books;
        stages.ledger.unfinished = self.in_flight();
        stages.hold.touched = self.touched();
        // The writer waits for it, and what follows may give this worker up.
        self.record.log(None);
        let silent = self.silent();
        let tally = stages.window.unwrap_or_else(|| self.record.tally.clone());
        self.trouble.checked = self.record.checker.whole;
        let report = WorkerReport {
            ledger: stages.ledger,
            tally,
            windows: stages.windows.into_list(),
            trouble: mem::take(&mut self.trouble),
            tls: self.record.tls.take(),
            cpu: stages.cpu,
            hold: stages.hold,
            slots: stages.slots,
            connected: self.have_been_up,
            silent,
            dropped: self.ring.dropped_cqes(),
            overflows: self.overflows,
        };
        self.take_down();
        Ok(report)
    }

    /// Counts connections that owe an answer and have not moved for long, and names the first.
    fn silent(&mut self) -> usize {
        let now = clock::now();
        let earlier = now.saturating_sub(clock::nanos(SILENCE));
        let mut silent = 0;
        for conn in &self.conns {
            if conn.is_stuck_since(earlier) {
                self.trouble.stuck_first.add(conn.stuck(now, true));
                silent += 1;
            }
        }
        silent
    }

    fn take_down(mut self) {
        self.cancel_all();
        let deadline = clock::now() + clock::nanos(PATIENCE);
        while self.has_operations() {
            if self.ring.enter(1, Some(TICK)).is_err() || clock::now() >= deadline {
                // The kernel may still use the memory, so nobody else must get it.
                mem::forget(self);
                return;
            }
            while let Some(cqe) = self.ring.next_cqe() {
                self.retire(cqe);
            }
            self.buffers.publish();
        }
        for conn in &self.conns {
            if conn.fd >= 0 {
                reset_on_close(conn.fd);
                sys::close(conn.fd);
            }
        }
    }

    fn cancel_all(&mut self) {
        for (index, conn) in (0u32..).zip(&self.conns) {
            for (under_way, operation) in OPERATIONS {
                if conn.has(under_way) {
                    let target = Token::new(conn.generation, operation, index);
                    self.ring.push(op::cancel(target).skip_success());
                }
            }
        }
    }

    fn has_operations(&self) -> bool {
        let under_way = flag::RECEIVING | flag::SENDING | flag::CONNECTING;
        !self.orphans.is_empty() || self.conns.iter().any(|conn| conn.has_any(under_way))
    }

    /// Looks at a completion only for what it ends.
    fn retire(&mut self, cqe: sws_ring::Cqe) {
        if let Some(lease) = cqe.lease() {
            let _ = self.buffers.open(&lease);
            self.buffers.recycle(lease);
        }
        self.orphans.remove(&cqe.token.user_data());
        let ended = match cqe.token.op() {
            kind::RECEIVE if !cqe.more() => flag::RECEIVING,
            kind::SEND => flag::SENDING,
            kind::CONNECT => flag::CONNECTING,
            _ => return,
        };
        if let Some(conn) = self.conns.get_mut(cqe.token.index() as usize)
            && conn.generation == cqe.token.generation()
        {
            conn.flags &= !ended;
        }
    }
}
