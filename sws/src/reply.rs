//! An answer as a value: for handlers that wait, for other threads, for middleware.

use crate::{body::Body, rejection::Rejection};
use serde::Serialize;
use std::{borrow::Cow, fmt, fs::File, io, path::Path, sync::Arc};
use sws_proto::http1::response;

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";
/// Fields that say how a message is framed: the connection's business alone.
const OWN_FIELDS: [&str; 4] = ["content-length", "transfer-encoding", "connection", "date"];

/// A whole answer: status, fields, body. Owned and `Send`, so that any thread can make one.
///
/// A handler that answers at once is cheaper with a [`Response`](crate::Response), which writes into the output directly.
///
/// ```
/// use sws::Reply;
///
/// let reply = Reply::text("not yet").status(503).header("Retry-After", "1");
/// assert_eq!(reply.status_code(), 503);
/// assert_eq!(reply.get_header("retry-after"), Some(&b"1"[..]));
/// ```
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<Cow<'static, str>>,
    pub(crate) fields: Vec<Field>,
    pub(crate) body: Body,
    pub(crate) close: bool,
    pub(crate) invalid: bool,
}

/// One header field of a [`Reply`].
pub(crate) struct Field {
    pub(crate) name: Cow<'static, str>,
    pub(crate) value: Vec<u8>,
}

impl Reply {
    fn with(content_type: impl Into<Cow<'static, str>>, body: Body) -> Self {
        Self {
            content_type: Some(content_type.into()),
            body,
            ..Self::empty()
        }
    }

    /// 200 without a body.
    pub fn empty() -> Self {
        Self {
            status: 200,
            content_type: None,
            fields: Vec::new(),
            body: Body::Empty,
            close: false,
            invalid: false,
        }
    }

    /// 200 with `text/plain`.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        let body = match text.into() {
            Cow::Borrowed(text) => Body::Static(text.as_bytes()),
            Cow::Owned(text) => Body::Bytes(text.into_bytes()),
        };
        Self::with(TEXT, body)
    }

    /// 200 with `text/html; charset=utf-8`.
    pub fn html(html: impl Into<Cow<'static, str>>) -> Self {
        Self::text(html).content_type("text/html; charset=utf-8")
    }

    /// 200 with `value` as `application/json`; a value that cannot be serialised makes it a 500.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => Self::with(JSON, Body::Bytes(bytes)),
            Err(error) => Self::text(format!("not serialisable: {error}\n")).status(500),
        }
    }

    /// 200 with bytes of any type.
    pub fn bytes(content_type: impl Into<Cow<'static, str>>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::with(content_type, Body::Bytes(bytes.into()))
    }

    /// 200 with bytes that many answers share without a copy of their own.
    pub fn shared(content_type: impl Into<Cow<'static, str>>, bytes: Arc<[u8]>) -> Self {
        Self::with(content_type, Body::Shared(bytes))
    }

    /// 200 with a file, its type guessed from the name, its length that of now.
    ///
    /// The file is opened at once and read on the reactor's thread in pieces as the client takes them, so it should lie on a
    /// local disk: what has to come over a network belongs on a worker, which can feed a [`Reply::stream`].
    ///
    /// # Errors
    /// What opening it says; a directory is [`io::ErrorKind::IsADirectory`].
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self::with(
            crate::body::content_type_of(path),
            Body::File {
                file,
                at: 0,
                end: metadata.len(),
            },
        ))
    }

    /// 200 with a body that is written while it is sent; see [`BodySender`](crate::BodySender).
    pub fn stream(content_type: impl Into<Cow<'static, str>>) -> (Self, crate::BodySender) {
        let (sender, source) = crate::body::channel();
        (Self::with(content_type, Body::Stream(source, None)), sender)
    }

    /// As [`stream`](Self::stream), with a `Content-Length`: exactly so many bytes have to be written, or the connection is
    /// broken off so that the client can tell.
    pub fn stream_sized(
        content_type: impl Into<Cow<'static, str>>,
        length: u64,
    ) -> (Self, crate::BodySender) {
        let (sender, source) = crate::body::channel();
        let body = Body::Stream(source, Some(length));
        (Self::with(content_type, body), sender)
    }

    /// What is sent in place of an answer that has a field that cannot be sent.
    pub(crate) fn unsendable() -> Self {
        Self::text("the answer has a field that cannot be sent\n").status(500)
    }

    /// Makes an answer that cannot be sent what will be sent for it, so that middleware sees that.
    pub(crate) fn refuse_invalid(&mut self) {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        if self.invalid
            || response::try_header(&mut Vec::new(), "Content-Type", content_type).is_err()
        {
            let close = self.close;
            *self = Self::unsendable();
            self.close = close;
        }
    }

    /// Bytes of the body that follows the head, if they are known before they are sent.
    pub(crate) fn body_bytes(&self) -> Option<u64> {
        match &self.body {
            Body::File { at, end, .. } => Some(end - at),
            Body::Stream(_, length) => *length,
            other => other.bytes().map(|bytes| bytes.len() as u64),
        }
    }

    /// 303 See Other to `location`: a GET of another page, whatever the request's method was.
    pub fn see_other(location: impl AsRef<[u8]>) -> Self {
        Self::empty().status(303).header("Location", location)
    }

    /// Sets the status (200 to 599; anything else is a mistake of the program's and becomes 500).
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.set_status(status);
        self
    }

    /// Adds a field. Fields that frame the message (`Content-Length`, `Transfer-Encoding`, `Connection`) and `Date` are the
    /// server's; those, and bytes that would break the head (RFC 9110, 5.5), turn the answer into a 500.
    /// `Content-Type` replaces the one that is set.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<[u8]>) -> Self {
        self.add_header(name, value);
        self
    }

    /// Replaces the content type.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<Cow<'static, str>>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Closes the connection after this answer.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// The status.
    pub fn status_code(&self) -> u16 {
        self.status
    }

    /// As [`status`](Self::status), in place.
    pub fn set_status(&mut self, status: u16) {
        self.status = if (200..600).contains(&status) {
            status
        } else {
            500
        };
    }

    /// As [`header`](Self::header), in place.
    pub fn add_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.into(), value.as_ref());
        if name.eq_ignore_ascii_case("content-type") {
            match String::from_utf8(value.to_vec()) {
                Ok(value) => self.content_type = Some(value.into()),
                Err(_) => self.invalid = true,
            }
            return;
        }
        let own = OWN_FIELDS.iter().any(|own| name.eq_ignore_ascii_case(own));
        if own || response::try_header(&mut Vec::new(), &name, value).is_err() {
            response_is_refused(&name);
            self.invalid = true;
            return;
        }
        self.fields.push(Field {
            name,
            value: value.to_vec(),
        });
    }

    /// Replaces all fields of this name by one.
    pub fn set_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<[u8]>) {
        let name = name.into();
        self.remove_header(&name);
        self.add_header(name, value);
    }

    /// Removes all fields of this name (any case).
    pub fn remove_header(&mut self, name: &str) {
        if name.eq_ignore_ascii_case("content-type") {
            self.content_type = None;
        }
        self.fields
            .retain(|field| !field.name.eq_ignore_ascii_case(name));
    }

    /// The value of the first field of this name (any case).
    pub fn get_header(&self, name: &str) -> Option<&[u8]> {
        if name.eq_ignore_ascii_case("content-type") {
            return self.content_type.as_deref().map(str::as_bytes);
        }
        let mut fields = self.fields.iter();
        fields
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| &*field.value)
    }

    /// The body, if it is in memory: a stream or a file is not.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.bytes()
    }

    /// Replaces the body; the content type stays.
    pub fn set_body(&mut self, bytes: impl Into<Vec<u8>>) {
        self.body = Body::Bytes(bytes.into());
    }
}

/// Tells whoever is writing a handler why its answer becomes a 500. Not in release builds, where a client might be what causes it.
#[cold]
pub(crate) fn response_is_refused(field: &str) {
    if cfg!(debug_assertions) {
        eprintln!(
            "sws: a handler's answer becomes a 500, because its field {field:?} is not the handler's to set or its value breaks the head"
        );
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// What an `async` handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an answer",
    label = "not an answer",
    note = "answers are `Reply`, texts, bytes, `Json(value)`, `()`, `(status, answer)`, `Option` and `Result` of answers; errors can be `Rejection`"
)]
pub trait IntoReply {
    /// The answer.
    fn into_reply(self) -> Reply;
}

impl IntoReply for Reply {
    fn into_reply(self) -> Reply {
        self
    }
}

/// `text/plain`.
impl IntoReply for &'static str {
    fn into_reply(self) -> Reply {
        Reply::text(self)
    }
}

/// `text/plain`.
impl IntoReply for String {
    fn into_reply(self) -> Reply {
        Reply::text(self)
    }
}

/// `text/plain`.
impl IntoReply for Cow<'static, str> {
    fn into_reply(self) -> Reply {
        Reply::text(self)
    }
}

/// `application/octet-stream`.
impl IntoReply for Vec<u8> {
    fn into_reply(self) -> Reply {
        Reply::bytes("application/octet-stream", self)
    }
}

/// 204 No Content.
impl IntoReply for () {
    fn into_reply(self) -> Reply {
        Reply::empty().status(204)
    }
}

/// The same with another status.
impl<R: IntoReply> IntoReply for (u16, R) {
    fn into_reply(self) -> Reply {
        self.1.into_reply().status(self.0)
    }
}

/// What is missing is 404.
impl<R: IntoReply> IntoReply for Option<R> {
    fn into_reply(self) -> Reply {
        self.map_or_else(
            || Rejection::new(404, "not found").into_reply(),
            R::into_reply,
        )
    }
}

impl<R: IntoReply, E: IntoReply> IntoReply for Result<R, E> {
    fn into_reply(self) -> Reply {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(error) => error.into_reply(),
        }
    }
}

/// A value to be answered as `application/json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self) -> Reply {
        Reply::json(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_checked_and_replaced() {
        let mut reply = Reply::text("x").header("Vary", "a").header("vary", "b");
        reply.set_header("VARY", "c");
        assert_eq!(reply.get_header("Vary"), Some(&b"c"[..]));
        assert_eq!(reply.fields.len(), 1);
        assert!(!reply.invalid);
        assert!(Reply::empty().header("X", "a\r\nb: c").invalid);
        assert!(Reply::empty().header("Content-Length", "3").invalid);
        let reply = Reply::text("x").header("content-type", "text/css");
        assert_eq!(reply.get_header("Content-Type"), Some(&b"text/css"[..]));
        let mut reply = reply;
        reply.remove_header("CONTENT-TYPE");
        assert_eq!(reply.get_header("Content-Type"), None);
    }

    #[test]
    fn conversions() {
        assert_eq!(().into_reply().status_code(), 204);
        assert_eq!((201, "made").into_reply().status_code(), 201);
        assert_eq!(None::<Reply>.into_reply().status_code(), 404);
        let failed: Result<&str, Rejection> = Err(Rejection::new(409, "taken"));
        assert_eq!(failed.into_reply().status_code(), 409);
        assert_eq!(Json([1, 2]).into_reply().body(), Some(&b"[1,2]"[..]));
        assert_eq!(Reply::text("").status(99).status_code(), 500);
    }
}
