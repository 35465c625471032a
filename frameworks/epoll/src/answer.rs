//! Answers, as bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const OK: &str = "200 OK";
pub(crate) const TEXT: &str = "text/plain";
pub(crate) const JSON: &str = "application/json";

/// One answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: &'static str,
    pub(crate) content_type: &'static str,
    /// Further fields, each with its line end.
    pub(crate) fields: &'static str,
    pub(crate) body: &'a [u8],
}

/// How it is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// To HEAD: without the body.
    pub(crate) bare: bool,
    /// The last answer of its connection.
    pub(crate) close: bool,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(status: &'static str, content_type: &'static str, body: &'a [u8]) -> Self {
        Self {
            status,
            content_type,
            fields: "",
            body,
        }
    }

    pub(crate) fn text(body: &'a [u8]) -> Self {
        Self::new(OK, TEXT, body)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>, clock: &Clock, manner: Manner) {
        let mut length = itoa::Buffer::new();
        let length = length.format(self.body.len());
        for part in [
            "HTTP/1.1 ",
            self.status,
            "\r\nContent-Type: ",
            self.content_type,
            "\r\nContent-Length: ",
            length,
            "\r\nDate: ",
            clock.text.as_str(),
            "\r\n",
            self.fields,
            if manner.close {
                "Connection: close\r\n\r\n"
            } else {
                "\r\n"
            },
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        if !manner.bare {
            out.extend_from_slice(self.body);
        }
    }
}

/// The text of `Date` (RFC 9110 section 6.6.1), written once a second.
#[derive(Debug)]
pub(crate) struct Clock {
    second: u64,
    text: String,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let mut clock = Self {
            second: u64::MAX,
            text: String::new(),
        };
        clock.look();
        clock
    }

    /// To be called once per wake-up.
    pub(crate) fn look(&mut self) {
        let second = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        if second != self.second {
            self.second = second;
            self.text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
    }
}
