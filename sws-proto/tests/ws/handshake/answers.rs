//! What a client makes of answers.

use super::{CONNECTION, UPGRADE};
use sws_proto::ws::handshake::{
    Key,
    client::{self, Rejected},
};

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
