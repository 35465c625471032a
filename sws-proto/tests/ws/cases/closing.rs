//! §1.4, §5.5.1 and §7.4: close frames, and what comes after them.

use sws_proto::ws::{Error, Role};

use crate::driver::{End, Seen};
use crate::table::*;

pub(crate) fn cases() -> Vec<Case> {
    [after(), payloads(), codes()]
        .into_iter()
        .flatten()
        .collect()
}

/// §1.4, §5.5.1: nothing counts after a close frame; §7.1.7: nor after a fault.
fn after() -> Vec<Case> {
    let mut s = Section::new("1.4");
    let bye = || f(CLOSE, b"\x03\xe8bye");
    let seen = [closed(1000, "bye")];
    s.both(
        "text after close",
        &[bye(), f(TEXT, b"a")],
        &seen,
        End::Closed,
    );
    s.both(
        "ping after close",
        &[bye(), f(PING, b"a")],
        &seen,
        End::Closed,
    );
    s.both("close after close", &[bye(), bye()], &seen, End::Closed);
    s.both(
        "noise after close",
        &[bye(), raw(b"\xff\xff\xff")],
        &seen,
        End::Closed,
    );
    s.both(
        "part of a frame after close",
        &[bye(), raw(b"\x81")],
        &seen,
        End::Closed,
    );
    s.both(
        "close after text",
        &[f(TEXT, b"a"), bye()],
        &[text("a"), closed(1000, "bye")],
        End::Closed,
    );
    let close = s.cases;
    let mut s = Section::new("7.1.7");
    for (name, fault, error) in [
        ("text after a fault", f(0xc1, b""), Error::ReservedBits),
        ("text after bad text", f(TEXT, b"\xff"), Error::NotUtf8),
        (
            "text after a bad close",
            f(CLOSE, b"\x03"),
            Error::BadClosePayload,
        ),
    ] {
        let parts = [f(TEXT, b"a"), fault, f(TEXT, b"b"), f(CLOSE, b"")];
        s.both(name, &parts, &[text("a")], failed(error));
    }
    [close, s.cases].into_iter().flatten().collect()
}

/// §5.5.1: a code, then a reason, or nothing.
fn payloads() -> Vec<Case> {
    let mut s = Section::new("5.5.1");
    s.both("empty", &[f(CLOSE, b"")], &[Seen::Close(None)], End::Closed);
    for byte in [0x00, 0x03, 0xff] {
        let name = format!("only the byte {byte:#04x}");
        s.both(
            &name,
            &[f(CLOSE, [byte])],
            &[],
            failed(Error::BadClosePayload),
        );
    }
    s.both(
        "code alone",
        &[f(CLOSE, b"\x03\xe8")],
        &[closed(1000, "")],
        End::Closed,
    );
    s.both(
        "one letter",
        &[f(CLOSE, b"\x03\xe8x")],
        &[closed(1000, "x")],
        End::Closed,
    );
    let longest = "r".repeat(123);
    let payload = [b"\x03\xe9", longest.as_bytes()].concat();
    s.both(
        "longest reason",
        &[f(CLOSE, payload)],
        &[closed(1001, &longest)],
        End::Closed,
    );
    let reason = "\u{e9}\u{20ac}\u{1f600}";
    let payload = [b"\x03\xe8", reason.as_bytes()].concat();
    s.both(
        "reason in UTF-8",
        &[f(CLOSE, &payload)],
        &[closed(1000, reason)],
        End::Closed,
    );
    s.both(
        "reason cut inside a character",
        &[f(CLOSE, &payload[..payload.len() - 1])],
        &[],
        failed(Error::NotUtf8),
    );
    for (name, reason) in [
        ("reason with a stray byte", &b"a\xffb"[..]),
        ("reason with a surrogate", b"\xed\xa0\x80"),
        ("reason in overlong form", b"\xc0\xaf"),
    ] {
        let payload = [b"\x03\xe8", reason].concat();
        s.both(name, &[f(CLOSE, payload)], &[], failed(Error::NotUtf8));
    }
    s.both(
        "a bad code counts before a bad reason",
        &[f(CLOSE, b"\x03\xed\xff")],
        &[],
        failed(Error::BadCloseCode),
    );
    s.one(
        "without its end",
        Role::Client,
        &[raw(b"\x88\x02\x03")],
        &[],
        open(3, 0),
    );
    s.cases
}

/// §7.4.1 and §7.4.2, and the registry that they set up.
fn codes() -> Vec<Case> {
    let mut s = Section::new("7.4");
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4999,
    ] {
        let name = format!("{code} may be sent");
        let parts = [f(CLOSE, u16::to_be_bytes(code))];
        s.both(&name, &parts, &[closed(code, "")], End::Closed);
    }
    for code in [
        0, 1, 255, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65535,
    ] {
        let name = format!("{code} may not be sent");
        let payload = [&u16::to_be_bytes(code)[..], b"reason"].concat();
        s.both(
            &name,
            &[f(CLOSE, payload)],
            &[],
            failed(Error::BadCloseCode),
        );
    }
    s.cases
}
