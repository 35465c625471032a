//! A request that outlives the bytes that it came in, for handlers that wait.

use crate::{
    blocks::Collected,
    connection::{ConnId, ConnRef},
    fields::Fields,
    params::Params,
    rejection::Rejection,
    request::{Request, decode_form, decode_json},
    state::State,
};
use serde::de::DeserializeOwned;
use std::{borrow::Cow, fmt, net::SocketAddr, ops::Range, rc::Rc, str::FromStr};
use sws_proto::http1::{Method, Version, negotiate, query};

/// A request with its memory: the head as it came and where its parts are.
pub(crate) struct RequestParts {
    conn: ConnRef,
    /// Method, path and query, then the field lines.
    bytes: Box<[u8]>,
    method: Range<u32>,
    version: Version,
    path: Range<u32>,
    query: Option<Range<u32>>,
    fields: u32,
    params: Box<[(Box<str>, Box<str>)]>,
    extensions: crate::extensions::Extensions,
    body: Collected,
    peer: Option<SocketAddr>,
}

impl RequestParts {
    /// A copy of `request` that keeps `body`.
    pub(crate) fn keep(request: &Request<'_>, body: Collected) -> Self {
        let mut bytes = Vec::with_capacity(256);
        let mut add = |part: &[u8]| {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(part);
            start..bytes.len() as u32
        };
        let method = add(request.method().as_str().as_bytes());
        let path = add(request.path().as_bytes());
        let query = request.query().map(|query| add(query.as_bytes()));
        let fields = add(b"").start;
        for (name, value) in request.fields().iter() {
            for part in [name.as_bytes(), b":", value, b"\r\n"] {
                add(part);
            }
        }
        Self {
            conn: request.conn(),
            bytes: bytes.into_boxed_slice(),
            method,
            version: request.version(),
            path,
            query,
            fields,
            params: request.params().keep(),
            extensions: request.extensions.clone(),
            body,
            // Asked for now: later the descriptor may be somebody else's.
            peer: request.peer(),
        }
    }

    fn text(&self, range: &Range<u32>) -> &str {
        // Both ends are where a `str` began or ended.
        std::str::from_utf8(&self.bytes[range.start as usize..range.end as usize])
            .unwrap_or_default()
    }

    pub(crate) fn method(&self) -> Method<'_> {
        Method::from_token(self.text(&self.method))
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn path(&self) -> &str {
        self.text(&self.path)
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_ref().map(|query| self.text(query))
    }

    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::Lines(&self.bytes[self.fields as usize..])
    }

    /// The request as those see it who need not keep it.
    pub(crate) fn view(&self) -> Request<'_> {
        let params = Params::Kept(&self.params);
        let extensions = self.extensions.clone();
        Request::view(self.conn, self, params, extensions, &self.body)
    }
}

/// What an `async` handler is given: the request, and a handle on the reactor's state.
///
/// It owns what it shows, so it may be held across every `await`.
pub struct Context<S> {
    parts: Rc<RequestParts>,
    state: State<S>,
}

impl<S> Context<S> {
    pub(crate) fn new(parts: Rc<RequestParts>, state: State<S>) -> Self {
        Self { parts, state }
    }

    /// Works with the reactor's state; see [`State::with`].
    pub fn with<R>(&self, act: impl FnOnce(&mut S) -> R) -> R {
        self.state.with(act)
    }

    /// A handle on the reactor's state, for tasks.
    pub fn state(&self) -> State<S> {
        self.state.clone()
    }

    /// The method.
    pub fn method(&self) -> Method<'_> {
        self.parts.method()
    }

    /// The version that the request is served as.
    pub fn version(&self) -> Version {
        self.parts.version
    }

    /// The path as sent, not percent-decoded.
    pub fn path(&self) -> &str {
        self.parts.path()
    }

    /// What follows the `?`, as sent.
    pub fn query(&self) -> Option<&str> {
        self.parts
            .query
            .as_ref()
            .map(|query| self.parts.text(query))
    }

    /// The query's `name=value` pairs in order, as sent.
    pub fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        query::pairs(self.query().unwrap_or_default())
    }

    /// The value of the first query pair with this name, as sent.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query_pairs()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The value of the first query pair with this name, decoded: `%41` is `A`, `+` a space.
    pub fn query_decoded(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_value(name).map(query::decode)
    }

    /// The query, decoded into a structure.
    ///
    /// # Errors
    /// 400 that says what does not fit.
    pub fn query_as<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        self.parts.view().query_as()
    }

    /// What a `{name}` of the route's path stands for, as sent.
    pub fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.parts.params.iter();
        params
            .find(|(key, _)| **key == *name)
            .map(|(_, value)| &**value)
    }

    /// What a `{name}` of the route's path stands for, percent-decoded.
    pub fn param_decoded(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param(name).map(query::decode_path)
    }

    /// What a `{name}` of the route's path stands for, decoded and parsed.
    ///
    /// # Errors
    /// 400 if it cannot be parsed, 500 if the route has no such parameter.
    pub fn param_as<T: FromStr>(&self, name: &str) -> Result<T, Rejection> {
        self.parts.view().param_as(name)
    }

    /// The first field with this name (any case).
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.fields().get(name)
    }

    /// The first field with this name (any case), if it is text.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// All fields with this name (any case), in order.
    pub fn header_values<'n>(&self, name: &'n str) -> impl Iterator<Item = &[u8]> + use<'_, 'n, S> {
        self.headers()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All fields in order: names as sent, values without surrounding space.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.fields().iter()
    }

    fn fields(&self) -> Fields<'_> {
        self.parts.fields()
    }

    /// As [`Request::negotiate`].
    pub fn negotiate(&self, offered: &[negotiate::Coding]) -> Option<negotiate::Coding> {
        self.parts.view().negotiate(offered)
    }

    /// The body; empty for a handler that takes it as a stream.
    pub fn body(&self) -> &[u8] {
        &self.parts.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 415 if the client says that it is something else, 400 that says what does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        decode_json(self.header_str("content-type"), self.body())
    }

    /// The body as a form.
    ///
    /// # Errors
    /// 415 if the client says that it is something else, 400 that says what does not fit.
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        decode_form(self.header_str("content-type"), self.body())
    }

    /// The address that the client connects from; `None` if it had gone before the handler began.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.parts.peer
    }

    /// The connection that the request came over.
    pub fn connection(&self) -> ConnId {
        self.parts.conn.id
    }

    /// The value of this type that middleware has left.
    pub fn extension<T: 'static>(&self) -> Option<&T> {
        self.parts.extensions.get()
    }
}

impl<S> fmt::Debug for Context<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
