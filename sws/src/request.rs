//! A request as a handler sees it: views into the bytes that arrived.

use crate::{
    connection::{ConnId, ConnRef},
    context::RequestParts,
    extensions::Extensions,
    fields::Fields,
    params::Params,
    rejection::Rejection,
};
use serde::de::DeserializeOwned;
use std::{borrow::Cow, fmt, net::SocketAddr, str::FromStr};
use sws_proto::http1::{Method, Version, head::Head, negotiate, query};
use sws_ring::sys;

/// One request. Everything in it borrows from the receive buffer and ends with the handler's call.
pub struct Request<'a> {
    source: Source<'a>,
    body: &'a [u8],
    params: Params<'a>,
    pub(crate) extensions: Extensions,
    conn: ConnRef,
}

/// Where a request's head is.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// In the receive buffer.
    Head(&'a Head<'a, 'a>),
    /// With a handler that waits.
    Kept(&'a RequestParts),
}

impl<'a> Request<'a> {
    #[inline]
    pub(crate) fn new(
        conn: ConnRef,
        head: &'a Head<'a, 'a>,
        params: Params<'a>,
        body: &'a [u8],
    ) -> Self {
        Self {
            source: Source::Head(head),
            body,
            params,
            extensions: Extensions::default(),
            conn,
        }
    }

    /// A view of a request that is kept elsewhere.
    pub(crate) fn view(
        conn: ConnRef,
        parts: &'a RequestParts,
        params: Params<'a>,
        extensions: Extensions,
        body: &'a [u8],
    ) -> Self {
        Self {
            source: Source::Kept(parts),
            body,
            params,
            extensions,
            conn,
        }
    }

    /// The same with its body, which has come.
    pub(crate) fn with_body<'b>(self, body: &'b [u8]) -> Request<'b>
    where
        'a: 'b,
    {
        let mut request: Request<'b> = self;
        request.body = body;
        request
    }

    #[inline]
    pub(crate) fn fields(&self) -> Fields<'a> {
        match self.source {
            Source::Head(head) => Fields::Parsed(head.headers),
            Source::Kept(parts) => parts.fields(),
        }
    }

    pub(crate) fn params(&self) -> &Params<'a> {
        &self.params
    }

    pub(crate) fn conn(&self) -> ConnRef {
        self.conn
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method<'a> {
        match self.source {
            Source::Head(head) => head.method,
            Source::Kept(parts) => parts.method(),
        }
    }

    /// The version that the request is served as.
    #[inline]
    pub fn version(&self) -> Version {
        match self.source {
            Source::Head(head) => head.version,
            Source::Kept(parts) => parts.version(),
        }
    }

    /// The path as sent, not percent-decoded.
    #[inline]
    pub fn path(&self) -> &'a str {
        match self.source {
            Source::Head(head) => head.path,
            Source::Kept(parts) => parts.path(),
        }
    }

    /// What follows the `?`, as sent.
    #[inline]
    pub fn query(&self) -> Option<&'a str> {
        match self.source {
            Source::Head(head) => head.query,
            Source::Kept(parts) => parts.query(),
        }
    }

    /// The query's `name=value` pairs in order, as sent; [`decode`](sws_proto::http1::query::decode) undoes
    /// percent-encoding.
    #[inline]
    pub fn query_pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        query::pairs(self.query().unwrap_or_default())
    }

    /// The value of the first query pair with this name, as sent.
    pub fn query_value(&self, name: &str) -> Option<&'a str> {
        self.query_pairs()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The value of the first query pair with this name, decoded: `%41` is `A`, `+` a space.
    pub fn query_decoded(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query_value(name).map(query::decode)
    }

    /// The query, decoded into a structure.
    ///
    /// # Errors
    /// 400 that says what does not fit.
    pub fn query_as<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        serde_urlencoded::from_str(self.query().unwrap_or_default())
            .map_err(|error| Rejection::bad_request(format!("query: {error}")))
    }

    /// What a `{name}` of the route's path stands for, as sent.
    #[inline]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    /// What a `{name}` of the route's path stands for, percent-decoded. The result may hold a `/` that the path did not.
    pub fn param_decoded(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param(name).map(query::decode_path)
    }

    /// What a `{name}` of the route's path stands for, decoded and parsed.
    ///
    /// # Errors
    /// 400 if it cannot be parsed, 500 if the route has no such parameter.
    pub fn param_as<T: FromStr>(&self, name: &str) -> Result<T, Rejection> {
        let Some(text) = self.param_decoded(name) else {
            return Err(Rejection::internal(format_args!(
                "the route has no parameter {name:?}"
            )));
        };
        text.parse()
            .map_err(|_| Rejection::bad_request(format!("{name}: {text:?} is not valid")))
    }

    /// The first field with this name (any case).
    #[inline]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.fields().get(name)
    }

    /// The first field with this name (any case), if it is text.
    pub fn header_str(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// All fields with this name (any case), in order.
    #[inline]
    pub fn header_values<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.fields()
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All fields in order: names as sent, values without surrounding space.
    #[inline]
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + Clone + use<'a> {
        self.fields().iter()
    }

    /// The content coding that the client likes best among `offered`, which lists the server's favourite first;
    /// `Coding::Identity` is always on offer. `None`: the client takes none of them, not even that
    /// (RFC 9110, 12.5.3).
    pub fn negotiate(&self, offered: &[negotiate::Coding]) -> Option<negotiate::Coding> {
        negotiate::choose(self.header_values("accept-encoding"), offered)
    }

    /// The body, for a handler that takes it whole; empty for one that streams.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 415 if the client says that it is something else, 400 that says what does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        decode_json(self.header_str("content-type"), self.body)
    }

    /// The body as a form, `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// 415 if the client says that it is something else, 400 that says what does not fit.
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        decode_form(self.header_str("content-type"), self.body)
    }

    /// The address that the client connects from; `None` if it has gone.
    pub fn peer(&self) -> Option<SocketAddr> {
        sys::peer_address(self.conn.fd)
    }

    /// The connection that the request came over.
    pub fn connection(&self) -> ConnId {
        self.conn.id
    }

    /// The value of this type that middleware has left.
    pub fn extension<T: 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }

    /// Leaves a value for those who see the request later; one of the same type is replaced.
    pub fn set_extension<T: 'static>(&mut self, value: T) {
        self.extensions.set(value);
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method().as_str())
            .field("path", &self.path())
            .field("query", &self.query())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Whether a content type is `wanted`, parameters aside. None at all is taken on trust.
fn is_type(content_type: Option<&str>, wanted: impl Fn(&str) -> bool) -> bool {
    content_type.is_none_or(|given| {
        let essence = given.split(';').next().unwrap_or_default().trim();
        wanted(&essence.to_ascii_lowercase())
    })
}

pub(crate) fn decode_json<T: DeserializeOwned>(
    content_type: Option<&str>,
    body: &[u8],
) -> Result<T, Rejection> {
    if !is_type(content_type, |t| {
        t == "application/json" || t.ends_with("+json")
    }) {
        return Err(Rejection::new(415, "the body should be application/json"));
    }
    serde_json::from_slice(body).map_err(|error| Rejection::bad_request(format!("body: {error}")))
}

pub(crate) fn decode_form<T: DeserializeOwned>(
    content_type: Option<&str>,
    body: &[u8],
) -> Result<T, Rejection> {
    const FORM: &str = "application/x-www-form-urlencoded";
    if !is_type(content_type, |t| t == FORM) {
        return Err(Rejection::new(415, format!("the body should be {FORM}")));
    }
    serde_urlencoded::from_bytes(body)
        .map_err(|error| Rejection::bad_request(format!("body: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_compared_without_parameters() {
        let json = |t| decode_json::<Vec<u8>>(t, b"[1]").map_err(|r| r.status());
        assert_eq!(json(Some("application/json; charset=utf-8")), Ok(vec![1]));
        assert_eq!(json(Some("application/problem+JSON")), Ok(vec![1]));
        assert_eq!(json(None), Ok(vec![1]));
        assert_eq!(json(Some("text/plain")), Err(415));
        let form = decode_form::<Vec<(String, String)>>(None, b"a=1+2&b=%41");
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(form, Ok(vec![pair("a", "1 2"), pair("b", "A")]));
    }
}
