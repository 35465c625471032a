//! One connection: what is in flight on it, what is being sent, where in an answer it is.

mod answers;
mod end;
mod secured;

pub(crate) use end::End;

use crate::{
    checks::Progress,
    clock::{NEVER, Nanos},
    inflight::InFlight,
    pending::Pending,
    plan::Plan,
    socket::{Socket, Upgrade},
    stuck::Stuck,
};
use answers::template_of;
use secured::Secured;
use std::os::fd::RawFd;
use sws_proto::http1::answer::AnswerParser;

/// The life of a connection's slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No socket, and none wanted now.
    #[default]
    Closed,
    /// No socket; waits for its turn to be opened.
    Waiting,
    Connecting,
    /// In the handshake of TLS.
    Securing,
    /// Waits for the answer to the opening handshake of WebSocket.
    Upgrading,
    Active,
}

/// Bits of [`Conn::flags`].
pub(crate) mod flag {
    /// Is in the list of connections to look at before the next enter.
    pub(crate) const TOUCHED: u16 = 1;
    /// A receive is armed.
    pub(crate) const RECEIVING: u16 = 2;
    /// A tracked send is under way.
    pub(crate) const SENDING: u16 = 4;
    /// A connect is under way.
    pub(crate) const CONNECTING: u16 = 8;
    /// A send failed; the receive will tell how the connection ended.
    pub(crate) const SEND_BROKEN: u16 = 16;
    /// The last answer is the last one: the server said so, or nothing more can be encrypted.
    pub(crate) const LAST_ANSWER: u16 = 32;
    /// At least one request was answered.
    pub(crate) const ANSWERED: u16 = 64;
    /// Something other than requests waits to be sent: what TLS or WebSocket themselves have to say.
    pub(crate) const CONTROL: u16 = 128;
    /// What is being sent was made for this connection, whatever its template is: that, or anything encrypted.
    pub(crate) const SENDS_OWN: u16 = 256;
    /// Is in the list of connections that requests can be sent on.
    pub(crate) const FREE: u16 = 512;
    /// Pauses before its next request.
    pub(crate) const THINKING: u16 = 1024;
    /// Has done so.
    pub(crate) const HAS_THOUGHT: u16 = 2048;
}

/// A slot for one connection after another.
#[derive(Debug)]
pub(crate) struct Conn {
    /// Its number in the whole run.
    pub number: u32,
    pub fd: RawFd,
    /// Changes whenever the slot's connection does; never 0 while it has one.
    pub generation: u32,
    pub phase: Phase,
    pub flags: u16,
    pub end: Option<End>,
    pub template: u32,
    /// The bytes from `sent` to `to_send` of the batch of requests still have to be sent.
    pub sent: u32,
    pub to_send: u32,
    pub in_flight: InFlight,
    /// The single requests, where they are told apart; else only their number and their batches' start count.
    pub pending: Option<Box<Pending>>,
    /// Requests sent on this connection.
    pub requests: u64,
    /// Bytes received on it.
    pub received: u64,
    /// When a byte was last sent or received; `NEVER` where nothing is waited for.
    pub progress: Nanos,
    protocol: Protocol,
    /// Boxed for the sake of those without.
    tls: Option<Box<Secured>>,
}

/// Where in what is received a connection is.
#[derive(Debug)]
enum Protocol {
    Http {
        parser: AnswerParser,
        /// Only where bodies are compared.
        body: Option<Box<Progress>>,
    },
    /// Boxed because it is larger, and used by few runs.
    WebSocket(Box<Socket>),
}

impl Protocol {
    fn new(plan: &Plan) -> Self {
        match &plan.upgrade {
            None => Self::Http {
                parser: AnswerParser::new(),
                body: plan.checks.look_at_bodies().then(Box::default),
            },
            Some(upgrade) => Self::WebSocket(Box::new(Socket::new(upgrade))),
        }
    }
}

impl Conn {
    /// A slot whose first connection sends this template.
    pub(crate) fn new(number: u32, template: u32, plan: &Plan) -> Self {
        Self {
            number,
            fd: -1,
            generation: 0,
            phase: Phase::Closed,
            flags: 0,
            end: None,
            template,
            sent: 0,
            to_send: 0,
            in_flight: InFlight::default(),
            pending: plan.tells_apart().then(Box::default),
            requests: 0,
            received: 0,
            progress: NEVER,
            protocol: Protocol::new(plan),
            tls: None,
        }
    }

    /// Whether all of `flags` are set.
    #[inline]
    pub(crate) fn has(&self, flags: u16) -> bool {
        self.flags & flags == flags
    }

    /// Whether any of `flags` is set.
    #[inline]
    pub(crate) fn has_any(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// Gives the slot a new socket.
    pub(crate) fn open(&mut self, fd: RawFd, plan: &Plan, now: Nanos) {
        self.fd = fd;
        self.generation = self.generation.wrapping_add(1).max(1);
        self.phase = Phase::Connecting;
        self.flags &= flag::TOUCHED | flag::FREE;
        self.end = None;
        self.sent = 0;
        self.to_send = 0;
        self.requests = 0;
        self.received = 0;
        self.progress = now;
        match (&mut self.protocol, &plan.upgrade) {
            (Protocol::Http { parser, body }, _) => {
                parser.reset();
                if let Some(body) = body {
                    body.reset();
                }
            }
            (Protocol::WebSocket(socket), Some(upgrade)) => **socket = Socket::new(upgrade),
            (Protocol::WebSocket(_), None) => {}
        }
        debug_assert_eq!(self.in_flight.count(), 0);
    }

    /// The connection is up: what there is to do before it carries requests is begun.
    pub(crate) fn connected(&mut self, upgrade: Option<&Upgrade>) {
        self.phase = match (&mut self.protocol, upgrade) {
            (Protocol::WebSocket(socket), Some(upgrade)) => {
                socket.begin(upgrade);
                self.flags |= flag::CONTROL;
                Phase::Upgrading
            }
            _ => Phase::Active,
        };
    }

    /// Makes what waits beside messages the batch that is sent next, in `batch`.
    pub(crate) fn take_control(&mut self, batch: &mut Vec<u8>) {
        batch.clear();
        if let Protocol::WebSocket(socket) = &mut self.protocol {
            socket.take_control(batch);
        }
        self.sent = 0;
        self.to_send = batch.len() as u32;
        self.flags &= !flag::CONTROL;
        self.flags |= flag::SENDS_OWN;
    }

    /// Remembers the payload of a message that is about to be sent.
    pub(crate) fn expect(&mut self, payload: &[u8]) {
        if let Protocol::WebSocket(socket) = &mut self.protocol {
            socket.expect(payload);
        }
    }

    /// Whether a request that falls due can be sent on it at once.
    #[inline]
    pub(crate) fn is_free(&self, plan: &Plan) -> bool {
        let busy = flag::SENDING | flag::SEND_BROKEN | flag::LAST_ANSWER | flag::CONTROL;
        let unsent = self.pending.as_ref().map_or(0, |pending| pending.unsent);
        self.phase == Phase::Active
            && self.end.is_none()
            && !self.has_any(busy)
            && self.sent == self.to_send
            && self.in_flight.count() + unsent < plan.depth
            && self.requests + u64::from(unsent) < plan.quota
    }

    /// Whether all requests that the connection may carry are answered.
    #[inline]
    pub(crate) fn is_exhausted(&self, quota: u64) -> bool {
        self.requests >= quota && self.in_flight.count() == 0
    }

    /// Whether something is waited for that did not move since `earlier`.
    pub(crate) fn is_stuck_since(&self, earlier: Nanos) -> bool {
        let waits = match self.phase {
            Phase::Connecting | Phase::Securing | Phase::Upgrading => true,
            Phase::Active => self.in_flight.count() > 0,
            Phase::Closed | Phase::Waiting => false,
        };
        waits && self.progress < earlier && self.end.is_none()
    }

    /// What there is to say of a connection that does not move.
    #[cold]
    pub(crate) fn stuck(&self, now: Nanos, at_end: bool) -> Stuck {
        Stuck {
            connection: self.number,
            template: template_of(self.template, self.pending.as_deref(), 0),
            is_upgrading: self.phase == Phase::Upgrading,
            in_flight: self.in_flight.count(),
            bytes: self.received,
            inside: match &self.protocol {
                Protocol::Http { parser, .. } => !parser.is_between_answers(),
                Protocol::WebSocket(socket) => socket.is_inside_a_message(),
            },
            silent: now.saturating_sub(self.progress),
            at: i64::try_from(now).unwrap_or(i64::MAX),
            at_end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args::Args, record::Record, trouble::Trouble};
    use clap::Parser;
    use sws_proto::{http1::answer::AnswerError, ws};

    fn plan(extra: &[&str]) -> Plan {
        let words = [&["loadgen", "http://127.0.0.1:1/"], extra].concat();
        Plan::new(Args::try_parse_from(words).unwrap(), drop).unwrap()
    }

    fn open(plan: &Plan, now: Nanos) -> Conn {
        let mut conn = Conn::new(0, 0, plan);
        conn.open(3, plan, now);
        conn.connected(plan.upgrade.as_ref());
        conn
    }

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    #[test]
    fn generations_do_not_repeat_within_16_bits() {
        let plan = plan(&[]);
        let mut conn = Conn::new(0, 0, &plan);
        let mut last = 0;
        for _ in 0..200_000 {
            conn.open(3, &plan, 0);
            assert!(conn.generation > last);
            last = conn.generation;
        }
        conn.generation = u32::MAX;
        conn.open(3, &plan, 0);
        assert_eq!(conn.generation, 1);
    }

    #[test]
    fn answers_are_matched_with_requests_and_the_rest_is_unsolicited() {
        let plan = plan(&[]);
        let (mut record, mut trouble) = (Record::new(&plan, 0).unwrap(), Trouble::default());
        let mut conn = open(&plan, 0);
        conn.in_flight.push(1000, 2);
        conn.receive(&OK.repeat(3), 5000, &mut record, &mut trouble);
        assert_eq!((record.books.ok, trouble.unsolicited), (2, 1));
        assert_eq!(conn.in_flight.count(), 0);
        assert_eq!(record.tally.latencies.mean(), 4000);
        assert_eq!((conn.end, conn.progress), (None, 5000));
    }

    #[test]
    fn every_end_writes_off_all_that_is_in_flight() {
        let plan = plan(&[]);
        for end in [
            End::Closed,
            End::Broken(libc::ECONNRESET),
            End::Stuck,
            End::CutShort,
            End::Announced,
            End::Malformed(AnswerError::Chunk),
            End::BadFrame(ws::Error::Masked),
            End::Tls,
        ] {
            let (mut record, mut trouble) = (Record::new(&plan, 0).unwrap(), Trouble::default());
            let mut conn = open(&plan, 0);
            conn.in_flight.push(0, 3);
            record.books.sent = 3;
            conn.write_off(end, &mut record, &mut trouble);
            assert!(record.books.balance(0, 0), "{end:?}");
            assert_eq!(trouble.unsolicited, 0, "{end:?}");
        }
    }

    #[test]
    fn a_body_until_the_end_is_complete_only_at_an_orderly_end() {
        let plan = plan(&["--expect-body", "all of it"]);
        let partial = b"HTTP/1.1 200 OK\r\n\r\nall of it";
        for (end, ok) in [(End::Closed, 1), (End::Broken(libc::ECONNRESET), 0)] {
            let (mut record, mut trouble) = (Record::new(&plan, 0).unwrap(), Trouble::default());
            let mut conn = open(&plan, 0);
            conn.in_flight.push(0, 1);
            conn.receive(partial, 1, &mut record, &mut trouble);
            assert_eq!(record.books.ok, 0);
            conn.ended(end, 2, &mut record, &mut trouble);
            assert_eq!(record.books.ok, ok);
            assert_eq!(conn.end == Some(End::CutShort), ok == 0);
        }
    }

    #[test]
    fn only_what_is_waited_for_can_be_stuck() {
        let mut conn = open(&plan(&[]), 100);
        assert!(!conn.is_stuck_since(200));
        conn.in_flight.push(100, 1);
        assert!(conn.is_stuck_since(200));
        assert!(!conn.is_stuck_since(100));
        conn.phase = Phase::Waiting;
        assert!(!conn.is_stuck_since(200));
    }
}
