//! What a row of the conformance table is, and short ways to write one.

use sws_proto::ws::{Error, Role};

use crate::driver::{End, Seen, Transcript};
use crate::reference;

/// A stream and what it has to amount to.
#[derive(Debug)]
pub(crate) struct Case {
    /// Section of RFC 6455.
    pub(crate) section: &'static str,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) message_bytes_max: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) expected: Transcript,
}

/// A part of a stream, before it is known which role receives it.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// First byte and payload of a frame that is otherwise in order.
    Frame(u8, Vec<u8>),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

/// First bytes.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const TEXT_MORE: u8 = 0x01;
pub(crate) const BINARY_MORE: u8 = 0x02;
pub(crate) const MORE: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

pub(crate) const BETWEEN: End = End::Open { rest: 0, held: 0 };

pub(crate) fn f(first: u8, payload: impl AsRef<[u8]>) -> Part {
    Part::Frame(first, payload.as_ref().to_owned())
}

pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Part {
    Part::Raw(bytes.as_ref().to_owned())
}

pub(crate) fn text(text: impl Into<String>) -> Seen {
    Seen::Text(text.into())
}

pub(crate) fn binary(bytes: impl AsRef<[u8]>) -> Seen {
    Seen::Binary(bytes.as_ref().to_owned())
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Seen {
    Seen::Ping(payload.as_ref().to_owned())
}

pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Seen {
    Seen::Pong(payload.as_ref().to_owned())
}

pub(crate) fn closed(code: u16, reason: &str) -> Seen {
    Seen::Close(Some((code, reason.to_owned())))
}

pub(crate) fn failed(error: Error) -> End {
    End::Failed(error)
}

pub(crate) fn open(rest: usize, held: usize) -> End {
    End::Open { rest, held }
}

/// Collects the rows of one section.
#[derive(Debug)]
pub(crate) struct Section {
    section: &'static str,
    pub(crate) cases: Vec<Case>,
}

impl Section {
    pub(crate) fn new(section: &'static str) -> Self {
        let cases = Vec::new();
        Self { section, cases }
    }

    /// A row for both roles.
    pub(crate) fn both(&mut self, name: &str, parts: &[Part], events: &[Seen], end: End) {
        self.limited(name, u32::MAX, parts, events, end);
    }

    /// A row for both roles with a limit on messages.
    pub(crate) fn limited(
        &mut self,
        name: &str,
        message_bytes_max: u32,
        parts: &[Part],
        events: &[Seen],
        end: End,
    ) {
        for role in [Role::Server, Role::Client] {
            self.push(name, role, message_bytes_max, parts, events, end.clone());
        }
    }

    /// A row for one role.
    pub(crate) fn one(
        &mut self,
        name: &str,
        role: Role,
        parts: &[Part],
        events: &[Seen],
        end: End,
    ) {
        self.push(name, role, u32::MAX, parts, events, end);
    }

    fn push(
        &mut self,
        name: &str,
        role: Role,
        message_bytes_max: u32,
        parts: &[Part],
        events: &[Seen],
        end: End,
    ) {
        let bytes = parts.iter().map(|part| match part {
            Part::Frame(first, payload) => reference::frame(role, *first, payload),
            Part::Raw(bytes) => bytes.clone(),
        });
        let events = events.to_vec();
        self.cases.push(Case {
            section: self.section,
            name: name.to_owned(),
            role,
            message_bytes_max,
            input: bytes.collect::<Vec<_>>().concat(),
            expected: Transcript { events, end },
        });
    }
}
