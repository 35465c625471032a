//! Streams on which two recipients might disagree about where a request ends (RFC 9112 §11.2).
//!
//! Each hides a request for `/admin` where a lenient parser would find it. It must either be
//! refused before that, or the hidden bytes must be what a strict reading makes of them: a body.

use sws_proto::http1::Limits;

use crate::driver::{End, Retry, run};
use crate::splits;

const HIDDEN: &str = "GET /admin HTTP/1.1\r\nHost: h\r\n\r\n";

/// Header lines of a POST that make its length ambiguous, followed by a body that starts with `0`.
const AMBIGUOUS: &[&str] = &[
    // CL.TE and TE.CL, in both orders.
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    // CL.CL.
    "Content-Length: 0\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 5\r\n",
    "Content-Length: 0, 5\r\n",
    "Content-Length: 5, 5\r\n",
    // Lengths that parsers read differently.
    "Content-Length: +5\r\n",
    "Content-Length: -0\r\n",
    "Content-Length: 0x5\r\n",
    "Content-Length: 5 \x0b\r\n",
    "Content-Length: 5;a\r\n",
    "Content-Length: \"5\"\r\n",
    "Content-Length: 0_5\r\n",
    "Content-Length: 18446744073709551621\r\n",
    "Content-Length : 5\r\n",
    " Content-Length: 5\r\n",
    "Content-Length\t: 5\r\n",
    "Content-Length\0: 5\r\n",
    "Content-Length\r\n: 5\r\n",
    "Content-Length:\r\n 5\r\n",
    "X: y\r\n Content-Length: 5\r\n",
    "X: y\nContent-Length: 5\r\n",
    "X: y\rContent-Length: 5\r\n",
    "X: y\r\r\nContent-Length: 5\r\n",
    "X: y\0\r\nContent-Length: 5\r\n",
    // Codings that parsers read differently.
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity, chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: \"chunked\"\r\n",
    "Transfer-Encoding: 'chunked'\r\n",
    "Transfer-Encoding: chunked;\r\n",
    "Transfer-Encoding: chunked,\r\n",
    "Transfer-Encoding: ,chunked\r\n",
    "Transfer-Encoding: chunked chunked\r\n",
    "Transfer-Encoding: \x0bchunked\r\n",
    "Transfer-Encoding: chunked\x0c\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding\t: chunked\r\n",
    " Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "X: y\n Transfer-Encoding: chunked\r\n",
    "X: y\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
];

/// Chunked bodies that lenient parsers end at another place.
const CHUNKED: &[&str] = &[
    "0\n\n",
    "0\r\n\n",
    "0\r\r\n\r\n",
    "0;\n\r\n\r\n",
    "0 \r\n\r\n",
    "0\r\nX: y\n\r\n",
    "0\r\n X: y\r\n\r\n",
    "1\r\nxx0\r\n\r\n",
    "1\nx\r\n0\r\n\r\n",
    "1;a\nx\r\n0\r\n\r\n",
    "10000000000000000\r\n\r\n0\r\n\r\n",
    "0x0\r\n\r\n",
    "-0\r\n\r\n",
    "+0\r\n\r\n",
    "\r\n0\r\n\r\n",
];

#[test]
fn ambiguous_heads_are_refused_before_anything_behind_them_is_read() {
    let limits = Limits::default();
    for lines in AMBIGUOUS {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n0\r\n\r\n{HIDDEN}");
        let transcript = run([input.as_bytes()], &limits, Retry::Always);
        assert!(
            matches!(transcript.end, End::Refused(_)),
            "{}",
            input.escape_debug()
        );
        assert!(transcript.requests.is_empty(), "{}", input.escape_debug());
        splits::check_all(input.as_bytes(), &limits);
    }
}

#[test]
fn ambiguous_chunked_bodies_are_refused_before_anything_behind_them_is_read() {
    let limits = Limits::default();
    for body in CHUNKED {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let input = format!("{head}{body}{HIDDEN}");
        let transcript = run([input.as_bytes()], &limits, Retry::Always);
        assert!(
            matches!(transcript.end, End::Refused(_)),
            "{}",
            input.escape_debug()
        );
        assert_eq!(transcript.requests.len(), 1, "{}", input.escape_debug());
        splits::check_all(input.as_bytes(), &limits);
    }
}

#[test]
fn a_request_inside_a_body_stays_there() {
    let limits = Limits::default();
    let length = HIDDEN.len();
    for input in [
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        format!(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             {length:x}\r\n{HIDDEN}\r\n0\r\n\r\n"
        ),
        format!("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
    ] {
        let transcript = run([input.as_bytes()], &limits, Retry::Always);
        assert_eq!(transcript.end, End::InHead(0));
        assert_eq!(transcript.requests.len(), 1);
        assert_eq!(transcript.requests[0].body, HIDDEN.as_bytes());
        splits::check_all(input.as_bytes(), &limits);
    }
}

#[test]
fn framing_fields_in_trailers_change_nothing() {
    let input = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{HIDDEN}",
        HIDDEN.len()
    );
    let transcript = run([input.as_bytes()], &Limits::default(), Retry::Always);
    assert_eq!(transcript.end, End::InHead(0));
    assert_eq!(transcript.requests.len(), 2);
    assert_eq!(transcript.requests[1].head, "GET /admin @h 1.1 none keep");
}
