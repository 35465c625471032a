//! HTTP as the reactor sees it: bytes, events, deadlines of a connection, and what is due without any.

use super::{
    super::{ConnId, ConnRef, Next, Progress, Protocol},
    Event, Http, HttpConn, Place, Step,
};
use crate::{
    caught::{caught, discard},
    counters::Counters,
    reactor::Waiting,
    remote::Mail,
};
use std::time::{Duration, Instant};
use sws_proto::http1::head;

/// Tasks that are polled in one turn before connections get theirs.
const TASKS_PER_TURN: usize = 256;
/// What mail means for connections is told to them when it is so much, so that a message for many does not become many
/// at a time.
const EVENTS_AT_ONCE: usize = 4096;

impl<S: 'static> Protocol for Http<S> {
    type Conn = HttpConn<S>;
    type Event = Event;

    fn second(&mut self, unix_seconds: u64) {
        self.work.prefix.update(unix_seconds);
    }

    fn drain(&mut self) {
        self.work.draining = true;
    }

    #[inline]
    fn data(
        &mut self,
        at: ConnRef,
        conn: &mut HttpConn<S>,
        input: &[u8],
        fresh: usize,
        out: &mut Vec<u8>,
    ) -> Progress {
        let start = out.len();
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let place = &mut conn.place;
            let step = match *place {
                Place::Head { ref mut partial } => {
                    if rest.is_empty() {
                        return Progress {
                            consumed,
                            next: Next::Wait(Waiting::Request),
                        };
                    }
                    if out.len() - start >= self.high_water {
                        return Progress {
                            consumed,
                            next: Next::Blocked,
                        };
                    }
                    // A head that comes byte by byte is not parsed for every byte.
                    if *partial
                        && consumed == 0
                        && rest.len() <= self.limits.target_bytes_max
                        && !head::may_be_complete(&input[fresh..])
                    {
                        return Progress {
                            consumed,
                            next: Next::Wait(Waiting::Head),
                        };
                    }
                    *partial = false;
                    self.head(at, place, rest, out)
                }
                Place::Whole(_) => self.more_whole(at, place, rest, out),
                Place::Stream(_) => self.more_stream(at, place, rest, out),
                Place::Discard(_) => self.more_discard(place, rest),
                Place::Exchange(_) => {
                    let mut at = at;
                    at.unsent += out.len() - start;
                    self.more_exchange(at, place, rest, out)
                }
                Place::WebSocket(ref mut socket) => {
                    if out.len() - start >= self.high_water {
                        return Progress {
                            consumed,
                            next: Next::Blocked,
                        };
                    }
                    socket.data(
                        &mut self.work,
                        &self.sockets,
                        at,
                        rest,
                        self.high_water,
                        out,
                    )
                }
            };
            match step {
                Step::On(used) => consumed += used,
                other => {
                    if let Some(progress) = Self::progress(&other, consumed, input.len()) {
                        self.let_go(conn, progress.next);
                        return progress;
                    }
                }
            }
        }
    }

    fn read_mail(&mut self, events: &mut Vec<(ConnId, Event)>) -> bool {
        if self.mail.is_empty() {
            if !self.work.local.inbox.has_mail() {
                return false;
            }
            self.work.local.inbox.take(&mut self.mail);
        }
        while events.len() < EVENTS_AT_ONCE {
            let Some(letter) = self.mail.pop_front() else {
                self.mail.shrink_to(EVENTS_AT_ONCE);
                return false;
            };
            self.read_letter(letter, events);
        }
        true
    }

    fn run(&mut self, events: &mut Vec<(ConnId, Event)>) {
        if !self.ticks.is_empty() {
            let mut state = self.work.state.borrow_mut();
            self.work.panics += self.hooks.tick(&mut self.ticks, &mut state);
        }
        let local = &self.work.local;
        local.executor.run(TASKS_PER_TURN);
        let mut answers = local.answers.borrow_mut();
        if !answers.is_empty() {
            events.extend(
                answers
                    .drain(..)
                    .map(|(conn, number, reply)| (conn, Event::Answer(number, Box::new(reply)))),
            );
        }
    }

    #[inline]
    fn patience(&self) -> Option<Duration> {
        let local = &self.work.local;
        if local.inbox.has_mail() || local.executor.is_ready() {
            return Some(Duration::ZERO);
        }
        let tasks = local.executor.next_deadline();
        let first = match (tasks, self.ticks.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) => a.min(b),
            (Some(at), None) | (None, Some(at)) => at,
        };
        Some(first.saturating_duration_since(Instant::now()))
    }

    fn event(
        &mut self,
        at: ConnRef,
        conn: &mut HttpConn<S>,
        event: Event,
        out: &mut Vec<u8>,
    ) -> Next {
        let place = &mut conn.place;
        let step = match (event, &mut *place) {
            (Event::Answer(number, reply), Place::Exchange(exchange))
                if exchange.number == number && exchange.outflow.is_none() =>
            {
                self.answered(at, place, reply, out)
            }
            (Event::Pump(number), Place::Exchange(exchange)) if exchange.number == number => {
                self.more_exchange(at, place, &[], out)
            }
            (Event::WebSocket(command), Place::WebSocket(socket)) => {
                socket.command(&mut self.work, &self.sockets, at, command, out)
            }
            (Event::Publish(frame), Place::WebSocket(socket)) => {
                socket.publish(&mut self.work, &self.sockets, at, &frame, out)
            }
            // It has moved on.
            _ => return Next::Stay,
        };
        let next = match Self::progress(&step, 0, 0) {
            Some(progress) => progress.next,
            None => Next::Wait(match place {
                Place::Discard(_) => Waiting::Body,
                _ => Waiting::Request,
            }),
        };
        self.let_go(conn, next);
        next
    }

    fn say_goodbye(&mut self, conn: &mut HttpConn<S>, out: &mut Vec<u8>) -> bool {
        match &mut conn.place {
            Place::WebSocket(socket) => {
                socket.say_goodbye(out);
                true
            }
            _ => false,
        }
    }

    fn timed_out(&mut self, conn: &mut HttpConn<S>, waiting: Waiting, out: &mut Vec<u8>) -> Next {
        let next = match &mut conn.place {
            // A request that has been answered before its body was skipped gets no second answer.
            Place::Discard(_) => Next::Close,
            // A stream may be silent; what the client does not take has a timeout of its own.
            Place::Exchange(exchange) if exchange.outflow.is_some() && waiting.is_for_handler() => {
                Next::Wait(waiting)
            }
            Place::Exchange(exchange) if exchange.outflow.is_some() => Next::Break,
            Place::Exchange(exchange) if waiting.is_for_handler() => {
                self.work.handler_timeout(exchange.facts, out);
                Next::Close
            }
            Place::WebSocket(socket) => socket.timed_out(&self.sockets, out),
            _ => {
                self.work
                    .refuse(408, "the request took too long", false, out);
                Next::Close
            }
        };
        self.let_go(conn, next);
        next
    }

    fn closed(&mut self, id: ConnId, conn: HttpConn<S>) {
        let work = &mut self.work;
        let panicked = match conn.place {
            Place::Head { .. } | Place::Discard(_) => 0,
            Place::WebSocket(socket) => caught(|| socket.closed(work, id)).is_none().into(),
            place => discard(place),
        };
        self.work.panics += panicked;
    }

    fn count(&self, counters: &mut Counters) {
        counters.requests = self.work.requests;
        counters.bad_requests = self.work.bad_requests;
        counters.panics = self.work.panics + self.work.local.executor.panics();
        counters.tasks = self.work.local.executor.len() as u64;
        counters.large_blocks_used = self.work.blocks.used().into();
        counters.websocket_messages = self.work.messages;
        counters.websocket_overflows = self.work.messages_dropped;
    }
}

impl<S> Drop for Http<S> {
    /// The reactor is over: nothing more comes in, and what waits ends.
    fn drop(&mut self) {
        let local = &self.work.local;
        local.inbox.close();
        local.executor.abort_all();
        local.answers.borrow_mut().clear();
    }
}

impl<S: 'static> Http<S> {
    /// Does what a letter asks for.
    fn read_letter(&mut self, letter: Mail, events: &mut Vec<(ConnId, Event)>) {
        match letter {
            Mail::Answer(conn, number, reply) => {
                let mut state = self.work.state.borrow_mut();
                self.work.panics += self.hooks.deferred(&mut state, conn, &reply);
                events.push((conn, Event::Answer(number, reply)));
            }
            Mail::Pump(conn, number) => events.push((conn, Event::Pump(number))),
            Mail::Invoke(act) => {
                let state = &self.work.state;
                if caught(|| act(&mut *state.borrow_mut())).is_none() {
                    self.work.panics += 1;
                }
            }
            Mail::WebSocket(conn, command) => events.push((conn, Event::WebSocket(command))),
            Mail::Publish(members, frame) => {
                for conn in members.of(&self.work.local.inbox) {
                    events.push((conn, Event::Publish(frame.clone())));
                }
            }
        }
    }
}
