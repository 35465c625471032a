//! How connections behave: one answer per request and in order, kept open,
//! closed when asked, HEAD without a body, many short connections.

use super::fault::{Fault, Verdict};
use super::target::Target;
use super::wire::request;
use super::{Area, Check};
use crate::rng::Rng;
use std::time::Duration;

const SUMS: &[Area] = &[Area::Baseline, Area::LimitedConn];
const LIMITED: &[Area] = &[Area::LimitedConn];
const FIXED: &str = "/baseline11?a=13&b=42";
const WRONG_SUM: &str = "the sum is wrong";

pub(super) const CHECKS: &[Check] = &[
    Check::new("connection/one-answer-per-request", SUMS, one_answer),
    Check::new("connection/kept-open", SUMS, kept_open),
    Check::new("connection/closed-on-request", SUMS, closed_on_request),
    Check::new("connection/head", SUMS, head),
    Check::new("connection/pipelined-in-order", SUMS, pipelined_in_order),
    Check::new("connection/small-response-head", SUMS, small_head),
    Check::new("connection/short-lived", LIMITED, short_lived),
];

fn one_answer(target: &Target<'_>) -> Verdict {
    let extra = "a second answer came to a single request: an unsolicited answer";
    let requests = [
        request("GET", FIXED, "", b""),
        request("POST", FIXED, "Content-Length: 2\r\n", b"20"),
        request(
            "POST",
            FIXED,
            "Transfer-Encoding: chunked\r\n",
            b"2\r\n20\r\n0\r\n\r\n",
        ),
    ];
    for (bytes, sum) in requests.iter().zip(["55", "75", "75"]) {
        let mut wire = target.wire()?;
        wire.send(bytes)?;
        wire.answer()?.expect_text(sum, WRONG_SUM)?;
        wire.expect_silence(Duration::from_millis(150), extra)?;
    }
    Ok(())
}

fn kept_open(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    for number in 0..target.times(20, 100) {
        wire.send(&request(
            "GET",
            &format!("/baseline11?a={number}&b=1"),
            "",
            b"",
        ))?;
        let reply = wire.answer().map_err(|fault| {
            fault.because(|says| format!("request {} on one connection: {says}", number + 1))
        })?;
        reply.expect_text(&(number + 1).to_string(), WRONG_SUM)?;
        if reply
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        {
            let says = "the answer closes a connection that HTTP/1.1 keeps open";
            return Err(reply.fault(says, "no `Connection: close`"));
        }
    }
    Ok(())
}

fn closed_on_request(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    wire.send(&request("GET", FIXED, "Connection: close\r\n", b""))?;
    wire.answer()?.expect_text("55", WRONG_SUM)?;
    if wire.ends_within(Duration::from_secs(3)) {
        return Ok(());
    }
    Err(wire.fault(
        "`Connection: close` is not honoured: the connection stays open",
        "the end of the connection",
    ))
}

/// A server may refuse HEAD, but an answer with a body would be read as the
/// start of the next one.
fn head(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    wire.send(&request("HEAD", FIXED, "", b""))?;
    let reply = wire.answer_to_head()?;
    wire.expect_silence(Duration::from_millis(100), "the answer to HEAD has a body")?;
    if !matches!(reply.status, 200 | 405 | 501) {
        let says = format!("HEAD is answered with {}", reply.status);
        return Err(reply.fault(
            says,
            "200 like GET, or 405 or 501 where HEAD is not offered",
        ));
    }
    let length = reply.header("content-length");
    if reply.status == 200 && length.is_some_and(|length| length != "2") {
        let says = "the Content-Length of HEAD is not that of GET";
        return Err(reply.fault(says, "Content-Length: 2, or none"));
    }
    wire.send(&request("GET", FIXED, "", b""))?;
    wire.answer()?
        .expect_text("55", "the request after HEAD is answered wrongly")
}

/// 24 different requests in one write: the answers must come in their order.
fn pipelined_in_order(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("connection/pipelined-in-order");
    for round in 0..target.times(3, 10) {
        let (bytes, sums) = mixed_batch(&mut rng, 24);
        let mut wire = target.wire()?;
        if round % 2 == 0 {
            wire.write(&bytes)?;
        } else {
            let cut = rng.within(1, bytes.len() as u64 - 1) as usize;
            wire.send_parts(&[&bytes[..cut], &bytes[cut..]], Duration::from_millis(2))?;
        }
        let mut previous = Vec::new();
        for (index, sum) in sums.iter().enumerate() {
            wire.describe(format!(
                "24 pipelined requests; answer {} of them",
                index + 1
            ));
            let reply = wire.answer()?;
            let text = String::from_utf8_lossy(reply.text()).into_owned();
            if text != *sum && sums.contains(&text) {
                let says = if previous.contains(&text) {
                    "an answer came twice to pipelined requests"
                } else {
                    "pipelined requests are answered out of order"
                };
                return Err(reply.fault(says, format!("body `{sum}`")));
            }
            reply.expect_text(sum, "a pipelined request is answered wrongly")?;
            previous.push(text);
        }
    }
    Ok(())
}

/// GETs, POSTs and chunked POSTs in random order, all sums different.
fn mixed_batch(rng: &mut Rng, count: u64) -> (Vec<u8>, Vec<String>) {
    let mut bytes = Vec::new();
    let mut sums = Vec::new();
    for index in 0..count {
        let (a, b) = (index * 10_000, rng.within(0, 4_000));
        let path = format!("/baseline11?a={a}&b={b}");
        let body = rng.within(0, 4_000);
        let text = body.to_string();
        let (request, sum) = match rng.within(0, 2) {
            0 => (request("GET", &path, "", b""), a + b),
            1 => {
                let head = format!("Content-Length: {}\r\n", text.len());
                (request("POST", &path, &head, text.as_bytes()), a + b + body)
            }
            _ => {
                let chunks = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
                let head = "Transfer-Encoding: chunked\r\n";
                (
                    request("POST", &path, head, chunks.as_bytes()),
                    a + b + body,
                )
            }
        };
        bytes.extend(request);
        sums.push(sum.to_string());
    }
    (bytes, sums)
}

fn small_head(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    wire.send(&request("GET", FIXED, "", b""))?;
    wire.answer()?.expect_small_head()
}

/// Ten requests, then a reset, again and again, as the profile does.
fn short_lived(target: &Target<'_>) -> Verdict {
    let requests = [
        (request("GET", FIXED, "", b""), "55"),
        (request("POST", FIXED, "Content-Length: 2\r\n", b"20"), "75"),
        (
            request(
                "POST",
                FIXED,
                "Transfer-Encoding: chunked\r\n",
                b"2\r\n20\r\n0\r\n\r\n",
            ),
            "75",
        ),
    ];
    for connection in 0..target.times(30, 200) {
        let mut wire = target.wire()?;
        let (bytes, sum) = &requests[connection % requests.len()];
        for _ in 0..10 {
            wire.send(bytes)?;
            wire.answer()
                .and_then(|reply| reply.expect_text(sum, WRONG_SUM))
                .map_err(|fault: Fault| {
                    fault.because(|says| format!("connection {}: {says}", connection + 1))
                })?;
        }
        // Half of them are reset with a request unanswered.
        if connection % 2 == 1 {
            wire.send(bytes)?;
        }
        wire.reset();
    }
    target
        .get(FIXED)?
        .expect_text("55", "the sum is wrong after many short connections")
}
