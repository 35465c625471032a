//! Requests that must be refused, for the same reason however their bytes arrive.

use sws_proto::http1::{Limits, ParseError, ParseError::*};

use crate::driver::{End, Retry, run};
use crate::splits;

/// Bytes, status and reason; the fault is in the head.
const HEADS: &[(&[u8], u16, ParseError)] = &[
    // Request lines (RFC 9112 section 3).
    (b"GET\r\n\r\n", 400, BadRequestLine),
    (b"GET /\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (b"GET / \r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (b"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"GET / a HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (
        b"G\xc3\x89T / HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        BadRequestLine,
    ),
    (b"G\0T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (b"Host: h\r\n\r\n", 400, BadRequestLine),
    (
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        400,
        BadRequestLine,
    ),
    (b"\0\0\0\0", 400, BadRequestLine),
    // Versions (RFC 9112 section 2.3).
    (b"GET / http/1.1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET / HTTP/1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET / HTTP/1,1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET / HTTP/1.x\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET / HTTP/11.1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"GET / HTTP/1.23\r\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"GET / HTTP/1.2\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"GET / a HTTP/1.2\r\nHost: h\r\n\r\n", 400, BadVersion),
    (
        b"GET / HTTP/1.0 HTTP/1.2\r\nHost: h\r\n\r\n",
        400,
        BadLineEnd,
    ),
    (
        b"GET / HTTP/1.2 HTTP/1.2\r\nHost: h\r\n\r\n",
        400,
        BadLineEnd,
    ),
    (b"GET  HTTP/1.2\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (b" HTTP/1.2\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (b"GET / ICY/1.1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (b"GET / HTTP /1.1\r\nHost: h\r\n\r\n", 400, BadVersion),
    (
        b"GET / HTTP/0.9\r\nHost: h\r\n\r\n",
        505,
        UnsupportedVersion,
    ),
    (
        b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        505,
        UnsupportedVersion,
    ),
    (
        b"GET / HTTP/3.1\r\nHost: h\r\n\r\n",
        505,
        UnsupportedVersion,
    ),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, UnsupportedVersion),
    // Targets (RFC 9112 section 3.2).
    (b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (
        b"GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        BadRequestLine,
    ),
    (b"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadRequestLine),
    (
        b"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        BadRequestLine,
    ),
    (
        b"GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        BadRequestLine,
    ),
    (b"OPTIONS *a HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"CONNECT h:x HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (b"GET http:// HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTarget),
    (
        b"GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        BadTarget,
    ),
    (
        b"GET http://h:99999/ HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        BadTarget,
    ),
    // Line ends (RFC 9112 section 2.2).
    (b"GET / HTTP/1.1\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"GET / HTTP/1.1\r\nHost: h\n\r\n", 400, BadLineEnd),
    (b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400, BadLineEnd),
    (b"GET / HTTP/1.1\r\nHost: h\n\n", 400, BadLineEnd),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA:\nB: c\r\n\r\n",
        400,
        BadLineEnd,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\nB: c\r\n\r\n",
        400,
        BadLineEnd,
    ),
    (b"GET / HTTP/1.0\n\n", 400, BadLineEnd),
    (b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"\r\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadLineEnd),
    (
        b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        BadLineEnd,
    ),
    (b"GET / HTTP/1.1\rHost: h\r\n\r\n", 400, BadLineEnd),
    (b"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", 400, BadLineEnd),
    (b"GET / HTTP/1.1\r\nHost: h\r\n\rX", 400, BadLineEnd),
    // Header lines (RFC 9112 section 5).
    (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400, BadHeaderName),
    (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400, BadHeaderName),
    (b"GET / HTTP/1.1\r\nHost\t: h\r\n\r\n", 400, BadHeaderName),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA\0: c\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA\xe9: c\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA(: c\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA:\r\n b\r\n\r\n",
        400,
        BadHeaderName,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n",
        400,
        BadHeaderValue,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\x0bc\r\n\r\n",
        400,
        BadHeaderValue,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: \x7f\r\n\r\n",
        400,
        BadHeaderValue,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
        400,
        BadHeaderValue,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\r\n\r\n",
        400,
        BadHeaderValue,
    ),
    // Hosts (RFC 9112 section 3.2).
    (b"GET / HTTP/1.1\r\n\r\n", 400, MissingHost),
    (b"GET / HTTP/1.1\r\nHosts: h\r\n\r\n", 400, MissingHost),
    (b"GET http://h/ HTTP/1.1\r\nA: b\r\n\r\n", 400, MissingHost),
    (b"GET / HTTP/1.2\r\n\r\n", 400, MissingHost),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        400,
        RepeatedHost,
    ),
    (
        b"GET / HTTP/1.0\r\nHost: h\r\nhost: h\r\n\r\n",
        400,
        RepeatedHost,
    ),
    (b"GET / HTTP/1.1\r\nHost: h h\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: h/a\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: h:8o\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.1\r\nHost: h\xe9\r\n\r\n", 400, BadHost),
    (b"GET / HTTP/1.0\r\nHost: h?\r\n\r\n", 400, BadHost),
    // Content-Length (RFC 9110 section 8.6, RFC 9112 section 6.3).
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -2\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x2\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2 0\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2,2\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2.0\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \xb2\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n20",
        400,
        BadContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n20",
        400,
        RepeatedContentLength,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 33554433\r\n\r\n20",
        413,
        BodyTooLarge,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n20",
        413,
        BodyTooLarge,
    ),
    // Transfer-Encoding (RFC 9112 sections 6.1 and 7).
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n",
        400,
        BadTransferEncoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
        400,
        BadTransferEncoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n",
        400,
        BadTransferEncoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        400,
        BadTransferEncoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        400,
        BadTransferEncoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;q=1\r\n\r\n",
        400,
        BadTransferEncoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\
          Transfer-Encoding: chunked\r\n\r\n",
        400,
        BadTransferEncoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
        UnsupportedCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        400,
        AmbiguousLength,
    ),
    (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        TransferEncodingIn10,
    ),
    // Expectations (RFC 9110 section 10.1.1).
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 200-ok\r\n\r\n20",
        417,
        UnknownExpectation,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue, tea\r\n\r\n20",
        417,
        UnknownExpectation,
    ),
    (
        b"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue;a=b\r\n\r\n",
        417,
        UnknownExpectation,
    ),
];

/// What follows the head of a chunked POST, status and reason (RFC 9112 section 7.1).
const CHUNKED_BODIES: &[(&[u8], u16, ParseError)] = &[
    (b"\r\n\r\n", 400, BadChunk),
    (b";a\r\n\r\n", 400, BadChunk),
    (b" 2\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2 \r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2\t\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2 2\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"-2\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"+2\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"0x2\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"g\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2_0\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2,0\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2\r20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2\r\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2\r\n200\r\n\r\n", 400, BadChunk),
    (b"2\r\n20\n0\r\n\r\n", 400, BadChunk),
    (b"2\r\n20\r0\r\n\r\n", 400, BadChunk),
    (b"2\r\n20\rx0\r\n\r\n", 400, BadChunk),
    (b"2\r\n20xx0\r\n\r\n", 400, BadChunk),
    (b"2\rx20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2\r\n20\r\n\r\n", 400, BadChunk),
    (b"3\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2;\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2;;a\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2;=b\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2;a\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2;a=\"\n\"\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2;a\rb\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"2;a=\0\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"00000000000000002\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"10000000000000000\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"fffffffffffffffff\r\n20\r\n0\r\n\r\n", 400, BadChunk),
    (b"ffffffffffffffff\r\n20\r\n0\r\n\r\n", 413, BodyTooLarge),
    (b"2000001\r\n20\r\n0\r\n\r\n", 413, BodyTooLarge),
    (
        b"1\r\n2\r\nffffffffffffffff\r\n20\r\n0\r\n\r\n",
        413,
        BodyTooLarge,
    ),
    (b"0\r\nA\r\n\r\n", 400, BadTrailer),
    (b"0\r\n: a\r\n\r\n", 400, BadTrailer),
    (b"0\r\nA : b\r\n\r\n", 400, BadTrailer),
    (b"0\r\n A: b\r\n\r\n", 400, BadTrailer),
    (b"0\r\nA: b\r\n c\r\n\r\n", 400, BadTrailer),
    (b"0\r\nA: b\n\r\n", 400, BadTrailer),
    (b"0\r\nA: b\rc\r\n\r\n", 400, BadTrailer),
    (b"0\r\nA: \0\r\n\r\n", 400, BadTrailer),
    (b"0\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, BadTrailer),
    (b"0\r\n\n", 400, BadTrailer),
    (b"0\r\n\r\r\n", 400, BadTrailer),
    (b"0\r\n\rx", 400, BadTrailer),
    (b"0\r\nA: b\rx\r\n", 400, BadTrailer),
    (b"0\n\n", 400, BadChunk),
];

const CHUNKED_HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn invalid_heads_are_refused_under_every_split() {
    assert!(HEADS.len() >= 60);
    let limits = Limits::default();
    for (input, status, reason) in HEADS {
        let name = input.escape_ascii();
        assert_eq!(reason.status(), *status, "{reason}");
        let transcript = run([*input], &limits, Retry::Always);
        assert_eq!(transcript.end, End::Refused(*reason), "{name}");
        assert!(transcript.requests.is_empty(), "{name}");
        splits::check_all(input, &limits);
    }
}

#[test]
fn invalid_chunked_bodies_are_refused_under_every_split() {
    let limits = Limits::default();
    for (body, status, reason) in CHUNKED_BODIES {
        let name = body.escape_ascii();
        assert_eq!(reason.status(), *status, "{reason}");
        let input = [CHUNKED_HEAD, body].concat();
        let transcript = run([&input[..]], &limits, Retry::Always);
        assert_eq!(transcript.end, End::Refused(*reason), "{name}");
        assert_eq!(transcript.requests.len(), 1, "{name}");
        splits::check_all(&input, &limits);
    }
}

#[test]
fn a_valid_request_before_an_invalid_one_still_counts() {
    let limits = Limits::default();
    let valid = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
    for (input, _, reason) in HEADS {
        let input = [&valid[..], input].concat();
        let transcript = run([&input[..]], &limits, Retry::Always);
        assert_eq!(
            transcript.end,
            End::Refused(*reason),
            "{}",
            input.escape_ascii()
        );
        assert_eq!(transcript.requests.len(), 1);
        assert_eq!(transcript.requests[0].body, b"x");
        splits::check_all(&input, &limits);
    }
}
