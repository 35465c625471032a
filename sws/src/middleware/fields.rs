//! What several kinds of middleware do with fields.

use crate::reply::Reply;
use sws_proto::http1::list;

/// All members of an answer's list fields of this name, in order.
pub(super) fn members<'a>(reply: &'a Reply, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let fields = reply.fields.iter();
    fields
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .flat_map(|field| list::members(&field.value))
}

/// Says that an answer depends on a field of the request (RFC 9110, 12.5.5), whatever else it depends on.
pub(super) fn vary(reply: &mut Reply, on: &str) {
    let mut all = Vec::new();
    for member in members(reply, "vary") {
        if member == b"*" || member.eq_ignore_ascii_case(on.as_bytes()) {
            return;
        }
        all.extend_from_slice(member);
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(on.as_bytes());
    reply.set_header("Vary", all);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vary_keeps_what_is_there() {
        for (before, after) in [
            (&[][..], &["Origin"][..]),
            (&["origin"], &["origin"]),
            (&["*"], &["*"]),
            (&["Accept, ORIGIN"], &["Accept, ORIGIN"]),
            (&["Accept"], &["Accept, Origin"]),
            (
                &["Accept", "Cookie, Range"],
                &["Accept, Cookie, Range, Origin"],
            ),
            (&["Accept", "Origin"], &["Accept", "Origin"]),
            (&["X-Origin", ""], &["X-Origin, Origin"]),
        ] {
            let mut reply = Reply::empty();
            for value in before {
                reply.add_header("vary", value);
            }
            vary(&mut reply, "Origin");
            let values = reply.fields.iter().map(|field| &*field.value);
            assert!(values.eq(after.iter().map(|v| v.as_bytes())), "{before:?}");
        }
    }
}
