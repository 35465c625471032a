//! How bytes become requests: any segmentation, any spelling that the protocol
//! allows.

use super::fault::{Fault, Verdict, shown};
use super::target::Target;
use super::wire::{Fate, Wire, request};
use super::{Area, Check};
use crate::profiles::Generation;
use std::time::{Duration, Instant};

const AREAS: &[Area] = &[Area::Baseline, Area::LimitedConn];
const FIXED: &str = "/baseline11?a=13&b=42";
const WRONG: &str = "the sum is wrong";
/// Between the parts of the arena's fragmented requests.
const ARENA_GAP: Duration = Duration::from_millis(30);

pub(super) const CHECKS: &[Check] = &[
    Check::new("framing/request-line-split", AREAS, line_split).only(Generation::April2026),
    Check::new("framing/head-split", AREAS, head_split).only(Generation::April2026),
    Check::new("framing/body-apart", AREAS, body_apart).only(Generation::April2026),
    Check::new("framing/body-split", AREAS, body_split).only(Generation::April2026),
    Check::new("framing/get-split-at-every-byte", AREAS, every_byte_get),
    Check::new("framing/post-split-at-every-byte", AREAS, every_byte_post),
    Check::new(
        "framing/chunked-split-at-every-byte",
        AREAS,
        every_byte_chunked,
    ),
    Check::new("framing/byte-by-byte", AREAS, byte_by_byte),
    Check::new("framing/header-spelling", AREAS, header_spelling),
    Check::new("framing/tab-before-value", AREAS, tab_before_value),
    Check::new("framing/chunk-spelling", AREAS, chunk_spelling),
    Check::new("framing/many-headers", AREAS, many_headers),
    Check::new("framing/expect-continue", AREAS, expect_continue),
    Check::new("framing/truncated-body", AREAS, truncated_body),
];

/// One of the arena's fragmented requests on a connection of its own.
fn fragmented(target: &Target<'_>, parts: &[&str], sum: &str) -> Verdict {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let mut wire = target.wire()?;
    wire.send_parts(&parts, ARENA_GAP)?;
    let in_parts = |fault: Fault| {
        fault.because(|says| format!("a request that comes in {} segments: {says}", parts.len()))
    };
    wire.answer()
        .map_err(in_parts)?
        .expect_text(sum, WRONG)
        .map_err(in_parts)
}

fn line_split(target: &Target<'_>) -> Verdict {
    let parts = [
        "GET /baseli",
        "ne11?a=13&b=42 HTTP/1.1\r\n",
        "Host: localhost:8080\r\nConnection: close\r\n\r\n",
    ];
    fragmented(target, &parts, "55")
}

fn head_split(target: &Target<'_>) -> Verdict {
    let parts = [
        "GET /baseline11?a=13&b=42 HTTP/1.1\r\n",
        "Host: localhost:8080\r\n",
        "User-Agent: arena-frag/1.0\r\n",
        "Connection: close\r\n\r\n",
    ];
    fragmented(target, &parts, "55")
}

const POST_HEAD: &str = "POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost:8080\r\n\
     Content-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";

fn body_apart(target: &Target<'_>) -> Verdict {
    fragmented(target, &[POST_HEAD, "20"], "75")
}

fn body_split(target: &Target<'_>) -> Verdict {
    fragmented(target, &[POST_HEAD, "2", "0"], "75")
}

/// On one kept connection, so that a byte too many or too few shows in the
/// next answer at the latest.
fn every_byte(target: &Target<'_>, bytes: &[u8], sum: &str) -> Verdict {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let mut wire = target.wire()?;
    for cut in 1..bytes.len() {
        wire.send_parts(&[&bytes[..cut], &bytes[cut..]], Duration::from_millis(2))?;
        let reply = wire.answer();
        // The sum of the query alone: the server did not see that there is a body.
        let bodiless = sum != "55" && reply.as_ref().is_ok_and(|reply| reply.text() == b"55");
        let in_head = head.is_some_and(|head| cut < head + 4);
        reply
            .and_then(|reply| reply.expect_text(sum, WRONG))
            .map_err(|fault| {
                let before = shown(&bytes[..cut]);
                let lost = if bodiless && in_head {
                    "a header that comes in two segments is dropped: "
                } else {
                    ""
                };
                fault.because(|says| format!("{lost}split after byte {cut} ({before}): {says}"))
            })?;
    }
    Ok(())
}

fn every_byte_get(target: &Target<'_>) -> Verdict {
    every_byte(target, &request("GET", FIXED, "", b""), "55")
}

fn every_byte_post(target: &Target<'_>) -> Verdict {
    every_byte(
        target,
        &request("POST", FIXED, "Content-Length: 2\r\n", b"20"),
        "75",
    )
}

fn every_byte_chunked(target: &Target<'_>) -> Verdict {
    let body = b"1\r\n2\r\n1\r\n0\r\n0\r\n\r\n";
    every_byte(
        target,
        &request("POST", FIXED, "Transfer-Encoding: chunked\r\n", body),
        "75",
    )
}

fn byte_by_byte(target: &Target<'_>) -> Verdict {
    let bytes = request(
        "POST",
        FIXED,
        "Transfer-Encoding: chunked\r\n",
        b"2\r\n20\r\n0\r\n\r\n",
    );
    let parts: Vec<&[u8]> = bytes.chunks(1).collect();
    let mut wire = target.wire()?;
    wire.send_parts(&parts, Duration::from_millis(1))?;
    wire.describe(format!("{} one byte at a time", shown(&bytes)));
    wire.answer()?.expect_text("75", WRONG)
}

/// RFC 9110 5.1: names in any case. RFC 9112 5: optional white space around
/// the value. And no place in the list is special.
fn header_spelling(target: &Target<'_>) -> Verdict {
    let heads = [
        "content-length: 2\r\n",
        "CONTENT-LENGTH: 2\r\n",
        "Content-Length:2\r\n",
        "Content-Length:   2 \r\n",
        "Content-Length: 2\r\nX-After: 1\r\n",
        "X-Before: Content-Length: 9\r\nContent-Length: 2\r\n",
        "X-Content-Length: 9\r\nContent-Length: 2\r\n",
        "Content-Type: application/octet-stream\r\nContent-Length: 2\r\n",
    ];
    let mut wire = target.wire()?;
    for head in heads {
        spelled(&mut wire, head, b"20")?;
    }
    for head in [
        "transfer-encoding: chunked\r\n",
        "TRANSFER-ENCODING: Chunked\r\nX-After: 1\r\n",
    ] {
        spelled(&mut wire, head, b"2\r\n20\r\n0\r\n\r\n")?;
    }
    Ok(())
}

/// A tab is white space too, but nginx, for one, refuses it. That harms nobody:
/// only an answer to something else than what was meant does.
fn tab_before_value(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    let head = "Content-Length: \t 2 \r\n";
    wire.send(&request("POST", FIXED, head, b"20"))?;
    let reply = wire.answer()?;
    if reply.expect_client_error().is_ok() {
        return Ok(());
    }
    reply.expect_text("75", WRONG)
}

fn spelled(wire: &mut Wire, head: &str, body: &[u8]) -> Verdict {
    wire.send(&request("POST", FIXED, head, body))?;
    wire.answer()
        .and_then(|reply| reply.expect_text("75", WRONG))
        .map_err(|fault| {
            fault.because(|says| format!("with the header line {}: {says}", shown(head.as_bytes())))
        })
}

/// RFC 9112 7.1: sizes in hexadecimal of either case with leading zeros,
/// extensions, trailer fields.
fn chunk_spelling(target: &Target<'_>) -> Verdict {
    let spaces = " ".repeat(24);
    let bodies = [
        "00002\r\n20\r\n0\r\n\r\n".to_owned(),
        "2;name=value\r\n20\r\n0\r\n\r\n".to_owned(),
        "2\r\n20\r\n0\r\nX-Trailer: 1\r\n\r\n".to_owned(),
        format!("1A\r\n20{spaces}\r\n000\r\n\r\n"),
        format!("1a\r\n20{spaces}\r\n0\r\n\r\n"),
    ];
    let mut wire = target.wire()?;
    for body in bodies {
        wire.send(&request(
            "POST",
            FIXED,
            "Transfer-Encoding: chunked\r\n",
            body.as_bytes(),
        ))?;
        wire.answer()
            .and_then(|reply| reply.expect_text("75", WRONG))
            .map_err(|fault| {
                fault.because(|says| format!("chunked body {}: {says}", shown(body.as_bytes())))
            })?;
    }
    Ok(())
}

fn many_headers(target: &Target<'_>) -> Verdict {
    let mut head = String::new();
    for number in 0..30 {
        head += &format!("X-Header-{number}: {}\r\n", "v".repeat(40));
    }
    head += "Content-Length: 2\r\n";
    let mut wire = target.wire()?;
    wire.send(&request("POST", FIXED, &head, b"20"))?;
    wire.answer()?
        .expect_text("75", "a request with 32 header fields is answered wrongly")
}

/// RFC 9110 10.1.1: the server may say 100 first or wait for the body; it may
/// not take the interim answer for the final one.
fn expect_continue(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    wire.send(&request(
        "POST",
        FIXED,
        "Content-Length: 2\r\nExpect: 100-continue\r\n",
        b"",
    ))?;
    let start = Instant::now();
    let early = wire.fate(Duration::from_millis(300));
    wire.write(b"20")?;
    wire.describe("POST with `Expect: 100-continue`, the body 300 ms later at most");
    let mut reply = wire.answer()?;
    if reply.status == 100 {
        reply = wire.answer()?;
    } else if matches!(early, Fate::Answered(_)) {
        let says = format!(
            "the request was answered after {} ms, before its body came",
            start.elapsed().as_millis()
        );
        return Err(reply.fault(says, "status 100, or no answer before the body"));
    }
    reply.expect_text("75", WRONG)
}

/// A body that ends before its declared length is no request.
fn truncated_body(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    wire.send(&request("POST", FIXED, "Content-Length: 10\r\n", b"20"))?;
    wire.half_close();
    wire.describe("POST with Content-Length 10, two bytes of body, then the end of the stream");
    match wire.fate(Duration::from_secs(5)) {
        Fate::Answered(status) if status < 400 => {
            let says = format!("a truncated body is answered with {status}");
            Err(wire.fault(says, "an error status or the end of the connection"))
        }
        Fate::Silent => {
            let says =
                "the connection stays open after the client ended it in the middle of a body";
            Err(wire.fault(says, "the end of the connection within 5 s"))
        }
        Fate::Answered(_) | Fate::Closed => Ok(()),
    }
}
