//! How connections come and go.

use super::{OPERATIONS, TICK, Worker, kind, pauses::Pauses};
use crate::{
    args::{Close, Reconnect},
    clock::{self, Nanos},
    conn::{Conn, End, Phase, flag},
    timers::Due,
    wire,
};
use std::{os::fd::RawFd, time::Duration};
use sws_ring::{
    Cqe, Token, op,
    sys::{self, SocketAddress},
};

/// Connections opened in one turn, so that answers do not wait for all of them. There is no bound on how many
/// are connecting: where the server's backlog overflows, each waits a second for its retry, and a bound would
/// let them wait one after the other.
const OPENS_PER_TURN: usize = 64;
/// Wait after the first connection without an answer; doubled for each further one.
const BACK_OFF_MIN: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);
/// How long a server that announced to close is given to do so. Its close leaves TIME_WAIT on its side, ours
/// would leave it on this side and use up ports.
const LINGER: Duration = Duration::from_millis(200);
/// Bounds of the time between two looks for stuck connections.
const SCAN_MIN: Duration = TICK;
const SCAN_MAX: Duration = Duration::from_millis(500);

/// When a server that announced to close must have done it.
#[cold]
pub(super) fn close_due(conn: &Conn, index: u32, now: Nanos) -> Due {
    Due {
        at: now + clock::nanos(LINGER),
        index,
        generation: conn.generation,
    }
}

/// Lets the close of a connection that the server has not closed be a reset: a close in order would leave
/// TIME_WAIT on this side, and tens of thousands of them make every later connect search for a port.
pub(super) fn reset_on_close(fd: RawFd) {
    // It cannot fail on an open socket.
    let _ = sys::set_linger_zero(fd);
}

impl Worker<'_> {
    /// Opens connections whose turn it is.
    pub(super) fn open_waiting(&mut self, now: Nanos) {
        for _ in 0..OPENS_PER_TURN {
            let is_due = |pauses: &mut Box<Pauses>| pauses.may_open(now);
            if self.to_open.is_empty() || !self.pauses.as_mut().is_none_or(is_due) {
                return;
            }
            let Some(index) = self.to_open.pop_front() else {
                return;
            };
            if self.stages.is_draining() {
                self.conns[index as usize].phase = Phase::Closed;
            } else {
                self.open(index, now);
            }
        }
    }

    fn open(&mut self, index: u32, now: Nanos) {
        let fd = match self.socket(index) {
            Ok(fd) => fd,
            Err(errno) => {
                *self.trouble.connect.entry(errno).or_default() += 1;
                self.open_later(index, now);
                return;
            }
        };
        let conn = &mut self.conns[index as usize];
        conn.open(fd, self.plan, now);
        conn.flags |= flag::CONNECTING;
        let token = Token::new(conn.generation, kind::CONNECT, index);
        wire::connect(&mut self.ring, fd, &self.plan.address, token);
    }

    fn socket(&self, index: u32) -> Result<RawFd, i32> {
        let errno = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
        let fd = sys::tcp_socket(self.plan.address.family()).map_err(errno)?;
        // None of these can fail on a socket that was just made, and the run is as valid without them.
        let _ = sys::set_nodelay(fd);
        if self.plan.has_quota() && self.plan.close == Close::Rst {
            let _ = sys::set_linger_zero(fd);
        }
        if let Some(source) = self.source(index)
            && let Err(error) = sys::bind_source(fd, source)
        {
            sys::close(fd);
            return Err(errno(error));
        }
        if let Some(bytes) = self.plan.send_buffer {
            let _ = sys::set_send_buffer(fd, bytes);
        }
        Ok(fd)
    }

    /// Where a connection comes from, if the kernel is not to choose.
    fn source(&self, index: u32) -> Option<&SocketAddress> {
        let sources = &self.plan.sources;
        let number = (self.first + index) as usize;
        sources.get(number.checked_rem(sources.len())?)
    }

    pub(super) fn connected(&mut self, cqe: Cqe, index: u32, now: Nanos) {
        let conn = &mut self.conns[index as usize];
        conn.flags &= !flag::CONNECTING;
        conn.progress = now;
        if cqe.result < 0 {
            conn.end = Some(End::ConnectFailed(-cqe.result));
        } else {
            match &self.tls {
                None => conn.connected(self.plan.upgrade.as_ref()),
                Some(tls) => conn.secure(tls, now, &mut self.record),
            }
        }
        let is_up = conn.phase == Phase::Active;
        Self::touch(conn, &mut self.touched, index);
        if is_up {
            self.came_up(index);
        }
    }

    /// A connection can carry requests from now on.
    #[cold]
    pub(super) fn came_up(&mut self, index: u32) {
        self.cold[index as usize].up_since = self.turn;
        let conn = &self.conns[index as usize];
        if conn.phase != Phase::Active {
            return;
        }
        let cold = &mut self.cold[index as usize];
        if self.plan.hold.is_some() && !conn.has(flag::SENDING) {
            // The handshake; it may be long before anything else is sent.
            cold.rendered = Vec::new();
        }
        if !cold.has_been_up {
            cold.has_been_up = true;
            self.have_been_up += 1;
            if self.have_been_up == self.cold.len() {
                self.control.worker_connected();
            }
        }
    }

    /// Takes a connection down and, while the run goes on, lets the slot have another one. Only called
    /// where no operation for this connection waits to be submitted.
    pub(super) fn close(&mut self, index: u32, now: Nanos) {
        let conn = &mut self.conns[index as usize];
        let Some(end) = conn.end.take() else { return };
        let up_since = &mut self.cold[index as usize].up_since;
        self.slots.down(up_since, self.turn);
        let progressed = conn.has(flag::ANSWERED);
        if self.plan.hold.is_some() && !self.stages.is_draining() {
            let number = self.first + index;
            conn.note_drop(end, now, number, &mut self.trouble);
        }
        conn.write_off(end, &mut self.record, &mut self.trouble);
        if let Some(pending) = &mut conn.pending {
            let unsent = pending.clear();
            if let Some(pace) = &mut self.pace {
                pace.take_back(unsent);
            }
        }
        let in_order = end == End::Closed || end == End::Quota && self.plan.close == Close::Fin;
        let conn = &mut self.conns[index as usize];
        if let Some(words) = conn.last_words(end, in_order) {
            // What the socket does not take now, nobody waits for.
            let _ = sys::send_now(conn.fd, &words);
        }
        if !in_order {
            reset_on_close(self.conns[index as usize].fd);
        }
        self.release_socket(index);
        if self.stages.is_draining() || self.plan.reconnect == Reconnect::Never {
            self.conns[index as usize].phase = Phase::Closed;
            return;
        }
        self.record.tally.reconnects += 1;
        if progressed {
            let cold = &mut self.cold[index as usize];
            cold.failures = 0;
            cold.has_answered = true;
        }
        if !self.mixes {
            self.next_template(index);
        }
        let conn = &mut self.conns[index as usize];
        let at_once = match self.plan.reconnect {
            Reconnect::Now => true,
            Reconnect::Backoff => false,
            Reconnect::Auto | Reconnect::Never => progressed,
        };
        if at_once {
            conn.phase = Phase::Waiting;
            self.to_open.push_back(index);
        } else {
            self.open_later(index, now);
        }
    }

    /// Lets the connection that is opened next send the next template.
    fn next_template(&mut self, index: u32) {
        let rotation = &self.plan.rotation;
        let turn = &mut self.cold[index as usize].turn;
        *turn = rotation.after(*turn);
        self.conns[index as usize].template = rotation.template(*turn);
    }

    /// Cancels what is under way and closes. A receive that is armed holds the socket, so the cancel is what
    /// lets the close reach the peer.
    fn release_socket(&mut self, index: u32) {
        let conn = &mut self.conns[index as usize];
        if conn.fd < 0 {
            return;
        }
        for (under_way, operation) in OPERATIONS {
            if conn.has(under_way) {
                let target = Token::new(conn.generation, operation, index);
                let token = Token::new(conn.generation, kind::CANCEL, index);
                self.ring
                    .push(op::cancel(target).token(token).skip_success());
            }
        }
        if conn.has(flag::SENDING) {
            let token = Token::new(conn.generation, kind::SEND, index);
            let rendered = std::mem::take(&mut self.cold[index as usize].rendered);
            self.orphans.insert(token.user_data(), rendered);
        }
        sys::close(conn.fd);
        conn.fd = -1;
        conn.forget_secrets();
        conn.flags &= flag::TOUCHED | flag::FREE;
        // What comes late carries the old generation.
        conn.generation = conn.generation.wrapping_add(1).max(1);
    }

    /// Lets a slot wait before it is opened again: the longer, the more often it failed.
    fn open_later(&mut self, index: u32, now: Nanos) {
        let cold = &mut self.cold[index as usize];
        let wait = BACK_OFF_MIN
            .saturating_mul(1 << cold.failures.min(16))
            .min(BACK_OFF_MAX);
        cold.failures += 1;
        let conn = &mut self.conns[index as usize];
        conn.phase = Phase::Waiting;
        self.timers.add(Due {
            at: now + clock::nanos(wait),
            index,
            generation: conn.generation,
        });
    }

    /// What the passing of time brings: retries, closes that did not come, stuck connections.
    #[cold]
    pub(super) fn tick(&mut self, now: Nanos) {
        self.next_tick = now + clock::nanos(TICK);
        while let Some(due) = self.timers.pop(now) {
            let conn = &mut self.conns[due.index as usize];
            if conn.generation != due.generation {
                continue;
            }
            match conn.phase {
                Phase::Waiting => self.to_open.push_back(due.index),
                Phase::Active if conn.end.is_none() => {
                    conn.end = Some(End::Announced);
                    Self::touch(conn, &mut self.touched, due.index);
                }
                _ => {}
            }
        }
        if now >= self.next_scan {
            let timeouts = (self.plan.timeout, self.plan.connect_timeout);
            let pause = (timeouts.0.min(timeouts.1) / 8).clamp(SCAN_MIN, SCAN_MAX);
            self.next_scan = now + clock::nanos(pause);
            self.find_stuck(now);
        }
    }

    fn find_stuck(&mut self, now: Nanos) {
        let before = |time| now.saturating_sub(clock::nanos(time));
        let (timeout, connect) = (before(self.plan.timeout), before(self.plan.connect_timeout));
        for (index, conn) in (0u32..).zip(&mut self.conns) {
            let earlier = match conn.phase {
                Phase::Connecting | Phase::Securing => connect,
                _ => timeout,
            };
            if conn.is_stuck_since(earlier) {
                match conn.phase {
                    Phase::Connecting => conn.end = Some(End::ConnectFailed(libc::ETIMEDOUT)),
                    Phase::Securing => conn.handshake_ended(End::Stuck, &mut self.record),
                    _ => {
                        self.trouble.stuck_first.add(conn.stuck(now, false));
                        conn.end = Some(End::Stuck);
                    }
                }
                Self::touch(conn, &mut self.touched, index);
            }
        }
    }
}
