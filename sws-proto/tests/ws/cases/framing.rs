//! §5.1 to §5.3 and §5.6 to §5.8: single frames.

use sws_proto::ws::{Error, Role};

use crate::reference::frame_with;
use crate::table::*;

pub(crate) fn cases() -> Vec<Case> {
    let groups = [
        masking(),
        reserved(),
        lengths(),
        long_forms(),
        masks(),
        data(),
        examples(),
    ];
    groups.into_iter().flatten().collect()
}

/// §5.1: a client masks all of its frames, a server none.
fn masking() -> Vec<Case> {
    let mut s = Section::new("5.1");
    let (server, client) = (Role::Server, Role::Client);
    for (name, first) in [
        ("text", TEXT),
        ("binary", BINARY),
        ("first fragment", TEXT_MORE),
        ("ping", PING),
        ("pong", PONG),
        ("close", CLOSE),
    ] {
        let plain = raw(frame_with(first, None, b""));
        let masked = raw(frame_with(first, Some([0; 4]), b""));
        let name = |how| format!("{name} {how}");
        s.one(
            &name("not masked"),
            server,
            &[plain],
            &[],
            failed(Error::NotMasked),
        );
        s.one(
            &name("masked"),
            client,
            &[masked],
            &[],
            failed(Error::Masked),
        );
    }
    let plain = raw(frame_with(LAST, None, b"b"));
    s.one(
        "second fragment not masked",
        server,
        &[f(TEXT_MORE, b"a"), plain],
        &[],
        failed(Error::NotMasked),
    );
    let masked = raw(frame_with(LAST, Some([0; 4]), b"b"));
    s.one(
        "second fragment masked",
        client,
        &[f(TEXT_MORE, b"a"), masked],
        &[],
        failed(Error::Masked),
    );
    s.one(
        "a mask bit alone decides",
        server,
        &[raw(b"\x81\x05")],
        &[],
        failed(Error::NotMasked),
    );
    s.one(
        "a mask bit alone decides",
        client,
        &[raw(b"\x81\x85")],
        &[],
        failed(Error::Masked),
    );
    s.cases
}

/// §5.2: reserved bits and opcodes; §5.8: no extension gives them a meaning.
fn reserved() -> Vec<Case> {
    let mut s = Section::new("5.2 RSV");
    for rsv in 1..=7 {
        let first = TEXT | rsv << 4;
        let name = format!("bits {rsv:03b} in a text frame");
        s.both(&name, &[f(first, b"x")], &[], failed(Error::ReservedBits));
    }
    for (name, first) in [
        ("binary", BINARY),
        ("first fragment", TEXT_MORE),
        ("close", CLOSE),
        ("ping", PING),
        ("pong", PONG),
    ] {
        let name = format!("bit 100 in a frame: {name}");
        s.both(
            &name,
            &[f(first | 0x40, b"")],
            &[],
            failed(Error::ReservedBits),
        );
    }
    s.both(
        "bit in a continuation",
        &[f(BINARY_MORE, b"x"), f(LAST | 0x40, b"y")],
        &[],
        failed(Error::ReservedBits),
    );
    s.both(
        "the first byte is enough",
        &[raw(b"\xc1")],
        &[],
        failed(Error::ReservedBits),
    );
    s.both(
        "what came before counts",
        &[f(TEXT, b"a"), f(PING, b"b"), f(0xc1, b"c")],
        &[text("a"), ping(b"b")],
        failed(Error::ReservedBits),
    );
    let rsv = s.cases;

    let mut s = Section::new("5.2 opcode");
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        for (how, fin) in [("", 0x80), (" without FIN", 0)] {
            let name = format!("reserved opcode {opcode:#x}{how}");
            let parts = [f(fin | opcode, b"x")];
            s.both(&name, &parts, &[], failed(Error::ReservedOpcode));
        }
    }
    s.both(
        "reserved opcode inside a message",
        &[f(TEXT_MORE, b"a"), f(0x83, b"b")],
        &[],
        failed(Error::ReservedOpcode),
    );
    s.both(
        "the first byte is enough",
        &[raw(b"\x8b")],
        &[],
        failed(Error::ReservedOpcode),
    );
    [rsv, s.cases].into_iter().flatten().collect()
}

/// §5.2: every form of the length, in its shortest form.
fn lengths() -> Vec<Case> {
    let mut s = Section::new("5.2 length");
    for length in [
        0, 1, 2, 7, 124, 125, 126, 127, 128, 255, 256, 65535, 65536, 65537,
    ] {
        let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let name = format!("binary of {length} bytes");
        s.both(&name, &[f(BINARY, &payload)], &[binary(&payload)], BETWEEN);
    }
    for length in [0, 1, 125, 126, 65535, 65536] {
        let letters = "a".repeat(length);
        let name = format!("text of {length} bytes");
        s.both(&name, &[f(TEXT, &letters)], &[text(&letters)], BETWEEN);
    }
    let (server, client) = (Role::Server, Role::Client);
    for (name, bytes, rest) in [
        ("nothing of a header", &b""[..], 0),
        ("one byte of a header", b"\x82", 1),
        ("two bytes of a masked header", b"\x82\x85", 2),
        ("a mask without its end", b"\x82\x85\x01\x02\x03", 5),
        ("a 16-bit length without its end", b"\x82\xfe\x01", 3),
        (
            "a 64-bit length without its end",
            b"\x82\xff\0\0\0\0\0\x01\0",
            9,
        ),
    ] {
        s.one(name, server, &[raw(bytes)], &[], open(rest, 0));
    }
    s.one(
        "a 64-bit length without its end",
        client,
        &[raw(b"\x82\x7f\0\0\0\0\0\x01\0")],
        &[],
        open(9, 0),
    );
    s.one(
        "a header without payload",
        client,
        &[raw(b"\x82\x05")],
        &[],
        open(0, 0),
    );
    s.one(
        "a payload without its end",
        client,
        &[raw(b"\x82\x05abcd")],
        &[],
        open(0, 4),
    );
    s.cases
}

/// §5.2: "the minimal number of bytes MUST be used", "the most significant bit MUST be 0".
fn long_forms() -> Vec<Case> {
    let mut s = Section::new("5.2 length form");
    for (name, length) in [
        ("0 in 16 bits", &b"\x7e\0\0"[..]),
        ("5 in 16 bits", b"\x7e\0\x05"),
        ("125 in 16 bits", b"\x7e\0\x7d"),
        ("0 in 64 bits", b"\x7f\0\0\0\0\0\0\0\0"),
        ("125 in 64 bits", b"\x7f\0\0\0\0\0\0\0\x7d"),
        ("126 in 64 bits", b"\x7f\0\0\0\0\0\0\0\x7e"),
        ("65535 in 64 bits", b"\x7f\0\0\0\0\0\0\xff\xff"),
    ] {
        let bytes = [&[BINARY], length].concat();
        s.one(
            name,
            Role::Client,
            &[raw(&bytes)],
            &[],
            failed(Error::LengthNotMinimal),
        );
        let mut bytes = bytes;
        bytes[1] |= 0x80;
        s.one(
            name,
            Role::Server,
            &[raw(&bytes)],
            &[],
            failed(Error::LengthNotMinimal),
        );
    }
    for (name, length) in [
        ("2^63", b"\x7f\x80\0\0\0\0\0\0\0"),
        ("2^64 - 1", b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        let bytes = [&[TEXT], &length[..]].concat();
        s.one(
            name,
            Role::Client,
            &[raw(&bytes)],
            &[],
            failed(Error::LengthOverflow),
        );
    }
    s.cases
}

/// §5.3: any mask does.
fn masks() -> Vec<Case> {
    let mut s = Section::new("5.3");
    for mask in [
        [0, 0, 0, 0],
        [0xff, 0xff, 0xff, 0xff],
        [1, 0, 0, 0],
        [0, 0, 0, 0x80],
        [0x12, 0x34, 0x56, 0x78],
    ] {
        let letters =
            "The mask is 4 bytes, the payload is longer than 64 of them, and not a multiple.";
        let parts = [
            raw(frame_with(TEXT, Some(mask), letters.as_bytes())),
            raw(frame_with(PING, Some(mask), &letters.as_bytes()[..7])),
            raw(frame_with(TEXT_MORE, Some(mask), &letters.as_bytes()[..9])),
            raw(frame_with(LAST, Some(mask), &letters.as_bytes()[9..])),
        ];
        let events = [text(letters), ping(&letters[..7]), text(letters)];
        s.one(
            &format!("mask {mask:02x?}"),
            Role::Server,
            &parts,
            &events,
            BETWEEN,
        );
    }
    s.one(
        "every frame has its own",
        Role::Server,
        &[
            raw(frame_with(BINARY_MORE, Some([1, 2, 3, 4]), b"ab")),
            raw(frame_with(MORE, Some([5, 6, 7, 8]), b"cde")),
            raw(frame_with(LAST, Some([9, 10, 11, 12]), b"fghij")),
            raw(frame_with(TEXT, Some([13, 14, 15, 16]), b"k")),
        ],
        &[binary(b"abcdefghij"), text("k")],
        BETWEEN,
    );
    s.cases
}

/// §5.6: data frames one after the other.
fn data() -> Vec<Case> {
    let mut s = Section::new("5.6");
    s.both("text", &[f(TEXT, b"hello")], &[text("hello")], BETWEEN);
    s.both("empty text", &[f(TEXT, b"")], &[text("")], BETWEEN);
    s.both("empty binary", &[f(BINARY, b"")], &[binary(b"")], BETWEEN);
    s.both(
        "binary is no text",
        &[f(BINARY, b"\xff\xfe\x80\0")],
        &[binary(b"\xff\xfe\x80\0")],
        BETWEEN,
    );
    s.both(
        "text may hold NUL",
        &[f(TEXT, b"a\0b")],
        &[text("a\0b")],
        BETWEEN,
    );
    let many: Vec<_> = (0..40).map(|at| f(TEXT, format!("message {at}"))).collect();
    let seen: Vec<_> = (0..40).map(|at| text(format!("message {at}"))).collect();
    s.both("forty in one piece", &many, &seen, BETWEEN);
    s.both(
        "both kinds by turns",
        &[
            f(TEXT, b"a"),
            f(BINARY, b"b"),
            f(TEXT, b"c"),
            f(BINARY, b""),
        ],
        &[text("a"), binary(b"b"), text("c"), binary(b"")],
        BETWEEN,
    );
    s.both(
        "the last one incomplete",
        &[f(BINARY, b"whole"), raw([BINARY])],
        &[binary(b"whole")],
        open(1, 0),
    );
    s.cases
}

/// §5.7: the examples, byte for byte.
fn examples() -> Vec<Case> {
    let mut s = Section::new("5.7");
    let hello = [text("Hello")];
    s.one(
        "unmasked text",
        Role::Client,
        &[raw(b"\x81\x05\x48\x65\x6c\x6c\x6f")],
        &hello,
        BETWEEN,
    );
    s.one(
        "masked text",
        Role::Server,
        &[raw(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")],
        &hello,
        BETWEEN,
    );
    s.one(
        "fragmented unmasked text",
        Role::Client,
        &[raw(b"\x01\x03\x48\x65\x6c"), raw(b"\x80\x02\x6c\x6f")],
        &hello,
        BETWEEN,
    );
    s.one(
        "unmasked ping",
        Role::Client,
        &[raw(b"\x89\x05\x48\x65\x6c\x6c\x6f")],
        &[ping(b"Hello")],
        BETWEEN,
    );
    s.one(
        "masked pong",
        Role::Server,
        &[raw(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")],
        &[pong(b"Hello")],
        BETWEEN,
    );
    let payload = vec![0xa5; 256];
    s.one(
        "256 bytes in one frame",
        Role::Client,
        &[raw(b"\x82\x7e\x01\x00"), raw(&payload)],
        &[binary(&payload)],
        BETWEEN,
    );
    let payload = vec![0x5a; 65536];
    s.one(
        "64 KiB in one frame",
        Role::Client,
        &[raw(b"\x82\x7f\0\0\0\0\0\x01\0\0"), raw(&payload)],
        &[binary(&payload)],
        BETWEEN,
    );
    s.cases
}
