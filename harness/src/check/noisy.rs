//! Hostile and broken input: refused, and nobody else notices.

use super::fault::{Fault, Verdict, shown};
use super::target::Target;
use super::wire::{Fate, request};
use super::{Area, Check};
use std::time::Duration;

const AREAS: &[Area] = &[Area::Noisy];
/// How long a server may think about a broken request.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) const CHECKS: &[Check] = &[
    Check::new("noisy/plain-get", AREAS, plain_get),
    Check::new("noisy/unknown-method", AREAS, unknown_method),
    Check::new("noisy/unknown-path", AREAS, unknown_path),
    Check::new("noisy/missing-body", AREAS, missing_body),
    Check::new("noisy/binary", AREAS, binary),
    Check::new("noisy/malformed-heads", AREAS, malformed_heads),
    Check::new("noisy/malformed-framing", AREAS, malformed_framing),
    Check::new("noisy/garbage-after-a-request", AREAS, garbage_after),
    Check::new("noisy/odd-but-legal", AREAS, odd_but_legal),
    Check::new("noisy/abandoned-connections", AREAS, abandoned),
    Check::new("noisy/still-there", AREAS, still_there),
];

fn plain_get(target: &Target<'_>) -> Verdict {
    target
        .get("/baseline11?a=13&b=42")?
        .expect_text("55", "the sum is wrong")
}

fn unknown_method(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    wire.send(&request("GETT", "/baseline11?a=1&b=1", "", b""))?;
    wire.answer()?.expect_client_error()
}

fn unknown_path(target: &Target<'_>) -> Verdict {
    target
        .get("/this/path/does/not/exist")?
        .expect_status(404)?;
    // An unknown path costs a connection nothing.
    let mut wire = target.wire()?;
    wire.send(&request("GET", "/this/path/does/not/exist", "", b""))?;
    wire.answer()?.expect_status(404)?;
    wire.send(&request("GET", "/baseline11?a=1&b=2", "", b""))?;
    wire.answer()?
        .expect_text("3", "the request after an unknown path is answered wrongly")
}

/// A POST whose body never comes waits without holding up anybody.
fn missing_body(target: &Target<'_>) -> Verdict {
    let mut waiting = Vec::new();
    for _ in 0..target.times(16, 64) {
        let mut wire = target.wire()?;
        wire.send(&request(
            "POST",
            "/baseline11",
            "Content-Length: 999\r\n",
            b"",
        ))?;
        waiting.push(wire);
    }
    target
        .get("/baseline11?a=13&b=42")?
        .expect_text("55", "the sum is wrong while others wait for bodies")?;
    for mut wire in waiting {
        wire.half_close();
        wire.describe("POST with Content-Length 999, no body, then the end of the stream");
        refused(wire.fate(PATIENCE)).map_err(|says| wire.fault(says, "an error or a close"))?;
    }
    Ok(())
}

/// Anything but success. `Err` has the sentence.
fn refused(fate: Fate) -> Result<(), String> {
    match fate {
        Fate::Answered(status) if (400..500).contains(&status) => Ok(()),
        Fate::Closed => Ok(()),
        Fate::Answered(status) => Err(format!("a broken request is answered with {status}")),
        Fate::Silent => Err(format!(
            "a broken request is neither answered nor its connection closed within {} s",
            PATIENCE.as_secs()
        )),
    }
}

/// Sends bytes that are no request; the stream ends after them, so that a
/// server which waits for more sees that nothing comes.
fn refuse(target: &Target<'_>, what: &str, bytes: &[u8]) -> Verdict {
    let mut wire = target.wire()?;
    // A server may hang up before it has read everything.
    let _ = wire.write(bytes);
    wire.half_close();
    wire.describe(format!("{what}: {}", shown(bytes)));
    refused(wire.fate(PATIENCE)).map_err(|says| {
        wire.fault(
            format!("{what}: {says}"),
            "a status from 400 to 499, or the end of the connection",
        )
    })
}

fn binary(target: &Target<'_>) -> Verdict {
    refuse(
        target,
        "256 binary bytes",
        &target.template("noise-binary")?,
    )?;
    let mut rng = target.rng("noisy/binary");
    for _ in 0..target.times(4, 16) {
        let mut bytes = rng.bytes(256);
        bytes[0] |= 0x80;
        refuse(target, "256 binary bytes", &bytes)?;
    }
    still_there(target)
}

fn malformed_heads(target: &Target<'_>) -> Verdict {
    let line = "GET /baseline11?a=1&b=1 HTTP/1.1\r\n";
    let host = "Host: localhost:8080\r\n";
    let cases = [
        (
            "a zero byte in the path",
            format!("GET /base\0line11?a=1&b=1 HTTP/1.1\r\n{host}\r\n"),
        ),
        (
            "an empty header name",
            format!("{line}{host}: value\r\n\r\n"),
        ),
        (
            "a header line without a colon",
            format!("{line}{host}X-Bad\r\n\r\n"),
        ),
        (
            "a space before the colon",
            format!("{line}{host}X-Bad : 1\r\n\r\n"),
        ),
        (
            "no version",
            format!("GET /baseline11?a=1&b=1\r\n{host}\r\n"),
        ),
        (
            "an unknown protocol",
            format!("GET /baseline11?a=1&b=1 HTTQ/1.1\r\n{host}\r\n"),
        ),
        (
            "a zero byte in a header value",
            format!("{line}{host}X-Bad: a\0b\r\n\r\n"),
        ),
    ];
    for (what, text) in cases {
        refuse(target, what, text.as_bytes())?;
    }
    still_there(target)
}

/// RFC 9112 6.3: a length that cannot be trusted ends the connection; guessing
/// would let one request hide in another.
fn malformed_framing(target: &Target<'_>) -> Verdict {
    let cases = [
        (
            "a Content-Length that is no number",
            "Content-Length: abc\r\n",
            "20",
        ),
        ("a negative Content-Length", "Content-Length: -2\r\n", "20"),
        (
            "two different Content-Lengths",
            "Content-Length: 2\r\nContent-Length: 3\r\n",
            "200",
        ),
        (
            "a chunk size that is no number",
            "Transfer-Encoding: chunked\r\n",
            "zz\r\n20\r\n0\r\n\r\n",
        ),
        (
            "a chunk longer than its size",
            "Transfer-Encoding: chunked\r\n",
            "1\r\n20\r\n0\r\n\r\n",
        ),
        (
            "a Content-Length beyond 64 bits",
            "Content-Length: 99999999999999999999999\r\n",
            "20",
        ),
        (
            "a chunk size beyond 64 bits",
            "Transfer-Encoding: chunked\r\n",
            "fffffffffffffffff\r\n20",
        ),
    ];
    for (what, head, body) in cases {
        let bytes = request("POST", "/baseline11?a=1&b=1", head, body.as_bytes());
        refuse(target, what, &bytes)?;
    }
    still_there(target)
}

/// A fine request with garbage behind it in the same segment. A server may drop
/// both, but a request must not be made of the garbage.
fn garbage_after(target: &Target<'_>) -> Verdict {
    let mut bytes = request("GET", "/baseline11?a=13&b=42", "", b"");
    bytes.extend_from_slice(b"X-After: should-not-be-here\r\n\r\n");
    let mut wire = target.wire()?;
    wire.send(&bytes)?;
    wire.half_close();
    let mut fate = wire.fate(PATIENCE);
    if fate == Fate::Answered(200) {
        wire.answer()?
            .expect_text("55", "the request before the garbage is answered wrongly")?;
        fate = wire.fate(PATIENCE);
    }
    refused(fate).map_err(|says| {
        let says = format!("garbage after a request: {says}");
        wire.fault(says, "an error or the end of the connection")
    })
}

/// An 8 KiB header value, a folded header: a server may refuse them or answer
/// rightly, but not fall over.
fn odd_but_legal(target: &Target<'_>) -> Verdict {
    let long = format!(
        "X-Huge: {}\r\n",
        target.rng("noisy/odd-but-legal").text(8192)
    );
    let cases = [
        ("an 8 KiB header value", long.as_str()),
        (
            "a folded header",
            "X-Split: start\r\n \tcontinued-value\r\n",
        ),
        ("an empty header value", "X-Empty:\r\n"),
    ];
    for (what, head) in cases {
        let mut wire = target.wire()?;
        wire.send(&request("GET", "/baseline11?a=13&b=42", head, b""))?;
        wire.half_close();
        let fate = wire.fate(PATIENCE);
        if fate == Fate::Answered(200) {
            wire.answer()?
                .expect_text("55", &format!("{what}: the sum is wrong"))?;
        } else {
            refused(fate).map_err(|says| {
                wire.fault(format!("{what}: {says}"), "200, a client error, or a close")
            })?;
        }
    }
    still_there(target)
}

/// Connections that end at every stage of a request.
fn abandoned(target: &Target<'_>) -> Verdict {
    let bytes = request(
        "POST",
        "/baseline11?a=1&b=1",
        "Content-Length: 5\r\n",
        b"123",
    );
    for round in 0..target.times(40, 200) {
        let mut wire = target.wire()?;
        wire.write(&bytes[..round * 7 % bytes.len()])?;
        if round % 2 == 0 {
            wire.reset();
        }
    }
    still_there(target)
}

fn still_there(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("noisy/still-there");
    let (a, b) = (rng.within(100, 999), rng.within(100, 999));
    let after = |fault: Fault| fault.because(|says| format!("after broken requests: {says}"));
    target
        .get(&format!("/baseline11?a={a}&b={b}"))
        .map_err(after)?
        .expect_text(&(a + b).to_string(), "the sum is wrong")
        .map_err(after)
}
