//! Tables of handshakes, from both ends.

use std::mem::MaybeUninit;

use sws_proto::http1::{Limits, head, response};
use sws_proto::ws::handshake::server::{self, Origin, Refusal};
use sws_proto::ws::handshake::{Key, client};

use client::Rejected;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const VERSION: &str = "Sec-WebSocket-Version: 13";
const UPGRADE: &str = "Upgrade: websocket";
const CONNECTION: &str = "Connection: Upgrade";

const GET: &str = "GET /chat HTTP/1.1";

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

const STATUS: &str = "HTTP/1.1 101 Switching Protocols";
const OK: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const A: &str = "Sec-WebSocket-Protocol: a";

type Answer = (
    &'static str,
    &'static [&'static str],
    Result<Option<&'static str>, Rejected>,
);

/// Answers to a client that offers the subprotocols `a` and `b`.
const ANSWERS: &[Answer] = &[
    ("as in §1.3", &[STATUS, UPGRADE, CONNECTION, OK], Ok(None)),
    (
        "other cases and a list of options",
        &[
            "HTTP/1.1 101 ",
            "upgrade: WebSocket",
            "connection: x, upgrade",
            OK,
        ],
        Ok(None),
    ),
    (
        "a subprotocol",
        &[STATUS, UPGRADE, CONNECTION, OK, A],
        Ok(Some("a")),
    ),
    (
        "no extensions",
        &[STATUS, UPGRADE, CONNECTION, OK, "Sec-WebSocket-Extensions:"],
        Ok(None),
    ),
    (
        "200",
        &["HTTP/1.1 200 OK", UPGRADE, CONNECTION, OK],
        Err(Rejected::Status(200)),
    ),
    (
        "404",
        &["HTTP/1.1 404 Not Found"],
        Err(Rejected::Status(404)),
    ),
    (
        "404 of HTTP/1.0",
        &["HTTP/1.0 404 Not Found"],
        Err(Rejected::Status(404)),
    ),
    (
        "101 of HTTP/1.0",
        &["HTTP/1.0 101 x", UPGRADE, CONNECTION, OK],
        Err(Rejected::Malformed),
    ),
    ("no HTTP", &["SSH-2.0-x"], Err(Rejected::Malformed)),
    (
        "no Upgrade",
        &[STATUS, CONNECTION, OK],
        Err(Rejected::NotUpgraded),
    ),
    (
        "no Connection",
        &[STATUS, UPGRADE, OK],
        Err(Rejected::NotUpgraded),
    ),
    (
        "another protocol",
        &[STATUS, "Upgrade: h2c", CONNECTION, OK],
        Err(Rejected::NotUpgraded),
    ),
    (
        "another protocol too",
        &[STATUS, "Upgrade: websocket, h2c", CONNECTION, OK],
        Err(Rejected::NotUpgraded),
    ),
    (
        "no accept",
        &[STATUS, UPGRADE, CONNECTION],
        Err(Rejected::WrongAccept),
    ),
    (
        "two accepts",
        &[STATUS, UPGRADE, CONNECTION, OK, OK],
        Err(Rejected::WrongAccept),
    ),
    (
        "accept of another key",
        &[
            STATUS,
            UPGRADE,
            CONNECTION,
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=",
        ],
        Err(Rejected::WrongAccept),
    ),
    (
        "accept in another case",
        &[
            STATUS,
            UPGRADE,
            CONNECTION,
            "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ],
        Err(Rejected::WrongAccept),
    ),
    (
        "an extension",
        &[
            STATUS,
            UPGRADE,
            CONNECTION,
            OK,
            "Sec-WebSocket-Extensions: permessage-deflate",
        ],
        Err(Rejected::UnknownExtension),
    ),
    (
        "another subprotocol",
        &[STATUS, UPGRADE, CONNECTION, OK, "Sec-WebSocket-Protocol: c"],
        Err(Rejected::UnknownProtocol),
    ),
    (
        "two subprotocols",
        &[
            STATUS,
            UPGRADE,
            CONNECTION,
            OK,
            A,
            "Sec-WebSocket-Protocol: b",
        ],
        Err(Rejected::UnknownProtocol),
    ),
    (
        "a list of subprotocols",
        &[
            STATUS,
            UPGRADE,
            CONNECTION,
            OK,
            "Sec-WebSocket-Protocol: a, b",
        ],
        Err(Rejected::UnknownProtocol),
    ),
];

#[test]
fn answers_at_a_client() {
    let key = Key::from_nonce(*b"the sample nonce");
    for (name, lines, expected) in ANSWERS {
        let text = lines.join("\r\n") + "\r\n\r\n";
        let input = [text.as_bytes(), b"\x81\x02hi"].concat();
        let found = client::check_answer(&input, &key, &["a", "b"]);
        match expected {
            Ok(protocol) => {
                let found = found.unwrap().unwrap();
                assert_eq!(found.protocol, *protocol, "{name}");
                assert_eq!(found.length, text.len(), "{name}");
                for cut in 0..text.len() {
                    let part = client::check_answer(&input[..cut], &key, &["a", "b"]);
                    assert_eq!(part, Ok(None), "{name}, first {cut}");
                }
            }
            Err(rejected) => assert_eq!(found, Err(*rejected), "{name}"),
        }
    }
}

#[test]
fn answers_have_a_limit() {
    let key = Key::from_nonce([7; 16]);
    let mut endless = b"HTTP/1.1 101 x\r\nX: ".to_vec();
    endless.resize(client::HEAD_BYTES_MAX - 1, b'y');
    assert_eq!(client::check_answer(&endless, &key, &[]), Ok(None));
    endless.push(b'y');
    let too_large = Err(Rejected::HeadTooLarge);
    assert_eq!(client::check_answer(&endless, &key, &[]), too_large);
    let lines = format!("HTTP/1.1 101 x\r\n{}\r\n", "X: y\r\n".repeat(65));
    assert_eq!(client::check_answer(lines.as_bytes(), &key, &[]), too_large);
}

/// Each side takes what the other writes.
#[test]
fn client_and_server_understand_each_other() {
    for (nonce, offered, supported, chosen) in [
        ([0; 16], &[][..], &["x"][..], None),
        ([0xff; 16], &["x"], &["y"], None),
        (*b"0123456789abcdef", &["x", "y"], &["y", "x"], Some("y")),
    ] {
        let key = Key::from_nonce(nonce);
        let mut request = b"GET /ws HTTP/1.1\r\nHost: h\r\n".to_vec();
        client::request_fields(&mut request, &key, offered);
        request.extend_from_slice(b"\r\n");
        let mut slots = [const { MaybeUninit::uninit() }; 16];
        let (head, _) = head::parse(&request, &mut slots, &Limits::default())
            .unwrap()
            .unwrap();
        assert_eq!(server::check(&head), Ok(key));
        let protocol = server::select_protocol(&head, supported);
        let mut out = Vec::new();
        server::answer(&mut out, &key, protocol);
        response::end(&mut out);
        let accepted = client::check_answer(&out, &key, offered).unwrap().unwrap();
        assert_eq!(accepted.protocol, chosen);
        assert_eq!(accepted.length, out.len());
        let other = Key::from_nonce([1; 16]);
        let refused = client::check_answer(&out, &other, offered);
        assert_eq!(refused, Err(Rejected::WrongAccept));
    }
}
