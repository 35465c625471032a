//! What a server makes of requests.

use super::{CONNECTION, UPGRADE};
use std::mem::MaybeUninit;
use sws_proto::{
    http1::{Limits, head},
    ws::handshake::server::{self, Origin, Refusal},
};

const GET: &str = "GET /chat HTTP/1.1";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const VERSION: &str = "Sec-WebSocket-Version: 13";

fn with_head<T>(line: &str, fields: &[&str], look: impl FnOnce(&head::Head<'_, '_>) -> T) -> T {
    let lines = [&[line, "Host: h"], fields, &["", ""]].concat();
    let text = lines.join("\r\n");
    let mut slots = [const { MaybeUninit::uninit() }; 16];
    match head::parse(text.as_bytes(), &mut slots, &Limits::default()) {
        Ok(Some((head, length))) if length == text.len() => look(&head),
        other => unreachable!("{text}: {other:?}"),
    }
}

const ACCEPTED: &[(&str, &[&str])] = &[
    ("as in §1.3", &[UPGRADE, CONNECTION, KEY, VERSION]),
    (
        "names and values in other cases",
        &[
            "UPGRADE: WebSocket",
            "connection: uPGRADE",
            KEY,
            "sec-websocket-version: 13",
        ],
    ),
    (
        "members of lists",
        &[
            "Upgrade: h2c, websocket",
            "Connection: keep-alive , Upgrade",
            KEY,
            VERSION,
        ],
    ),
    (
        "members of repeated fields",
        &[
            "Upgrade: h2c",
            UPGRADE,
            "Connection: keep-alive",
            CONNECTION,
            KEY,
            VERSION,
        ],
    ),
    (
        "extensions are declined by silence",
        &[
            UPGRADE,
            CONNECTION,
            KEY,
            VERSION,
            "Sec-WebSocket-Extensions: permessage-deflate",
        ],
    ),
    (
        "a body of no bytes",
        &[UPGRADE, CONNECTION, KEY, VERSION, "Content-Length: 0"],
    ),
    (
        "bits of the key that stand for nothing",
        &[
            UPGRADE,
            CONNECTION,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==",
            VERSION,
        ],
    ),
];

const REFUSED: &[(&str, &str, &[&str], Refusal)] = &[
    ("a plain request", GET, &[], Refusal::NotUpgrade),
    (
        "a plain post",
        "POST / HTTP/1.1",
        &["Content-Length: 5"],
        Refusal::NotUpgrade,
    ),
    (
        "no Upgrade",
        GET,
        &[CONNECTION, KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "no Connection",
        GET,
        &[UPGRADE, KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "another protocol",
        GET,
        &["Upgrade: h2c", CONNECTION, KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "part of a name",
        GET,
        &["Upgrade: websocket2", CONNECTION, KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "a version of the protocol",
        GET,
        &["Upgrade: websocket/13", CONNECTION, KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "empty Upgrade",
        GET,
        &["Upgrade:", CONNECTION, KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "other connection options",
        GET,
        &[UPGRADE, "Connection: keep-alive", KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "HTTP/1.0",
        "GET /chat HTTP/1.0",
        &[UPGRADE, CONNECTION, KEY, VERSION],
        Refusal::NotUpgrade,
    ),
    (
        "version 8",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: 8"],
        Refusal::Version,
    ),
    (
        "version 0",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: 0"],
        Refusal::Version,
    ),
    (
        "version 14",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: 14"],
        Refusal::Version,
    ),
    (
        "version 255",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: 255"],
        Refusal::Version,
    ),
    (
        "another version without a key",
        GET,
        &[UPGRADE, CONNECTION, "Sec-WebSocket-Version: 6"],
        Refusal::Version,
    ),
    (
        "no version",
        GET,
        &[UPGRADE, CONNECTION, KEY],
        Refusal::Malformed,
    ),
    (
        "version 256",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: 256"],
        Refusal::Malformed,
    ),
    (
        "version 013",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: 013"],
        Refusal::Malformed,
    ),
    (
        "a word for a version",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: x"],
        Refusal::Malformed,
    ),
    (
        "a list of versions",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version: 13, 8"],
        Refusal::Malformed,
    ),
    (
        "empty version",
        GET,
        &[UPGRADE, CONNECTION, KEY, "Sec-WebSocket-Version:"],
        { Refusal::Malformed },
    ),
    (
        "two versions",
        GET,
        &[UPGRADE, CONNECTION, KEY, VERSION, VERSION],
        Refusal::Malformed,
    ),
    (
        "no key",
        GET,
        &[UPGRADE, CONNECTION, VERSION],
        Refusal::Malformed,
    ),
    (
        "two keys",
        GET,
        &[UPGRADE, CONNECTION, KEY, KEY, VERSION],
        Refusal::Malformed,
    ),
    (
        "empty key",
        GET,
        &[UPGRADE, CONNECTION, "Sec-WebSocket-Key:", VERSION],
        Refusal::Malformed,
    ),
    (
        "a key of 15 bytes",
        GET,
        &[
            UPGRADE,
            CONNECTION,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j",
            VERSION,
        ],
        Refusal::Malformed,
    ),
    (
        "a key of 17 bytes",
        GET,
        &[
            UPGRADE,
            CONNECTION,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=",
            VERSION,
        ],
        Refusal::Malformed,
    ),
    (
        "a key that is not base64",
        GET,
        &[
            UPGRADE,
            CONNECTION,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==",
            VERSION,
        ],
        Refusal::Malformed,
    ),
    (
        "a post",
        "POST /chat HTTP/1.1",
        &[UPGRADE, CONNECTION, KEY, VERSION],
        Refusal::Malformed,
    ),
    (
        "a head request",
        "HEAD /chat HTTP/1.1",
        &[UPGRADE, CONNECTION, KEY, VERSION],
        Refusal::Malformed,
    ),
    (
        "with a body",
        GET,
        &[UPGRADE, CONNECTION, KEY, VERSION, "Content-Length: 5"],
        Refusal::Malformed,
    ),
    (
        "with a chunked body",
        GET,
        &[
            UPGRADE,
            CONNECTION,
            KEY,
            VERSION,
            "Transfer-Encoding: chunked",
        ],
        Refusal::Malformed,
    ),
];

#[test]
fn requests_that_open_a_connection() {
    for (name, fields) in ACCEPTED {
        with_head(GET, fields, |head| {
            let key = server::check(head).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert!(
                name.starts_with("bits") || key.accept() == ACCEPT.as_bytes(),
                "{name}"
            );
        });
    }
}

#[test]
fn requests_that_do_not() {
    for (name, line, fields, refusal) in REFUSED {
        with_head(line, fields, |head| {
            assert_eq!(server::check(head), Err(*refusal), "{name}");
        });
    }
}

/// RFC 9110 §15.5.22 and RFC 6455 §4.4.
#[test]
fn refusals_say_what_would_be_accepted() {
    let names = |refusal: Refusal| refusal.fields().iter().map(|(name, _)| *name);
    assert_eq!(Refusal::NotUpgrade.status(), 426);
    assert!(names(Refusal::NotUpgrade).eq(["Upgrade", "Connection"]));
    assert_eq!(Refusal::Version.status(), 426);
    assert!(
        Refusal::Version
            .fields()
            .contains(&("Sec-WebSocket-Version", "13"))
    );
    assert!(
        Refusal::Version
            .fields()
            .contains(&("Upgrade", "websocket"))
    );
    assert_eq!(Refusal::Malformed.status(), 400);
    assert!(Refusal::Malformed.fields().is_empty());
}

#[test]
fn the_server_prefers_among_what_the_client_offers() {
    let offers: &[(&[&str], &[&str], Option<&str>)] = &[
        (&[], &["a"], None),
        (&["Sec-WebSocket-Protocol: a"], &[], None),
        (&["Sec-WebSocket-Protocol: a"], &["b"], None),
        (&["Sec-WebSocket-Protocol: a, b"], &["b", "a"], Some("b")),
        (&["Sec-WebSocket-Protocol: a, b"], &["c", "a"], Some("a")),
        (
            &["Sec-WebSocket-Protocol: a", "sec-websocket-protocol:b ,c"],
            &["c"],
            Some("c"),
        ),
        (&["Sec-WebSocket-Protocol: ,, a"], &["a"], Some("a")),
        (&["Sec-WebSocket-Protocol: A"], &["a"], None),
        (&["Sec-WebSocket-Protocol: ab"], &["a", "b"], None),
        (&["Sec-WebSocket-Protocol:"], &[""], None),
    ];
    for (fields, supported, expected) in offers {
        with_head(GET, fields, |head| {
            assert_eq!(
                server::select_protocol(head, supported),
                *expected,
                "{fields:?}"
            );
        });
    }
}

#[test]
fn origins_are_compared_whole() {
    let allowed = ["https://example.org", "http://localhost:8080"];
    let origins: &[(&[&str], Origin)] = &[
        (&[], Origin::Absent),
        (&["Origin: https://example.org"], Origin::Allowed),
        (&["Origin: HTTPS://Example.org"], Origin::Allowed),
        (&["Origin: http://localhost:8080"], Origin::Allowed),
        (&["Origin: http://localhost"], Origin::Forbidden),
        (&["Origin: http://example.org"], Origin::Forbidden),
        (
            &["Origin: https://example.org.evil.test"],
            Origin::Forbidden,
        ),
        (&["Origin: https://example.org/"], Origin::Forbidden),
        (&["Origin: https://www.example.org"], Origin::Forbidden),
        (&["Origin: null"], Origin::Forbidden),
        (&["Origin:"], Origin::Forbidden),
        (
            &["Origin: https://example.org", "Origin: https://evil.test"],
            Origin::Forbidden,
        ),
    ];
    for (fields, expected) in origins {
        with_head(GET, fields, |head| {
            assert_eq!(server::origin(head, &allowed), *expected, "{fields:?}");
        });
    }
    with_head(GET, &["Origin: null"], |head| {
        assert_eq!(server::origin(head, &["null"]), Origin::Allowed);
        assert_eq!(server::origin(head, &[]), Origin::Forbidden);
    });
}
