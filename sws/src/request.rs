//! A request as a handler sees it: views into the bytes that arrived.

use crate::router::PathParams;
use std::fmt;
use sws_proto::http1::{Header, Method, head::Head, negotiate, query};

/// One request. Everything in it borrows from the receive buffer and ends with the handler's call.
pub struct Request<'a> {
    head: &'a Head<'a, 'a>,
    body: &'a [u8],
    params: PathParams<'a, 'a>,
}

impl<'a> Request<'a> {
    #[inline]
    pub(crate) fn new(head: &'a Head<'a, 'a>, params: PathParams<'a, 'a>, body: &'a [u8]) -> Self {
        Self { head, body, params }
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method<'a> {
        self.head.method
    }

    /// The path as sent, not percent-decoded.
    #[inline]
    pub fn path(&self) -> &'a str {
        self.head.path
    }

    /// What follows the `?`, as sent.
    #[inline]
    pub fn query(&self) -> Option<&'a str> {
        self.head.query
    }

    /// The query's `name=value` pairs in order, as sent; [`decode`](sws_proto::http1::query::decode) undoes
    /// percent-encoding.
    #[inline]
    pub fn query_pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        query::pairs(self.head.query.unwrap_or_default())
    }

    /// The value of the first query pair with this name, as sent.
    pub fn query_value(&self, name: &str) -> Option<&'a str> {
        self.query_pairs()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// What a `{name}` of the route's path stands for, as sent.
    #[inline]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.as_ref()?.get(name)
    }

    /// The first field with this name (any case).
    #[inline]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.head.header(name)
    }

    /// All fields with this name (any case), in order.
    #[inline]
    pub fn header_values<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.head
            .headers
            .iter()
            .filter(move |h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value)
    }

    /// All fields in order.
    #[inline]
    pub fn headers(&self) -> &'a [Header<'a>] {
        self.head.headers
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
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.head.method.as_str())
            .field("path", &self.head.path)
            .field("query", &self.head.query)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
