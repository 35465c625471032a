//! The way into the protocol: RFC 6455 section 4.

use super::frame::{Draft, TEXT};
use super::socket::{Socket, expect_upgrade, random_key, upgrade_lines};
use super::{AREAS, PATH};
use crate::check::Check;
use crate::check::fault::Verdict;
use crate::check::target::Target;
use crate::check::wire::request;

pub(in crate::check) const CHECKS: &[Check] = &[
    Check::new("echo-ws/upgrade", AREAS, upgrade),
    Check::new("echo-ws/upgrade-spelling", AREAS, spelling),
    Check::new("echo-ws/upgrade-in-pieces", AREAS, in_pieces),
    Check::new("echo-ws/upgrade-with-frames", AREAS, with_frames),
    Check::new("echo-ws/upgrade-after-requests", AREAS, after_requests),
    Check::new("echo-ws/plain-get", AREAS, plain_get),
    Check::new("echo-ws/refused-upgrades", AREAS, refused),
];

fn upgrade(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/upgrade");
    for _ in 0..3 {
        Socket::open(target, &mut rng)?;
    }
    Ok(())
}

/// Names and tokens in any case, and the list that some browsers send.
fn spelling(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/upgrade-spelling");
    let spellings = [
        "upgrade: WebSocket\r\nconnection: upgrade\r\nsec-websocket-key: @\r\n\
         sec-websocket-version: 13\r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: @\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nOrigin: http://localhost:8080\r\nPragma: no-cache\r\n",
        "UPGRADE:websocket\r\nCONNECTION:Upgrade\r\nSEC-WEBSOCKET-KEY:@\r\nSEC-WEBSOCKET-VERSION:13\r\n\
         Sec-WebSocket-Extensions: x-unknown-extension\r\n",
    ];
    for lines in spellings {
        let key = random_key(&mut rng);
        let mut wire = target.wire()?;
        wire.send(&request("GET", PATH, &lines.replace('@', &key), b""))?;
        expect_upgrade(&wire.answer()?, &key)?;
    }
    Ok(())
}

fn in_pieces(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/upgrade-in-pieces");
    for _ in 0..target.times(3, 10) {
        let key = random_key(&mut rng);
        let bytes = request("GET", PATH, &upgrade_lines(&key), b"");
        let cut = rng.within(1, bytes.len() as u64 - 1) as usize;
        let mut wire = target.wire()?;
        let gap = std::time::Duration::from_millis(2);
        wire.send_parts(&[&bytes[..cut], &bytes[cut..]], gap)?;
        expect_upgrade(&wire.answer()?, &key)?;
    }
    Ok(())
}

/// Frames that come in one segment with the request that asks for the upgrade.
fn with_frames(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/upgrade-with-frames");
    let texts = [rng.text(5), rng.text(40), rng.text(300)];
    let frames = texts.each_ref().map(|text| Draft::text(text));
    let mut socket = Socket::open_and_send(target, &mut rng, &frames)?;
    for text in &texts {
        let says = "a frame that came with the upgrade request is echoed wrongly";
        socket
            .expect_echo(TEXT, text.as_bytes(), says)
            .map_err(|fault| {
                fault.because(|says| format!("frames that came with the upgrade request: {says}"))
            })?;
    }
    Ok(())
}

/// An upgrade is a request like others: it may follow some on its connection,
/// and even be pipelined behind one.
fn after_requests(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/upgrade-after-requests");
    let key = random_key(&mut rng);
    let mut bytes = request("GET", PATH, "", b"");
    bytes.extend(request("GET", PATH, &upgrade_lines(&key), b""));
    let mut wire = target.wire()?;
    wire.send(&bytes)?;
    let refusal = wire.answer()?;
    refusal.expect_client_error()?;
    // A server may end the connection with its refusal, but has to say so.
    let closes = |value: &str| value.eq_ignore_ascii_case("close");
    if refusal.header("connection").is_some_and(closes) {
        return Ok(());
    }
    expect_upgrade(&wire.answer()?, &key)
}

fn plain_get(target: &Target<'_>) -> Verdict {
    let reply = target.get(PATH)?;
    if (400..500).contains(&reply.status) {
        return Ok(());
    }
    let says = format!("a plain GET of {PATH} is answered with {}", reply.status);
    Err(reply.fault(says, "a status from 400 to 499"))
}

/// RFC 6455 4.2.1: what is no valid opening handshake gets no 101.
fn refused(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("echo-ws/refused-upgrades");
    let key = random_key(&mut rng);
    let right = upgrade_lines(&key);
    let without = |name: &str| {
        let lines = right.split_inclusive("\r\n");
        lines
            .filter(|line| !line.starts_with(name))
            .collect::<String>()
    };
    let cases = [
        ("without a key", "GET", without("Sec-WebSocket-Key")),
        ("without a version", "GET", without("Sec-WebSocket-Version")),
        (
            "of version 8",
            "GET",
            right.replace("Version: 13", "Version: 8"),
        ),
        ("without `Upgrade`", "GET", without("Upgrade")),
        ("without `Connection`", "GET", without("Connection")),
        (
            "to another protocol",
            "GET",
            right.replace("websocket", "h2c"),
        ),
        ("by POST", "POST", format!("{right}Content-Length: 0\r\n")),
    ];
    for (what, method, lines) in cases {
        let mut wire = target.wire()?;
        wire.send(&request(method, PATH, &lines, b""))?;
        let reply = wire.answer()?;
        if !(400..500).contains(&reply.status) {
            let says = format!("an upgrade {what} is answered with {}", reply.status);
            return Err(reply.fault(says, "a status from 400 to 499"));
        }
    }
    Ok(())
}
