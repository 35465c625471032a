//! Middleware without a server around it.

use super::{Flow, Middleware};
use crate::{ConnId, Reply, Request, connection::ConnRef, params::Params};
use std::mem::MaybeUninit;
use sws_proto::http1::{Limits, head};

/// Lets `see` look at a request with this head, which lacks its empty line.
pub(super) fn with_request<R>(head: &str, see: impl FnOnce(&mut Request<'_>) -> R) -> R {
    let bytes = format!("{}\r\nHost: t\r\n\r\n", head.replace('\n', "\r\n"));
    let mut slots = [const { MaybeUninit::uninit() }; 32];
    let parsed = head::parse(bytes.as_bytes(), &mut slots, &Limits::default());
    let (head, _) = parsed.unwrap().unwrap();
    let conn = ConnRef {
        id: ConnId::new(0, 1),
        fd: -1,
        unsent: 0,
    };
    see(&mut Request::new(conn, &head, Params::None, &[]))
}

/// What comes of a request and of the answer that its handler would give. The flag tells whether the handler was reached.
pub(super) fn pass(
    middleware: &impl Middleware<()>,
    head: &str,
    handler: impl FnOnce(&mut Request<'_>) -> Reply,
) -> (bool, Reply) {
    with_request(head, |request| match middleware.before(&mut (), request) {
        Flow::Answer(reply) => (false, reply),
        Flow::Continue => {
            let mut reply = handler(request);
            middleware.after(&mut (), request, &mut reply);
            (true, reply)
        }
    })
}

/// The value of a field that must not be there twice.
pub(super) fn field<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let mut fields = reply.fields.iter();
    let mut values = fields
        .by_ref()
        .filter(|f| f.name.eq_ignore_ascii_case(name));
    let first = values
        .next()
        .map(|f| std::str::from_utf8(&f.value).unwrap());
    assert!(values.next().is_none(), "{name} is there twice");
    first
}
