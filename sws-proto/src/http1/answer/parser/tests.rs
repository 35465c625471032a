//! Answers of every kind, cut everywhere.

use super::*;
use crate::http1::answer::RequestKind;
use alloc::{format, string::String, vec, vec::Vec};

#[derive(Default)]
struct Bodies(Vec<u8>);

impl BodySink for Bodies {
    fn data(&mut self, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.0.extend_from_slice(bytes);
    }
}

type Seen = Vec<(u16, bool, String)>;

/// Feeds `pieces` and then the end of the connection.
fn run(pieces: &[&[u8]], kind: RequestKind) -> (Seen, Result<Option<Answer>, AnswerError>) {
    let mut cache = HeadCache::new(kind);
    let mut parser = AnswerParser::new();
    let mut sink = Bodies::default();
    let mut seen = Seen::new();
    let text = |sink: &mut Bodies| String::from_utf8(core::mem::take(&mut sink.0)).unwrap();
    for piece in pieces {
        let mut input = *piece;
        while !input.is_empty() {
            match parser.advance(&mut input, &mut cache, &mut sink) {
                Ok(Some(answer)) => seen.push((answer.status, answer.close, text(&mut sink))),
                Ok(None) => assert!(input.is_empty()),
                Err(error) => return (seen, Err(error)),
            }
        }
    }
    let end = parser.end();
    if let Ok(Some(answer)) = end {
        seen.push((answer.status, answer.close, text(&mut sink)));
    }
    (seen, end)
}

/// The same at once, byte by byte and at every single split.
fn at_every_split(stream: &[u8], kind: RequestKind, expected: &[(u16, bool, &str)]) {
    let expected: Seen = expected.iter().map(|e| (e.0, e.1, e.2.into())).collect();
    let check = |pieces: &[&[u8]]| {
        let (seen, end) = run(pieces, kind);
        assert_eq!(seen, expected, "{pieces:?}");
        assert!(end.is_ok(), "{pieces:?}");
    };
    check(&[stream]);
    check(&stream.chunks(1).collect::<Vec<_>>());
    for at in 0..stream.len() {
        let (front, back) = stream.split_at(at);
        check(&[front, back]);
    }
}

#[test]
fn every_kind_of_body_at_every_split() {
    let stream = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        3;ext=\"a;b\"\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n\
        HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n\
        HTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
        HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n\
        HTTP/1.1 200 OK\r\n\r\nuntil the end";
    let expected = [
        (200, false, "hello"),
        (200, false, "world"),
        (200, false, "abc0123456789"),
        (304, false, ""),
        (204, false, ""),
        (404, false, ""),
        (200, true, "until the end"),
    ];
    at_every_split(stream, RequestKind::Ordinary, &expected);
}

#[test]
fn answers_to_head_have_no_body() {
    let one = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    let stream = format!("{one}{one}{one}");
    at_every_split(stream.as_bytes(), RequestKind::Head, &[(200, false, ""); 3]);
}

#[test]
fn heads_may_be_long_and_have_many_fields() {
    let mut stream = String::from("HTTP/1.1 200 OK\r\n");
    for number in 0..2000 {
        stream += &format!("X-Field-{number}: some value\r\n");
    }
    stream += "Content-Length: 2\r\n\r\nok";
    for size in [1, 7, 4096, stream.len()] {
        let pieces: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
        let (seen, end) = run(&pieces, RequestKind::Ordinary);
        assert_eq!(seen, [(200, false, String::from("ok"))]);
        assert_eq!(end, Ok(None));
    }
}

#[test]
fn endless_heads_are_refused() {
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 70_000]].concat();
    for size in [1, 4096, endless.len()] {
        let pieces: Vec<&[u8]> = endless.chunks(size).collect();
        let (_, end) = run(&pieces, RequestKind::Ordinary);
        assert_eq!(end, Err(AnswerError::HeadTooLarge), "{size}");
    }
    let whole = [endless.as_slice(), b"\r\n\r\n"].concat();
    let (_, end) = run(&[&whole], RequestKind::Ordinary);
    assert_eq!(end, Err(AnswerError::HeadTooLarge));
}

#[test]
fn an_end_inside_an_answer_is_noticed() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for len in 1..whole.len() {
        let (seen, end) = run(&[&whole[..len]], RequestKind::Ordinary);
        assert!(seen.is_empty());
        assert_eq!(end, Err(AnswerError::CutShort), "{len}");
    }
    let (_, end) = run(
        &[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"],
        RequestKind::Ordinary,
    );
    assert_eq!(end, Err(AnswerError::CutShort));
}

#[test]
fn malformed_answers_are_refused_at_every_split() {
    for (stream, error) in [
        (
            &b"garbage that never ends in a line"[..],
            AnswerError::StatusLine,
        ),
        (b"HTTP/1.1 200 OK\r\nNoColon\r\n\r\n", AnswerError::NoColon),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            AnswerError::Chunk,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            AnswerError::Chunk,
        ),
    ] {
        for at in 0..stream.len() {
            let (front, back) = stream.split_at(at);
            let (_, end) = run(&[front, back], RequestKind::Ordinary);
            assert_eq!(end, Err(error), "{at} of {:?}", stream.escape_ascii());
        }
    }
}

/// Accepts answers of which the server says its name.
struct Named;

impl BodySink for Named {
    fn head(&mut self, head: &[u8]) -> bool {
        assert!(head.ends_with(b"\r\n\r\n") && !head.starts_with(b"HTTP/1.1 1"));
        memmem::find(head, b"Server: me").is_some()
    }

    fn data(&mut self, _: &[u8]) {}
}

#[test]
fn heads_are_judged_whether_they_are_remembered_split_or_long() {
    let long = format!("X: {}\r\n", "x".repeat(600));
    let answer = |fields: &str| {
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{fields}Content-Length: 1\r\n\r\nx"
        )
    };
    for padding in ["", long.as_str()] {
        let yes = answer(&format!("{padding}Server: me\r\n"));
        let no = answer(&format!("{padding}Server: other\r\n"));
        let stream = [yes.as_str(), &yes, &no, &no, &yes].concat();
        for size in [1, 7, 50, stream.len()] {
            let mut cache = HeadCache::new(RequestKind::Ordinary);
            let mut parser = AnswerParser::new();
            let mut seen = Vec::new();
            for mut piece in stream.as_bytes().chunks(size) {
                while !piece.is_empty() {
                    let answer = parser.advance(&mut piece, &mut cache, &mut Named).unwrap();
                    seen.extend(answer.map(|answer| answer.accepted));
                }
            }
            assert_eq!(seen, [true, true, false, false, true], "{size}");
            let remembered = cache
                .head()
                .is_some_and(|head| head.ends_with(b"me\r\nContent-Length: 1\r\n\r\n"));
            assert_eq!(
                remembered,
                padding.is_empty() && size == stream.len(),
                "{size}"
            );
        }
    }
}

#[test]
fn the_cache_never_changes_an_outcome() {
    let mut cache = HeadCache::new(RequestKind::Ordinary);
    let mut parser = AnswerParser::new();
    let one = |len: usize| {
        let mut text = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n").into_bytes();
        text.resize(text.len() + len, b'x');
        text
    };
    for len in [2, 2, 2, 3, 2, 12, 12, 0, 0, 5000, 5000, 2] {
        let text = one(len);
        let mut input = text.as_slice();
        let mut sink = Bodies::default();
        let answer = parser.advance(&mut input, &mut cache, &mut sink).unwrap();
        assert_eq!(answer.map(|a| a.status), Some(200));
        assert_eq!(sink.0.len(), len);
        assert!(input.is_empty());
    }
}
