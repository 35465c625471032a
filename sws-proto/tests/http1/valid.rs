//! Requests that must be understood, and understood alike however their bytes arrive.

use crate::driver::{End, Retry, run};
use sws_proto::http1::Limits;

/// A stream of bytes, and head and body of each request in it.
struct Case {
    input: &'static [u8],
    requests: &'static [(&'static str, &'static [u8])],
}

const fn case(input: &'static [u8], requests: &'static [(&'static str, &'static [u8])]) -> Case {
    Case { input, requests }
}

const CASES: &[Case] = &[
    // Request lines.
    case(
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET / @h 1.1 none keep", b"")],
    ),
    case(
        b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("HEAD / @h 1.1 none keep", b"")],
    ),
    case(
        b"PUT /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("PUT /a @h 1.1 none keep", b"")],
    ),
    case(
        b"DELETE /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("DELETE /a @h 1.1 none keep", b"")],
    ),
    case(
        b"PATCH /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("PATCH /a @h 1.1 none keep", b"")],
    ),
    case(
        b"TRACE /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("TRACE /a @h 1.1 none keep", b"")],
    ),
    case(
        b"GETT /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GETT /a @h 1.1 none keep", b"")],
    ),
    case(
        b"get /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("get /a @h 1.1 none keep", b"")],
    ),
    case(
        b"!#$%&'*+-.^_`|~ /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("!#$%&'*+-.^_`|~ /a @h 1.1 none keep", b"")],
    ),
    case(
        b"GET /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
        &[(
            "GET /baseline11?a=13&b=42 @localhost:8080 1.1 none keep",
            b"",
        )],
    ),
    case(
        b"GET /? HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET /? @h 1.1 none keep", b"")],
    ),
    case(
        b"GET /a?b?c HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET /a?b?c @h 1.1 none keep", b"")],
    ),
    case(
        b"GET //a//b HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET //a//b @h 1.1 none keep", b"")],
    ),
    case(
        b"GET /%00%2e%zz/../{x}|\"<>\\^` HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET /%00%2e%zz/../{x}|\"<>\\^` @h 1.1 none keep", b"")],
    ),
    // Target forms (RFC 9112 section 3.2).
    case(
        b"GET http://a.example:81/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET /p?q @a.example:81 1.1 none keep", b"")],
    ),
    case(
        b"GET HTTPS://[2001:db8::1] HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET / @[2001:db8::1] 1.1 none keep", b"")],
    ),
    case(
        b"GET http://a?q HTTP/1.0\r\n\r\n",
        &[("GET /?q @a 1.0 none close", b"")],
    ),
    case(
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("OPTIONS * @h 1.1 none keep", b"")],
    ),
    case(
        b"OPTIONS http://a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("OPTIONS * @a 1.1 none keep", b"")],
    ),
    case(
        b"OPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("OPTIONS /a @h 1.1 none keep", b"")],
    ),
    case(
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
        &[("CONNECT  @a.example:443 1.1 none keep", b"")],
    ),
    // Versions and persistence (RFC 9112 section 9.3, RFC 9110 section 2.5).
    case(
        b"GET / HTTP/1.0\r\n\r\n",
        &[("GET / @ 1.0 none close", b"")],
    ),
    case(
        b"GET / HTTP/1.0\r\nHost: h\r\n\r\n",
        &[("GET / @h 1.0 none close", b"")],
    ),
    case(
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        &[("GET / @ 1.0 none keep", b"")],
    ),
    case(
        b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        &[("GET / @ 1.0 none close", b"")],
    ),
    case(
        b"GET / HTTP/1.2\r\nHost: h\r\n\r\n",
        &[("GET / @h 1.1 none keep", b"")],
    ),
    case(
        b"POST /a?b HTTP/1.9\r\nHost: h\r\nContent-Length: 2\r\nX: y\r\n\r\n\
          okGET / HTTP/1.3\r\nhost:h\r\n\r\n",
        &[
            ("POST /a?b @h 1.1 2 keep", b"ok"),
            ("GET / @h 1.1 none keep", b""),
        ],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        &[("GET / @h 1.1 none close", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade ,\tCLOSE\r\n\r\n",
        &[("GET / @h 1.1 none close", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nconnection: x, ,close\r\n\r\n",
        &[("GET / @h 1.1 none close", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: closed, not-close\r\n\r\n",
        &[("GET / @h 1.1 none keep", b"")],
    ),
    // Hosts and header lines.
    case(
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        &[("GET / @ 1.1 none keep", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: \t \r\n\r\n",
        &[("GET / @ 1.1 none keep", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nhOsT:h:80\r\n\r\n",
        &[("GET / @h:80 1.1 none keep", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: \t [::1]:8080 \t\r\n\r\n",
        &[("GET / @[::1]:8080 1.1 none keep", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nA:\r\nB: \r\nC:\tc\td \r\nD: \x80\xff\r\n!#$%&'*+-.^_`|~09: :\r\n\
          Host: h\r\n\r\n",
        &[("GET / @h 1.1 none keep", b"")],
    ),
    case(
        b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        &[("GET / @h 1.1 none keep", b"")],
    ),
    case(
        b"\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\n\
          Host: h\r\n\r\n",
        &[
            ("GET / @h 1.1 none keep", b""),
            ("GET /b @h 1.1 none keep", b""),
        ],
    ),
    // Bodies with a length (RFC 9112 section 6.2).
    case(
        b"POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 2\r\n\
          \r\n20",
        &[(
            "POST /baseline11?a=13&b=42 @localhost:8080 1.1 2 keep",
            b"20",
        )],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\ncontent-length:0\r\n\r\nGET /next HTTP/1.1\r\n\
          Host: h\r\n\r\n",
        &[
            ("POST / @h 1.1 0 keep", b""),
            ("GET /next @h 1.1 none keep", b""),
        ],
    ),
    case(
        b"POST / HTTP/1.0\r\nContent-Length: 0003\r\n\r\n\r\n\0",
        &[("POST / @ 1.0 3 close", b"\r\n\0")],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 14\r\n\r\n\
          GET / HTTP/1.1GET / HTTP/1.1\r\nHost: i\r\n\r\n",
        &[
            ("GET / @h 1.1 14 keep", b"GET / HTTP/1.1"),
            ("GET / @i 1.1 none keep", b""),
        ],
    ),
    // Chunked bodies (RFC 9112 section 7.1).
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n20\r\n0\r\n\r\n",
        &[("POST / @h 1.1 chunked keep", b"20")],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding:\tCHUNKED \r\n\r\n0\r\n\r\n\
          GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        &[
            ("POST / @h 1.1 chunked keep", b""),
            ("GET / @h 1.1 none keep", b""),
        ],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0b\r\n\
          bcdefghijkl\r\n00A\r\n\r\n0\r\n\r\n\r\n-\r\n000\r\n\r\n",
        &[(
            "POST / @h 1.1 chunked keep",
            b"abcdefghijkl\r\n0\r\n\r\n\r\n-",
        )],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n\
          1 ;a=b\r\ny\r\n1\t; a = \"b;\\\"c\";d\xff\r\nz\r\n0;last\r\n\r\n",
        &[("POST / @h 1.1 chunked keep", b"xyz")],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000001\r\n\
          x\r\n0000000000000000\r\nA: b\r\nContent-Length:\t7\xff \r\nC:\r\n\r\n",
        &[("POST / @h 1.1 chunked keep", b"x")],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\
          TE: trailers\r\n\r\n0\r\nA: 1\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        &[
            ("POST / @h 1.1 chunked keep", b""),
            ("GET / @h 1.1 none keep", b""),
        ],
    ),
    // Expectations (RFC 9110 section 10.1.1).
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\nx",
        &[("POST / @h 1.1 1 keep expect", b"x")],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\
          \r\n0\r\n\r\n",
        &[("POST / @h 1.1 chunked keep expect", b"")],
    ),
    case(
        b"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
        &[("GET / @h 1.1 none keep", b"")],
    ),
    case(
        b"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue, tea\r\n\r\nx",
        &[("POST / @ 1.0 1 close", b"x")],
    ),
    case(
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect:\r\n\r\nx",
        &[("POST / @h 1.1 1 keep", b"x")],
    ),
    // Pipelining.
    case(
        b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n\
          POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n3GET /4 HTTP/1.0\r\n\r\n",
        &[
            ("GET /1 @h 1.1 none keep", b""),
            ("GET /2 @h 1.1 none keep", b""),
            ("POST /3 @h 1.1 1 keep", b"3"),
            ("GET /4 @ 1.0 none close", b""),
        ],
    ),
    // An upgrade is the caller's business: to the parser it is a request like any other.
    case(
        b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        &[("GET /ws @h 1.1 none keep", b"")],
    ),
];

#[test]
fn valid_requests_are_understood() {
    assert!(CASES.len() >= 40);
    let limits = Limits::default();
    for case in CASES {
        let name = case.input.escape_ascii();
        let transcript = run([case.input], &limits, Retry::Always);
        assert_eq!(transcript.end, End::InHead(0), "{name}");
        let found: Vec<(&str, &[u8])> = transcript
            .requests
            .iter()
            .map(|request| (request.head.as_str(), request.body.as_slice()))
            .collect();
        assert_eq!(found, case.requests, "{name}");
    }
}

#[test]
fn valid_requests_are_understood_alike_under_every_split() {
    for case in CASES {
        crate::splits::check_all(case.input, &Limits::default());
    }
}

#[test]
fn an_unfinished_request_is_waited_for_at_every_length() {
    let limits = Limits::default();
    for case in CASES {
        let whole = run([case.input], &limits, Retry::Always);
        for cut in 0..case.input.len() {
            let part = run([&case.input[..cut]], &limits, Retry::Always);
            assert!(
                !matches!(part.end, End::Refused(_)),
                "{} refused after {cut} bytes: {:?}",
                case.input.escape_ascii(),
                part.end
            );
            for (seen, expected) in part.requests.iter().zip(&whole.requests) {
                assert_eq!(seen.head, expected.head);
                assert!(expected.body.starts_with(&seen.body));
            }
        }
    }
}

#[test]
fn header_lines_keep_their_order_and_lose_their_padding() {
    let input = b"GET / HTTP/1.1\r\nHost: h\r\nX-A:  one \t\r\nx-a:\r\nB: \xe9\r\n\r\n";
    let transcript = run([&input[..]], &Limits::default(), Retry::Always);
    let headers: Vec<(&str, &[u8])> = transcript.requests[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    assert_eq!(
        headers,
        [
            ("Host", &b"h"[..]),
            ("X-A", b"one"),
            ("x-a", b""),
            ("B", b"\xe9"),
        ]
    );
}
