//! What every head of a response has in common, rendered in advance.

use super::TEXT;
use sws_proto::http1::{date::HttpDate, response};

/// Parts of every response head that change at most once a second.
pub(crate) struct HeadPrefix {
    date: HttpDate,
    /// Status line 200 and `Date`, the start of nearly every answer.
    pub(super) ok: Vec<u8>,
    /// The same with `Content-Type: text/plain`, the start of the smallest answers.
    pub(super) ok_text: Vec<u8>,
    /// `Date` alone.
    pub(super) date_field: Vec<u8>,
}

impl HeadPrefix {
    pub(crate) fn ok(&self) -> &[u8] {
        &self.ok
    }

    pub(crate) fn date_field(&self) -> &[u8] {
        &self.date_field
    }

    pub(crate) fn new(unix_seconds: u64) -> Self {
        let mut this = Self {
            date: HttpDate::new(unix_seconds),
            ok: Vec::new(),
            ok_text: Vec::new(),
            date_field: Vec::new(),
        };
        this.render();
        this
    }

    pub(crate) fn update(&mut self, unix_seconds: u64) {
        self.date.update(unix_seconds);
        self.render();
    }

    fn render(&mut self) {
        self.date_field.clear();
        response::header(&mut self.date_field, "Date", self.date.as_bytes());
        self.ok.clear();
        response::begin(&mut self.ok, 200);
        self.ok.extend_from_slice(&self.date_field);
        self.ok_text.clear();
        self.ok_text.extend_from_slice(&self.ok);
        response::header(&mut self.ok_text, "Content-Type", TEXT);
    }
}

/// What the connection's state says about an answer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// HTTP/1.1, stays open: nothing is said.
    Implied,
    /// HTTP/1.0, stays open: said.
    KeepAlive,
    /// Closes after this answer: said.
    Close,
}
