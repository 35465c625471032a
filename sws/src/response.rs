//! A response: written once, straight into the buffer that is sent.

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
use sws_proto::http1::{date::HttpDate, response};

const TEXT: &str = "text/plain";
/// Room for what follows the rendered part of a head: a length of 20 digits, its name, three line ends.
const LENGTH_FIELD_BYTES_MAX: usize = 48;

/// Parts of every response head that change at most once a second.
pub(crate) struct HeadPrefix {
    date: HttpDate,
    /// Status line 200 and `Date`, the start of nearly every answer.
    ok: Vec<u8>,
    /// The same with `Content-Type: text/plain`, the start of the smallest answers.
    ok_text: Vec<u8>,
    /// `Date` alone.
    date_field: Vec<u8>,
}

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

/// Where a body is written: the connection's output. Writing never fails.
pub struct BodyWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl BodyWriter<'_> {
    /// Makes room for `bytes` more in one step.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// Appends without the detour over `io::Write`.
    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The output itself, for a producer that appends to a `Vec`. What is already in it is not the caller's:
    /// it must only append.
    #[inline]
    pub fn as_vec(&mut self) -> &mut Vec<u8> {
        self.out
    }
}

impl io::Write for BodyWriter<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for BodyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(
        persistence: Persistence,
        head_only: bool,
        give: impl FnOnce(Response<'_>) -> Answered,
    ) -> String {
        let (mut out, mut fields) = (b"before".to_vec(), b"stale".to_vec());
        let mut outcome = Outcome::new(ConnId::new(0, 1), 1, false);
        let prefix = HeadPrefix::new(784_111_777);
        let _ = give(Response::new(
            &mut out,
            &mut fields,
            &prefix,
            persistence,
            head_only,
            &mut outcome,
        ));
        String::from_utf8(out)
            .unwrap()
            .strip_prefix("before")
            .unwrap()
            .to_owned()
    }

    const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

    #[test]
    fn text() {
        let expected = format!(
            "HTTP/1.1 200 OK\r\n{DATE}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
        );
        assert_eq!(
            answer(Persistence::Implied, false, |r| r.text("ok")),
            expected
        );
        assert_eq!(
            answer(Persistence::Implied, true, |r| r.text("ok")),
            expected[..expected.len() - 2]
        );
    }

    #[test]
    fn fields_and_persistence() {
        let text = answer(Persistence::Close, false, |r| {
            r.status(404).header("Vary", "x").text("")
        });
        assert!(
            text.starts_with(&format!(
                "HTTP/1.1 404 Not Found\r\n{DATE}Connection: close\r\nVary: x\r\n"
            )),
            "{text}"
        );
        let text = answer(Persistence::KeepAlive, false, |r| r.text(""));
        assert!(text.contains("\r\nConnection: keep-alive\r\n"), "{text}");
        assert!(!answer(Persistence::Implied, false, |r| r.text("")).contains("Connection"));
    }

    #[test]
    fn produced_bodies_get_their_length() {
        let text = answer(Persistence::Implied, false, |r| r.json(&[1, 20, 300]));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "[1,20,300]");
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("Content-Length:"))
            .unwrap();
        assert_eq!(length.trim(), "10");
        let head_alone = answer(Persistence::Implied, true, |r| r.json(&[1, 20, 300]));
        assert_eq!(head_alone, format!("{head}\r\n\r\n"));
    }

    #[test]
    fn a_failed_producer_is_a_500() {
        let text = answer(Persistence::Implied, false, |r| {
            r.write("application/json", |out| {
                out.extend(b"half");
                Err(io::Error::other("no"))
            })
        });
        assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
        assert!(!text.contains("half"));
    }

    #[test]
    fn a_content_type_cannot_split_the_head() {
        let text = answer(Persistence::Implied, false, |r| {
            r.body("text/plain\r\nSet-Cookie: b", "x")
        });
        assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
        assert!(!text.contains("Set-Cookie"), "{text}");
    }

    #[test]
    fn fields_cannot_split_the_head() {
        for (name, value) in [
            ("X", "a\r\nSet-Cookie: b"),
            ("X\r\n", "a"),
            ("Content-Length", "7"),
            ("", "a"),
        ] {
            let text = answer(Persistence::Implied, false, |r| {
                r.header(name, value).text("body")
            });
            assert!(
                text.starts_with("HTTP/1.1 500 "),
                "{name:?} {value:?}: {text}"
            );
            assert!(!text.contains("Set-Cookie"));
        }
    }

    #[test]
    fn a_status_that_has_no_body_gets_none() {
        // What followed the head would be taken for the next answer.
        for status in [204, 205, 304] {
            let answers: [fn(Response<'_>) -> Answered; 3] = [
                |r| r.text("body"),
                |r| r.body("text/plain", "body"),
                |r| r.json("body"),
            ];
            for give in answers {
                let text = answer(Persistence::Implied, false, |r| give(r.status(status)));
                assert!(text.ends_with("\r\n\r\n"), "{text}");
                assert_eq!(
                    text.contains("Content-Length: 0\r\n"),
                    status == 205,
                    "{text}"
                );
                assert_eq!(
                    text.matches("Content-Length").count(),
                    usize::from(status == 205)
                );
            }
        }
    }

    #[test]
    fn empty_has_a_length_unless_forbidden() {
        assert!(
            answer(Persistence::Implied, false, |r| r.empty()).contains("Content-Length: 0\r\n")
        );
        assert!(
            !answer(Persistence::Implied, false, |r| r.status(204).empty())
                .contains("Content-Length")
        );
    }
}
