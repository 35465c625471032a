//! §10.4: a limit on the size of messages, however many frames they have.

use sws_proto::ws::{Error, Role};

use crate::table::*;

pub(crate) fn cases() -> Vec<Case> {
    [messages(), others()].into_iter().flatten().collect()
}

fn messages() -> Vec<Case> {
    let mut s = Section::new("10.4");
    let large = Error::MessageTooLarge;
    s.limited(
        "just fits",
        10,
        &[f(BINARY, [1; 10])],
        &[binary([1; 10])],
        BETWEEN,
    );
    s.limited(
        "one too many",
        10,
        &[f(BINARY, [1; 11])],
        &[],
        failed(large),
    );
    s.limited(
        "text, one too many",
        10,
        &[f(TEXT, [b'a'; 11])],
        &[],
        failed(large),
    );
    s.limited(
        "fragments just fit",
        10,
        &[
            f(TEXT_MORE, b"01234"),
            f(MORE, b"5678"),
            f(LAST, b"9"),
            f(TEXT, b"next"),
        ],
        &[text("0123456789"), text("next")],
        BETWEEN,
    );
    s.limited(
        "second fragment too long",
        10,
        &[f(BINARY_MORE, b"01234"), f(LAST, b"567890")],
        &[],
        failed(large),
    );
    s.limited(
        "full, then an empty fragment",
        4,
        &[f(BINARY_MORE, b"0123"), f(MORE, b""), f(LAST, b"")],
        &[binary(b"0123")],
        BETWEEN,
    );
    s.limited(
        "full, then one byte",
        4,
        &[f(BINARY_MORE, b"0123"), f(MORE, b"4")],
        &[],
        failed(large),
    );
    s.limited(
        "an unfinished character counts",
        4,
        &[f(TEXT_MORE, b"ab\xe2"), f(LAST, b"\x82\xac")],
        &[],
        failed(large),
    );
    s.limited(
        "every message anew",
        4,
        &[
            f(TEXT, b"abcd"),
            f(TEXT, b"efgh"),
            f(TEXT_MORE, b"ij"),
            f(LAST, b"kl"),
        ],
        &[text("abcd"), text("efgh"), text("ijkl")],
        BETWEEN,
    );
    s.cases
}

fn others() -> Vec<Case> {
    let mut s = Section::new("10.4 others");
    let large = Error::MessageTooLarge;
    s.limited(
        "control frames do not count",
        0,
        &[f(PING, [0; 125])],
        &[ping([0; 125])],
        BETWEEN,
    );
    s.limited(
        "control frames between fragments do not count",
        2,
        &[f(TEXT_MORE, b"a"), f(PING, b"long enough"), f(LAST, b"b")],
        &[ping(b"long enough"), text("ab")],
        BETWEEN,
    );
    s.limited(
        "nothing but empty messages",
        0,
        &[f(TEXT, b""), f(BINARY, b""), f(TEXT, b"a")],
        &[text(""), binary(b"")],
        failed(large),
    );
    s.limited(
        "an announcement is enough",
        65535,
        &[f(BINARY, vec![0; 65536])],
        &[],
        failed(large),
    );
    s.one(
        "the header of the longest frame there is",
        Role::Client,
        &[raw(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")],
        &[],
        failed(large),
    );
    s.one(
        "an announcement reserves nothing",
        Role::Client,
        &[raw(b"\x82\x7f\0\0\0\0\xff\xff\xff\xffabc")],
        &[],
        open(0, 3),
    );
    s.cases
}
