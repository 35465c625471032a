//! One thread of a run: a ring, its share of the connections, and the loop that keeps them busy.
//!
//! One turn: enter the ring once (submit, wait for at least one completion) → look at all completions, giving
//! every buffer back → timers → send and receive for the connections that were touched. Operations are pushed
//! only in that last step, after every completion of the turn has been seen, so no operation is ever made for
//! a socket that an earlier step has closed, and memory of a fire-and-forget send is never reused before its
//! failure could be known.

mod fill;
mod lifecycle;
mod pace;
mod pauses;
mod publish;
mod stages;

use crate::{
    clock::{self, NEVER, Nanos},
    conn::{Conn, End, Phase, flag},
    control::Control,
    error::Failure,
    plan::Plan,
    raw_log::Tap,
    record::Record,
    rng::Rng,
    slots::Slots,
    timers::Timers,
    tls,
    trouble::Trouble,
    wire,
};
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};
use sws_ring::{BufRing, Cqe, Ring, Token, op};

pub(crate) use pace::QUEUE_MAX;
pub(crate) use stages::{SILENCE, WorkerReport};

/// Longest wait for completions: how late the end of the window, a retry or a timeout may be noticed.
const TICK: Duration = Duration::from_millis(20);
/// Largest batch that is sent without tracking. It fits the send buffer of a socket that was read out, so a
/// short send stays the exception.
const FIRE_BYTES_MAX: usize = 64 * 1024;
/// Largest single send: its completion is the only sign of progress in a large upload.
const SEND_BYTES_MAX: usize = 1024 * 1024;
/// The buffers in use at a time stay in the cache when there are few; running out is flow control.
const BUFFERS_MIN: u32 = 64;
const BUFFERS_MAX: u32 = 1024;
const BUFFER_GROUP: u16 = 0;

/// Operations, as tokens name them.
mod kind {
    pub(super) const CONNECT: u8 = 1;
    pub(super) const RECEIVE: u8 = 2;
    pub(super) const SEND: u8 = 3;
    pub(super) const FIRE: u8 = 4;
    pub(super) const CANCEL: u8 = 5;
}

/// What can be under way on a connection: the flag that says so, and its kind.
const OPERATIONS: [(u16, u8); 3] = [
    (flag::RECEIVING, kind::RECEIVE),
    (flag::SENDING, kind::SEND),
    (flag::CONNECTING, kind::CONNECT),
];

/// What a connection needs now and then.
#[derive(Debug)]
struct Cold {
    rng: Rng,
    /// Whose turn it is among the templates.
    turn: u32,
    /// The batch under way, when it is no copy of a template: requests with placeholders or of several templates, a
    /// handshake, pongs.
    rendered: Vec<u8>,
    /// Connections in a row that ended without an answer.
    failures: u32,
    has_been_up: bool,
    /// When the connection came up; `NEVER` when it is not.
    up_since: Nanos,
    /// A request was answered on an earlier connection.
    has_answered: bool,
}

pub(crate) struct Worker<'p> {
    // The ring is dropped before any memory that it may use.
    ring: Ring,
    buffers: BufRing,
    plan: &'p Plan,
    control: &'p Control,
    number: u32,
    /// CPU time when the figures were last put up to be shown.
    published: Option<stages::CpuUse>,
    /// Number of the first connection in the whole run.
    first: u32,
    conns: Vec<Conn>,
    cold: Vec<Cold>,
    record: Record<'p>,
    trouble: Trouble,
    /// Makes sessions, with https and wss.
    tls: Option<tls::Client>,
    /// Where batches are encrypted.
    ciphertext: Vec<u8>,
    stages: stages::Stages,
    /// Connections to look at before the next enter.
    touched: Vec<u32>,
    timers: Timers,
    /// In an open loop.
    pace: Option<Box<pace::Pace>>,
    /// What else happens at certain instants.
    pauses: Option<Box<pauses::Pauses>>,
    /// Requests that may still be sent in this part of the run.
    budget: u64,
    /// The same for the window, when it is limited.
    window_budget: Option<u64>,
    is_done: bool,
    next_tick: Nanos,
    next_scan: Nanos,
    to_open: VecDeque<u32>,
    have_been_up: usize,
    fire_and_forget: bool,
    /// When the completions of the turn under way were there.
    turn: Nanos,
    slots: Slots,
    /// Turns in which completions waited in the kernel's overflow list.
    overflows: u64,
    /// Every request may be of another template.
    mixes: bool,
    /// Rendered requests of connections that were closed during a send, until its completion.
    orphans: HashMap<u64, Vec<u8>>,
}

impl<'p> Worker<'p> {
    /// Sets up the share of thread `number` on this thread.
    pub(crate) fn new(
        plan: &'p Plan,
        control: &'p Control,
        number: u32,
        fire_and_forget: bool,
    ) -> Result<Self, Failure> {
        let (count, first) = plan.share(number);
        let machine = |error: sws_ring::SetupError| Failure::Machine(error.to_string());
        // Every connection may complete a receive and a send at once where the kernel does not bound a batch.
        let cq_entries = (count.saturating_mul(2))
            .next_power_of_two()
            .clamp(2048, 65536);
        let ring = Ring::builder()
            .sq_entries(256)
            .cq_entries(cq_entries)
            .build()
            .map_err(machine)?;
        let buffer_count = count.next_power_of_two().clamp(BUFFERS_MIN, BUFFERS_MAX) as u16;
        let buffers = BufRing::new(&ring, BUFFER_GROUP, buffer_count, plan.receive_buffer)
            .map_err(machine)?;
        let turn = |index: u32| plan.rotation.first(u64::from(first) + u64::from(index));
        let cold = (0..count).map(|index| Cold {
            rng: Rng::new(plan.seed, u64::from(first) + u64::from(index)),
            turn: turn(index),
            rendered: Vec::new(),
            failures: 0,
            has_been_up: false,
            up_since: NEVER,
            has_answered: false,
        });
        Ok(Self {
            ring,
            buffers,
            plan,
            control,
            number,
            published: None,
            first,
            conns: (0..count)
                .map(|index| Conn::new(first + index, plan.rotation.template(turn(index)), plan))
                .collect(),
            cold: cold.collect(),
            record: Record::new(plan, number)?,
            trouble: Trouble::default(),
            tls: plan.tls.as_ref().map(|tls| tls.for_thread(count)),
            ciphertext: Vec::new(),
            stages: stages::Stages::default(),
            touched: Vec::with_capacity(count as usize),
            timers: Timers::default(),
            pace: pace::Pace::new(plan, number).map(Box::new),
            pauses: pauses::Pauses::new(plan, number).map(Box::new),
            budget: if plan.holds || !plan.sends() {
                0
            } else {
                u64::MAX
            },
            window_budget: plan.requests_of(number),
            is_done: false,
            next_tick: 0,
            next_scan: 0,
            to_open: (0..count).collect(),
            have_been_up: 0,
            fire_and_forget,
            turn: clock::now(),
            slots: Slots::new(!fire_and_forget),
            overflows: 0,
            mixes: plan.rotation.is_per_request(),
            orphans: HashMap::new(),
        })
    }

    /// Runs until the run is over.
    pub(crate) fn run(mut self, tap: Option<Tap>) -> Result<WorkerReport, Failure> {
        self.record.log(tap);
        let mut now = clock::now();
        while !self.is_over(now) {
            // While completions wait in the kernel's overflow list, the state of some send may be unknown.
            if self.ring.settled() {
                self.flush();
            } else {
                self.overflows += 1;
            }
            let entered = match (&self.pace, &self.pauses) {
                (None, None) => self.ring.enter(1, Some(TICK)),
                _ => self.wait_precisely(),
            };
            entered.map_err(|error| Failure::Machine(format!("io_uring_enter failed: {error}")))?;
            now = clock::now();
            self.turn = now;
            self.change_stage(now);
            self.record.seen(now);
            while let Some(cqe) = self.ring.next_cqe() {
                self.complete(cqe, now);
            }
            self.buffers.publish();
            if now >= self.next_tick {
                self.tick(now);
            }
            if self.window_budget.is_some() {
                self.look_for_the_end(now);
            }
        }
        self.finish()
    }

    #[inline]
    fn complete(&mut self, cqe: Cqe, now: Nanos) {
        let index = cqe.token.index();
        let live = self
            .conns
            .get(index as usize)
            .is_some_and(|conn| conn.generation == cqe.token.generation());
        match cqe.token.op() {
            kind::RECEIVE => self.received(cqe, index, live, now),
            kind::SEND if !live => drop(self.orphans.remove(&cqe.token.user_data())),
            kind::SEND => self.sent(cqe, index, now),
            kind::FIRE if live => self.fire_failed(cqe, index, now),
            kind::CONNECT if live => self.connected(cqe, index, now),
            _ => {}
        }
    }

    #[inline]
    fn received(&mut self, cqe: Cqe, index: u32, live: bool, now: Nanos) {
        let mut came_up = false;
        if let Some(lease) = cqe.lease() {
            let bytes = self.buffers.open(&lease);
            if live && !bytes.is_empty() {
                let conn = &mut self.conns[index as usize];
                if conn.end.is_none() {
                    let before = conn.phase;
                    conn.receive(bytes, now, &mut self.record, &mut self.trouble);
                    came_up = conn.phase != before;
                    if conn.end.is_none() && conn.is_exhausted(self.plan.quota) {
                        conn.end = Some(End::Quota);
                    } else if conn.has(flag::LAST_ANSWER) {
                        let cold = &mut self.cold[index as usize];
                        self.slots.down(&mut cold.up_since, now);
                        self.timers.add(lifecycle::close_due(conn, index, now));
                    }
                }
                Self::touch(conn, &mut self.touched, index);
            }
            self.buffers.recycle(lease);
        }
        if came_up {
            self.came_up(index);
        }
        if live && (!cqe.more() || cqe.result <= 0) {
            self.receive_ended(cqe, index, now);
        }
    }

    /// The receive is no longer armed. A count above 0 without MORE only means that the completion queue was
    /// full, and ENOBUFS that no buffer was free: neither says anything about the connection.
    #[cold]
    fn receive_ended(&mut self, cqe: Cqe, index: u32, now: Nanos) {
        let conn = &mut self.conns[index as usize];
        if !cqe.more() {
            conn.flags &= !flag::RECEIVING;
        }
        Self::touch(conn, &mut self.touched, index);
        if cqe.result == -libc::ENOBUFS {
            self.trouble.starved += 1;
        } else if cqe.result <= 0 && cqe.result != -libc::ECANCELED && conn.end.is_none() {
            let end = if cqe.result == 0 {
                End::Closed
            } else {
                End::Broken(-cqe.result)
            };
            conn.ended(end, now, &mut self.record, &mut self.trouble);
        }
    }

    fn sent(&mut self, cqe: Cqe, index: u32, now: Nanos) {
        let conn = &mut self.conns[index as usize];
        conn.flags &= !flag::SENDING;
        match u32::try_from(cqe.result) {
            Ok(count) if count > 0 => {
                conn.sent += count;
                conn.progress = now;
            }
            _ => self.send_broke(index, -cqe.result),
        }
        Self::touch(&mut self.conns[index as usize], &mut self.touched, index);
    }

    /// A fire-and-forget send did not go out whole: what is left goes out as a tracked one.
    #[cold]
    fn fire_failed(&mut self, cqe: Cqe, index: u32, now: Nanos) {
        let conn = &mut self.conns[index as usize];
        match u32::try_from(cqe.result) {
            Ok(count) => {
                conn.sent = count;
                conn.progress = now;
                self.trouble.short_sends += 1;
            }
            Err(_) if cqe.result == -libc::EAGAIN => {
                conn.sent = 0;
                self.trouble.short_sends += 1;
            }
            Err(_) => self.send_broke(index, -cqe.result),
        }
        Self::touch(&mut self.conns[index as usize], &mut self.touched, index);
    }

    /// Nothing more can be sent. An answer may still wait to be read (a server that refuses an upload answers
    /// and resets), so the connection ends when its receive says so.
    fn send_broke(&mut self, index: u32, errno: i32) {
        let conn = &mut self.conns[index as usize];
        if !conn.has(flag::SEND_BROKEN) {
            conn.flags |= flag::SEND_BROKEN;
            *self.trouble.send.entry(errno).or_default() += 1;
        }
    }

    #[inline]
    fn touch(conn: &mut Conn, touched: &mut Vec<u32>, index: u32) {
        if conn.flags & flag::TOUCHED == 0 {
            conn.flags |= flag::TOUCHED;
            touched.push(index);
        }
    }

    /// Sends and receives for every touched connection, and opens those whose turn it is.
    fn flush(&mut self) {
        self.wake_thinkers();
        if self.touched.is_empty() && self.to_open.is_empty() {
            self.dispatch();
            return;
        }
        let now = clock::now();
        let sent_before = self.record.books.sent;
        let mut touched = std::mem::take(&mut self.touched);
        for index in touched.drain(..) {
            let conn = &mut self.conns[index as usize];
            conn.flags &= !flag::TOUCHED;
            if conn.end.is_some() {
                self.close(index, now);
            } else if matches!(
                conn.phase,
                Phase::Active | Phase::Upgrading | Phase::Securing
            ) {
                self.send(index, now);
                self.arm(index);
                self.offer(index);
            }
        }
        self.touched = touched;
        let sent = self.record.books.sent - sent_before;
        self.slots.own += sent * now.saturating_sub(self.turn);
        self.open_waiting(now);
        self.dispatch();
    }

    #[inline]
    fn arm(&mut self, index: u32) {
        let conn = &mut self.conns[index as usize];
        if !conn.has(flag::RECEIVING) {
            conn.flags |= flag::RECEIVING;
            let token = Token::new(conn.generation, kind::RECEIVE, index);
            self.ring
                .push(op::recv_multishot(conn.fd, BUFFER_GROUP).token(token));
        }
    }

    /// Sends what is left of the current batch of requests, or begins the next one.
    #[inline]
    fn send(&mut self, index: u32, now: Nanos) {
        let conn = &mut self.conns[index as usize];
        if conn.has_any(flag::SENDING | flag::SEND_BROKEN | flag::LAST_ANSWER) {
            return;
        }
        let template = &self.plan.templates[conn.template as usize];
        let cold = &mut self.cold[index as usize];
        let mut whole_and_last = false;
        if conn.sent == conn.to_send && conn.has(flag::CONTROL) {
            // Tracked below, so that its completion lets messages follow.
            conn.take_control(&mut cold.rendered);
            self.slots.controls += u64::from(conn.phase == Phase::Active);
            conn.encrypt_control(&mut cold.rendered, &mut self.ciphertext);
        } else if conn.sent == conn.to_send {
            if self.stages.is_draining() || conn.phase != Phase::Active {
                return;
            }
            let wanted = match &conn.pending {
                Some(pending) if self.pace.is_some() => pending.unsent.into(),
                _ => {
                    let room = u64::from(self.plan.depth - conn.in_flight.count());
                    let wanted = room.min(self.plan.quota - conn.requests);
                    wanted.min(self.budget)
                }
            };
            if wanted == 0 {
                return;
            }
            if let Some(pauses) = &mut self.pauses
                && !pauses.may_send(conn, index, &mut cold.rng, now)
            {
                return;
            }
            conn.flags &= !flag::SENDS_OWN;
            let count = match self.mixes {
                false => fill::repeat(template, conn, cold, wanted),
                true => fill::mix(self.plan, conn, cold, wanted, now),
            };
            whole_and_last = count == wanted;
            conn.in_flight.push(now, count as u32);
            if let Some(pending) = &mut conn.pending {
                pending.sent(count as u32, now);
            }
            conn.requests += count;
            conn.progress = now;
            conn.sent = 0;
            if conn.is_secured() {
                conn.encrypt(template, &mut cold.rendered, &mut self.ciphertext);
            }
            self.record.books.sent += count;
            self.budget -= count;
        }
        let batch = if template.is_static() && !conn.has(flag::SENDS_OWN) {
            template.bytes()
        } else {
            &cold.rendered
        };
        let bytes = &batch[conn.sent as usize..conn.to_send as usize];
        if whole_and_last && self.fire_and_forget && bytes.len() <= FIRE_BYTES_MAX {
            let token = Token::new(conn.generation, kind::FIRE, index);
            wire::send_fire(&mut self.ring, conn.fd, bytes, token);
            // Until a completion says otherwise.
            conn.sent = conn.to_send;
        } else {
            let token = Token::new(conn.generation, kind::SEND, index);
            let part = &bytes[..bytes.len().min(SEND_BYTES_MAX)];
            wire::send(&mut self.ring, conn.fd, part, token);
            conn.flags |= flag::SENDING;
        }
    }
}
