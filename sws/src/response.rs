//! A response: written once, straight into the buffer that is sent.

mod body_writer;
mod head;
#[cfg(test)]
mod tests;

pub use body_writer::BodyWriter;
pub(crate) use head::{HeadPrefix, Persistence};

use crate::{
    ConnId,
    handler::Answered,
    local,
    remote::{Inbox, Responder},
    reply::{Field, IntoReply, Reply, response_is_refused},
};
use serde::Serialize;
use std::{
    fmt, io,
    sync::{Arc, atomic::AtomicBool},
};
use sws_proto::http1::response;

const TEXT: &str = "text/plain";
/// Room for what follows the rendered part of a head: a length of 20 digits, its name, three line ends.
const LENGTH_FIELD_BYTES_MAX: usize = 48;

/// What became of a [`Response`], for the connection.
pub(crate) struct Outcome {
    /// For whom it is, should it be answered later.
    pub(crate) conn: ConnId,
    pub(crate) exchange: u32,
    /// The answer is wanted as a value, because it may still be changed.
    pub(crate) capture: bool,
    /// The connection closes after this answer.
    pub(crate) closing: bool,
    /// What became of it, unless the answer is in the output.
    pub(crate) given: Option<Box<Given>>,
}

pub(crate) enum Given {
    /// It is here.
    Reply(Reply),
    /// It will come; the flag tells whether it is still wanted.
    Later(Arc<AtomicBool>),
}

impl Outcome {
    #[inline]
    pub(crate) fn new(conn: ConnId, exchange: u32, closing: bool) -> Self {
        Self {
            conn,
            exchange,
            capture: false,
            closing,
            given: None,
        }
    }
}

/// An answer to be given; every way of giving it uses it up.
pub struct Response<'a> {
    out: &'a mut Vec<u8>,
    /// Fields that the handler added, rendered.
    fields: &'a mut Vec<u8>,
    prefix: &'a HeadPrefix,
    status: u16,
    persistence: Persistence,
    head_only: bool,
    invalid_field: bool,
    outcome: &'a mut Outcome,
}

impl<'a> Response<'a> {
    #[inline]
    pub(crate) fn new(
        out: &'a mut Vec<u8>,
        fields: &'a mut Vec<u8>,
        prefix: &'a HeadPrefix,
        persistence: Persistence,
        head_only: bool,
        outcome: &'a mut Outcome,
    ) -> Self {
        fields.clear();
        Self {
            out,
            fields,
            prefix,
            status: 200,
            persistence,
            head_only,
            invalid_field: false,
            outcome,
        }
    }

    /// Sets the status (200 to 599; 200 unless set).
    #[inline]
    pub fn status(mut self, status: u16) -> Self {
        self.status = if (200..600).contains(&status) {
            status
        } else {
            500
        };
        self
    }

    /// Adds a field. `Content-Length`, `Content-Type` (an argument of [`body`](Self::body)), `Transfer-Encoding`, `Connection`
    /// ([`close`](Self::close)) and `Date` are this type's own business; those, and a name or value that would break the head
    /// (RFC 9110, 5.5), turn the answer into a 500 rather than into a response-splitting hole. Debug builds say so on standard
    /// error.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        const OWN: [&str; 5] = [
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
            "date",
        ];
        let own = OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
        if own || response::try_header(self.fields, name, value.as_ref()).is_err() {
            response_is_refused(name);
            self.invalid_field = true;
        }
        self
    }

    /// Closes the connection after this answer.
    #[inline]
    pub fn close(mut self) -> Self {
        self.persistence = Persistence::Close;
        self.outcome.closing = true;
        self
    }

    /// Answers with `text/plain`, of which the charset is not said; for anything but ASCII that browsers are to show, say it with
    /// [`body`](Self::body).
    #[inline]
    pub fn text(self, body: impl AsRef<[u8]>) -> Answered {
        let plain = self.status == 200 && self.persistence == Persistence::Implied;
        if !plain || self.invalid_field || !self.fields.is_empty() || self.outcome.capture {
            return self.body(TEXT, body);
        }
        let (body, start) = (body.as_ref(), &self.prefix.ok_text);
        self.out
            .reserve(start.len() + LENGTH_FIELD_BYTES_MAX + body.len());
        self.out.extend_from_slice(start);
        self.finish(body)
    }

    /// Answers with `text/html; charset=utf-8`.
    pub fn html(self, body: impl AsRef<[u8]>) -> Answered {
        self.body("text/html; charset=utf-8", body)
    }

    /// Answers with a body that is already there. With a status that allows none (204, 205, 304) it is left out, as
    /// in every other way of answering.
    #[inline]
    pub fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Answered {
        if self.is_bodiless() {
            return self.empty();
        }
        let body = body.as_ref();
        if self.outcome.capture {
            return self.captured(content_type, body.to_vec());
        }
        self.head(content_type);
        self.finish(body)
    }

    /// Answers with a [`Reply`], to which the fields that were added here are added; the reply's status counts.
    pub fn send(self, reply: impl IntoReply) -> Answered {
        let mut reply = reply.into_reply();
        reply.invalid |= self.invalid_field;
        reply.close |= self.outcome.closing;
        reply.fields.extend(rendered_fields(self.fields));
        self.outcome.given = Some(Box::new(Given::Reply(reply)));
        Answered(())
    }

    /// Answers later, from any thread: by the [`Responder`]. Status and fields that were set here are not kept.
    ///
    /// ```
    /// use sws::{Answered, Request, Response};
    ///
    /// fn slow(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    ///     let (responder, answered) = response.defer();
    ///     std::thread::spawn(move || responder.send("it took a while\n"));
    ///     answered
    /// }
    /// ```
    pub fn defer(self) -> (Responder, Answered) {
        let gone = Arc::new(AtomicBool::new(false));
        // A response exists on a reactor's thread only; without one nobody would take the answer.
        let inbox = local::current().map_or_else(
            || Arc::new(Inbox::new(|| ())),
            |local| Arc::clone(&local.inbox),
        );
        let Outcome { conn, exchange, .. } = *self.outcome;
        let responder = Responder::new(inbox, conn, exchange, Arc::clone(&gone));
        self.outcome.given = Some(Box::new(Given::Later(gone)));
        (responder, Answered(()))
    }

    #[cold]
    fn captured(self, content_type: &str, body: Vec<u8>) -> Answered {
        let mut reply = Reply::bytes(content_type.to_owned(), body).status(self.status);
        reply.invalid = self.invalid_field;
        reply.close = self.outcome.closing;
        reply.fields.extend(rendered_fields(self.fields));
        self.outcome.given = Some(Box::new(Given::Reply(reply)));
        Answered(())
    }

    /// The end of a head, and the body.
    #[inline]
    fn finish(self, body: &[u8]) -> Answered {
        response::content_length(self.out, body.len() as u64);
        response::end(self.out);
        if !self.head_only {
            self.out.extend_from_slice(body);
        }
        Answered(())
    }

    /// Answers with a body that `write` produces. It goes straight into the output; the length is filled in
    /// afterwards. An error turns the answer into a 500.
    pub fn write(
        mut self,
        content_type: &str,
        write: impl FnOnce(&mut BodyWriter<'_>) -> io::Result<()>,
    ) -> Answered {
        if self.is_bodiless() {
            return self.empty();
        }
        let start = self.out.len();
        if self.outcome.capture {
            if write(&mut BodyWriter { out: self.out }).is_err() {
                self.out.truncate(start);
                return self.failure("the response could not be produced\n");
            }
            let body = self.out.split_off(start);
            return self.captured(content_type, body);
        }
        self.head(content_type);
        let mark = response::reserve_content_length(self.out);
        response::end(self.out);
        let body_start = self.out.len();
        if write(&mut BodyWriter { out: self.out }).is_err() {
            self.out.truncate(start);
            return self.failure("the response could not be produced\n");
        }
        let len = self.out.len() - body_start;
        mark.patch(self.out, len as u64);
        if self.head_only {
            self.out.truncate(body_start);
        }
        Answered(())
    }

    /// Answers with `value` as `application/json`, serialised straight into the output.
    #[inline]
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Answered {
        self.write("application/json", |out| {
            Ok(serde_json::to_writer(out, value)?)
        })
    }

    /// Answers without a body.
    pub fn empty(mut self) -> Answered {
        if self.outcome.capture {
            let mut reply = Reply::empty().status(self.status);
            reply.invalid = self.invalid_field;
            reply.close = self.outcome.closing;
            reply.fields.extend(rendered_fields(self.fields));
            self.outcome.given = Some(Box::new(Given::Reply(reply)));
            return Answered(());
        }
        self.start();
        // RFC 9110, 8.6: no length in a 204; in a 304 it would speak of the 200's body.
        if !matches!(self.status, 204 | 304) {
            response::content_length(self.out, 0);
        }
        response::end(self.out);
        Answered(())
    }

    /// RFC 9110, 15.3.5, 15.3.6 and 15.4.5: whatever followed the head would be taken for the next answer.
    #[inline]
    fn is_bodiless(&self) -> bool {
        matches!(self.status, 204 | 205 | 304)
    }

    fn failure(mut self, text: &str) -> Answered {
        self.status = 500;
        self.invalid_field = false;
        self.fields.clear();
        self.body("text/plain", text)
    }

    #[inline]
    fn head(&mut self, content_type: &str) {
        let start = self.out.len();
        self.start();
        if response::try_header(self.out, "Content-Type", content_type.as_bytes()).is_err() {
            self.out.truncate(start);
            self.invalid_field = true;
            self.start();
        }
    }

    #[inline]
    fn start(&mut self) {
        if self.invalid_field {
            self.status = 500;
            self.fields.clear();
        }
        if self.status == 200 {
            self.out.extend_from_slice(&self.prefix.ok);
        } else {
            response::begin(self.out, self.status);
            self.out.extend_from_slice(&self.prefix.date_field);
        }
        match self.persistence {
            Persistence::Implied => {}
            Persistence::KeepAlive => response::header(self.out, "Connection", b"keep-alive"),
            Persistence::Close => response::header(self.out, "Connection", b"close"),
        }
        if !self.fields.is_empty() {
            self.out.extend_from_slice(self.fields);
        }
    }
}

/// Fields that were rendered by [`Response::header`], taken apart again.
fn rendered_fields(lines: &[u8]) -> impl Iterator<Item = Field> {
    let fields = crate::fields::Fields::Lines(lines);
    fields.iter().map(|(name, value)| Field {
        name: name.to_owned().into(),
        value: value.to_vec(),
    })
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
