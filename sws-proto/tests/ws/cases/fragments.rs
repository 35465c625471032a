//! §5.4: fragmentation.

use sws_proto::ws::Error;

use crate::table::*;

pub(crate) fn cases() -> Vec<Case> {
    [in_order(), in_number(), interleaved(), out_of_order()]
        .into_iter()
        .flatten()
        .collect()
}

fn in_order() -> Vec<Case> {
    let mut s = Section::new("5.4");
    s.both(
        "two fragments",
        &[f(TEXT_MORE, b"a"), f(LAST, b"b")],
        &[text("ab")],
        BETWEEN,
    );
    s.both(
        "three fragments of binary",
        &[f(BINARY_MORE, b"\xff"), f(MORE, b"\0"), f(LAST, b"\xfe")],
        &[binary(b"\xff\0\xfe")],
        BETWEEN,
    );
    s.both(
        "empty first fragment",
        &[f(TEXT_MORE, b""), f(LAST, b"ab")],
        &[text("ab")],
        BETWEEN,
    );
    s.both(
        "empty middle fragments",
        &[
            f(TEXT_MORE, b"a"),
            f(MORE, b""),
            f(MORE, b""),
            f(LAST, b"b"),
        ],
        &[text("ab")],
        BETWEEN,
    );
    s.both(
        "empty last fragment",
        &[f(BINARY_MORE, b"ab"), f(LAST, b"")],
        &[binary(b"ab")],
        BETWEEN,
    );
    s.both(
        "nothing but empty text",
        &[f(TEXT_MORE, b""), f(LAST, b"")],
        &[text("")],
        BETWEEN,
    );
    s.both(
        "nothing but empty binary",
        &[f(BINARY_MORE, b""), f(MORE, b""), f(LAST, b"")],
        &[binary(b"")],
        BETWEEN,
    );
    s.cases
}

fn in_number() -> Vec<Case> {
    let mut s = Section::new("5.4 many");
    let letters = "0123456789abcdefghijklmnopqrstuvwxyz";
    let mut single: Vec<_> = letters.bytes().map(|byte| f(MORE, [byte])).collect();
    single[0] = f(TEXT_MORE, b"0");
    single.push(f(LAST, b""));
    s.both("one byte per fragment", &single, &[text(letters)], BETWEEN);
    let long = "x".repeat(300);
    s.both(
        "fragments with long lengths",
        &[f(TEXT_MORE, &long), f(MORE, b"-"), f(LAST, &long)],
        &[text(format!("{long}-{long}"))],
        BETWEEN,
    );
    s.both(
        "one message after the other",
        &[
            f(TEXT_MORE, b"a"),
            f(LAST, b"b"),
            f(BINARY_MORE, b"c"),
            f(LAST, b"d"),
            f(TEXT, b"e"),
            f(TEXT_MORE, b"f"),
            f(LAST, b""),
        ],
        &[text("ab"), binary(b"cd"), text("e"), text("f")],
        BETWEEN,
    );
    s.both(
        "no last fragment",
        &[f(TEXT_MORE, b"ab"), f(MORE, b"c")],
        &[],
        open(0, 3),
    );
    s.both(
        "only an empty first fragment",
        &[f(BINARY_MORE, b"")],
        &[],
        BETWEEN,
    );
    s.both(
        "header of a fragment without its end",
        &[f(TEXT_MORE, b"ab"), raw(b"\x80")],
        &[],
        open(1, 2),
    );
    s.cases
}

fn interleaved() -> Vec<Case> {
    let mut s = Section::new("5.4 interleaved");
    s.both(
        "ping between fragments",
        &[f(TEXT_MORE, b"a"), f(PING, b"p"), f(LAST, b"b")],
        &[ping(b"p"), text("ab")],
        BETWEEN,
    );
    s.both(
        "pong between fragments",
        &[f(BINARY_MORE, b"a"), f(PONG, b""), f(LAST, b"b")],
        &[pong(b""), binary(b"ab")],
        BETWEEN,
    );
    s.both(
        "pings around every fragment",
        &[
            f(PING, b"1"),
            f(TEXT_MORE, b"a"),
            f(PING, b"2"),
            f(PONG, b"3"),
            f(MORE, b"b"),
            f(PING, b"4"),
            f(LAST, b"c"),
            f(PING, b"5"),
        ],
        &[
            ping(b"1"),
            ping(b"2"),
            pong(b"3"),
            ping(b"4"),
            text("abc"),
            ping(b"5"),
        ],
        BETWEEN,
    );
    let longest = [b'p'; 125];
    s.both(
        "the longest ping between fragments",
        &[f(TEXT_MORE, b"a"), f(PING, longest), f(LAST, b"b")],
        &[ping(longest), text("ab")],
        BETWEEN,
    );
    s.both(
        "ping inside a character",
        &[
            f(TEXT_MORE, b"\xe2\x82"),
            f(PING, b"\xff"),
            f(LAST, b"\xac"),
        ],
        &[ping(b"\xff"), text("\u{20ac}")],
        BETWEEN,
    );
    s.both(
        "ping after an empty first fragment",
        &[f(TEXT_MORE, b""), f(PING, b"p"), f(LAST, b"a")],
        &[ping(b"p"), text("a")],
        BETWEEN,
    );
    s.both(
        "close between fragments",
        &[f(TEXT_MORE, b"a"), f(CLOSE, b"\x03\xe8"), f(LAST, b"b")],
        &[closed(1000, "")],
        crate::driver::End::Closed,
    );
    s.both(
        "fault of a control frame between fragments",
        &[f(TEXT_MORE, b"a"), f(PING & 0x7f, b"p")],
        &[],
        failed(Error::ControlFragmented),
    );
    s.cases
}

fn out_of_order() -> Vec<Case> {
    let mut s = Section::new("5.4 order");
    let (unexpected, interrupted) = (Error::UnexpectedContinuation, Error::InterruptedMessage);
    s.both(
        "last fragment of nothing",
        &[f(LAST, b"a")],
        &[],
        failed(unexpected),
    );
    s.both(
        "fragment of nothing",
        &[f(MORE, b"a")],
        &[],
        failed(unexpected),
    );
    s.both(
        "empty fragment of nothing",
        &[f(LAST, b"")],
        &[],
        failed(unexpected),
    );
    s.both(
        "continuation after a whole message",
        &[f(TEXT, b"a"), f(LAST, b"b")],
        &[text("a")],
        failed(unexpected),
    );
    s.both(
        "continuation after the last fragment",
        &[f(TEXT_MORE, b"a"), f(LAST, b"b"), f(LAST, b"c")],
        &[text("ab")],
        failed(unexpected),
    );
    s.both(
        "continuation after a ping",
        &[f(PING, b""), f(MORE, b"c")],
        &[ping(b"")],
        failed(unexpected),
    );
    for (name, first, second) in [
        ("text in text", TEXT_MORE, TEXT),
        ("binary in text", TEXT_MORE, BINARY),
        ("text in binary", BINARY_MORE, TEXT),
        ("first fragment in text", TEXT_MORE, TEXT_MORE),
        ("first fragment in binary", BINARY_MORE, BINARY_MORE),
    ] {
        s.both(
            name,
            &[f(first, b"a"), f(second, b"b")],
            &[],
            failed(interrupted),
        );
        let name = format!("{name}, after a ping");
        let parts = [f(first, b"a"), f(MORE, b""), f(PING, b""), f(second, b"b")];
        s.both(&name, &parts, &[ping(b"")], failed(interrupted));
    }
    s.both(
        "text in an empty fragment",
        &[f(TEXT_MORE, b""), f(TEXT, b"")],
        &[],
        failed(interrupted),
    );
    s.cases
}
