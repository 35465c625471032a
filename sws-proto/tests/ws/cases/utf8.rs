//! §5.6 and §8.1: text is UTF-8, and what is not is refused as soon as it shows.

use sws_proto::ws::{Error, Role};

use crate::table::*;

const VALID: &[(&str, &str)] = &[
    ("ASCII", "all of it is ASCII\t~\x7f"),
    ("least of two bytes", "\u{80}"),
    ("greatest of two bytes", "\u{7ff}"),
    ("least of three bytes", "\u{800}"),
    ("before the surrogates", "\u{d7ff}"),
    ("after the surrogates", "\u{e000}"),
    ("replacement character", "\u{fffd}"),
    ("greatest of three bytes", "\u{ffff}"),
    ("noncharacter", "\u{fdd0}"),
    ("least of four bytes", "\u{10000}"),
    ("greatest of four bytes", "\u{10ffff}"),
    ("byte order mark", "\u{feff}x"),
    ("every length by turns", "a\u{e9}b\u{20ac}c\u{1f600}d"),
    ("Greek", "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}"),
    ("combining marks", "e\u{301}a\u{308}"),
];

const INVALID: &[(&str, &[u8])] = &[
    ("continuation byte alone", b"\x80"),
    ("last continuation byte alone", b"\xbf"),
    ("continuation byte after a letter", b"a\xbf"),
    ("two-byte sequence too long", b"\xc3\xa9\xa9"),
    ("overlong slash in two bytes", b"\xc0\xaf"),
    ("overlong NUL in two bytes", b"\xc0\x80"),
    ("lead byte C1", b"\xc1\xbf"),
    ("overlong in three bytes", b"\xe0\x80\xaf"),
    ("greatest overlong in three bytes", b"\xe0\x9f\xbf"),
    ("overlong in four bytes", b"\xf0\x80\x80\xaf"),
    ("greatest overlong in four bytes", b"\xf0\x8f\xbf\xbf"),
    ("first high surrogate", b"\xed\xa0\x80"),
    ("last low surrogate", b"\xed\xbf\xbf"),
    ("pair of surrogates", b"\xed\xa0\xbd\xed\xb8\x80"),
    ("above U+10FFFF", b"\xf4\x90\x80\x80"),
    ("lead byte F5", b"\xf5\x80\x80\x80"),
    ("five-byte form", b"\xf8\x88\x80\x80\x80"),
    ("six-byte form", b"\xfc\x84\x80\x80\x80\x80"),
    ("byte FE", b"\xfe"),
    ("byte FF", b"\xff"),
    ("two bytes cut by a letter", b"\xc3a"),
    ("three bytes cut by a letter", b"\xe2\x82a"),
    ("four bytes cut by a letter", b"\xf0\x9f\x98a"),
    ("lead byte after a lead byte", b"\xc3\xc3\xa9"),
];

/// Right so far, but a character lacks its end.
const CUT_OFF: &[(&str, &[u8])] = &[
    ("one of two bytes", b"\xc3"),
    ("one of three bytes", b"\xe2"),
    ("two of three bytes", b"\xe2\x82"),
    ("one of four bytes", b"\xf0"),
    ("two of four bytes", b"\xf0\x9f"),
    ("three of four bytes", b"\xf0\x9f\x98"),
];

pub(crate) fn cases() -> Vec<Case> {
    [valid(), invalid(), cut_off(), early()]
        .into_iter()
        .flatten()
        .collect()
}

fn valid() -> Vec<Case> {
    let mut s = Section::new("8.1 valid");
    for (name, letters) in VALID {
        s.both(name, &[f(TEXT, letters)], &[text(*letters)], BETWEEN);
        let name = format!("{name}, one byte per fragment");
        let mut parts = vec![f(TEXT_MORE, b"")];
        parts.extend(letters.bytes().map(|byte| f(MORE, [byte])));
        parts.push(f(LAST, b""));
        s.both(&name, &parts, &[text(*letters)], BETWEEN);
    }
    s.cases
}

fn invalid() -> Vec<Case> {
    let mut s = Section::new("8.1 invalid");
    for (name, bytes) in INVALID {
        s.both(name, &[f(TEXT, bytes)], &[], failed(Error::NotUtf8));
        // The rest of the message never comes.
        let name = format!("{name}, in a first fragment");
        let parts = [f(TEXT_MORE, [b"fine", *bytes].concat()), f(PING, b"")];
        s.both(&name, &parts, &[], failed(Error::NotUtf8));
    }
    s.cases
}

fn cut_off() -> Vec<Case> {
    let mut s = Section::new("8.1 cut off");
    for (name, bytes) in CUT_OFF {
        s.both(name, &[f(TEXT, bytes)], &[], failed(Error::NotUtf8));
        s.both(
            &format!("{name}, last fragment"),
            &[f(TEXT_MORE, b"a"), f(LAST, bytes)],
            &[],
            failed(Error::NotUtf8),
        );
        s.both(
            &format!("{name}, then an empty last fragment"),
            &[f(TEXT_MORE, bytes), f(LAST, b"")],
            &[],
            failed(Error::NotUtf8),
        );
        s.both(
            &format!("{name}, more to come"),
            &[f(TEXT_MORE, bytes), f(MORE, b"")],
            &[],
            open(0, bytes.len()),
        );
    }
    s.cases
}

/// Within a frame of which the rest never comes.
fn early() -> Vec<Case> {
    let mut s = Section::new("8.1 early");
    let text_of_ten = |payload: &[u8]| raw([b"\x81\x0a", payload].concat());
    for (name, payload) in [
        ("stray byte", &b"ab\xff"[..]),
        ("surrogate after two of three bytes", b"ab\xed\xa0"),
        ("overlong after two of three bytes", b"\xe0\x80"),
        ("too great after two of four bytes", b"\xf4\x90"),
    ] {
        s.one(
            name,
            Role::Client,
            &[text_of_ten(payload)],
            &[],
            failed(Error::NotUtf8),
        );
    }
    s.one(
        "still possible",
        Role::Client,
        &[text_of_ten(b"ab\xf4\x8f\xbf")],
        &[],
        open(0, 5),
    );
    s.one(
        "wrong in the second fragment",
        Role::Client,
        &[f(TEXT_MORE, b"a\xf0\x9f"), raw(b"\x80\x0a\x98a")],
        &[],
        failed(Error::NotUtf8),
    );
    // "ab" and 0xff under the mask 01 02 03 04.
    s.one(
        "wrong under a mask",
        Role::Server,
        &[raw(b"\x81\x8a\x01\x02\x03\x04\x60\x60\xfc")],
        &[],
        failed(Error::NotUtf8),
    );
    s.cases
}
