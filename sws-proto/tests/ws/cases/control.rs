//! §5.5, §5.5.2 and §5.5.3: control frames other than close.

use sws_proto::ws::{Error, Role};

use crate::reference::MASK;
use crate::table::*;

pub(crate) fn cases() -> Vec<Case> {
    [rules(), pings(), pongs()].into_iter().flatten().collect()
}

/// §5.5: at most 125 bytes, not fragmented.
fn rules() -> Vec<Case> {
    let mut s = Section::new("5.5");
    for (name, first) in [("close", CLOSE), ("ping", PING), ("pong", PONG)] {
        for length in [126, 127, 200, 65536] {
            let name = format!("{name} of {length} bytes");
            let parts = [f(first, vec![b'x'; length])];
            s.both(&name, &parts, &[], failed(Error::ControlTooLong));
        }
        for (how, payload) in [("", &b"xx"[..]), (", empty", b"")] {
            let name = format!("{name} without FIN{how}");
            let parts = [f(first & 0x7f, payload), f(LAST, b"")];
            s.both(&name, &parts, &[], failed(Error::ControlFragmented));
        }
    }
    s.one(
        "two bytes show a length",
        Role::Server,
        &[raw(b"\x89\xfe")],
        &[],
        failed(Error::ControlTooLong),
    );
    s.one(
        "two bytes show a length",
        Role::Client,
        &[raw(b"\x8a\x7f")],
        &[],
        failed(Error::ControlTooLong),
    );
    s.both(
        "one byte shows a fragment",
        &[raw(b"\x08")],
        &[],
        failed(Error::ControlFragmented),
    );
    s.cases
}

/// §5.5.2.
fn pings() -> Vec<Case> {
    let mut s = Section::new("5.5.2");
    s.both("empty", &[f(PING, b"")], &[ping(b"")], BETWEEN);
    s.both(
        "with payload",
        &[f(PING, b"payload")],
        &[ping(b"payload")],
        BETWEEN,
    );
    s.both(
        "need not be text",
        &[f(PING, b"\0\xff\xfe")],
        &[ping(b"\0\xff\xfe")],
        BETWEEN,
    );
    s.both(
        "124 bytes",
        &[f(PING, [7; 124])],
        &[ping([7; 124])],
        BETWEEN,
    );
    s.both(
        "125 bytes",
        &[f(PING, [7; 125])],
        &[ping([7; 125])],
        BETWEEN,
    );
    let ten: Vec<_> = (0..10).map(|at| f(PING, [at])).collect();
    let seen: Vec<_> = (0..10).map(|at| ping([at])).collect();
    s.both("ten in one piece", &ten, &seen, BETWEEN);
    s.both(
        "between messages",
        &[f(TEXT, b"a"), f(PING, b"p"), f(BINARY, b"b")],
        &[text("a"), ping(b"p"), binary(b"b")],
        BETWEEN,
    );
    s.one(
        "without its end",
        Role::Client,
        &[raw(b"\x89\x05ping")],
        &[],
        open(6, 0),
    );
    let header = [&[PING, 0x80 | 125][..], &MASK].concat();
    s.one(
        "the longest one without its last byte",
        Role::Server,
        &[raw(header), raw([b'x'; 124])],
        &[],
        open(130, 0),
    );
    s.cases
}

/// §5.5.3.
fn pongs() -> Vec<Case> {
    let mut s = Section::new("5.5.3");
    s.both("unasked, empty", &[f(PONG, b"")], &[pong(b"")], BETWEEN);
    s.both(
        "unasked, with payload",
        &[f(PONG, b"\xff")],
        &[pong(b"\xff")],
        BETWEEN,
    );
    s.both(
        "125 bytes",
        &[f(PONG, [9; 125])],
        &[pong([9; 125])],
        BETWEEN,
    );
    s.both(
        "before a ping",
        &[f(PONG, b"1"), f(PING, b"2"), f(TEXT, b"3")],
        &[pong(b"1"), ping(b"2"), text("3")],
        BETWEEN,
    );
    s.one(
        "without its end",
        Role::Client,
        &[raw(b"\x8a\x02x")],
        &[],
        open(3, 0),
    );
    s.cases
}
