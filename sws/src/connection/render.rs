//! From a [`Reply`] to bytes.

use crate::{
    body::{self, Body, BodySource, Flow},
    reply::Reply,
    response::{HeadPrefix, Persistence},
};
use std::{fs::File, sync::Arc};
use sws_proto::http1::response;

/// What is left of an answer whose head is out.
pub(crate) struct Outflow {
    kind: Kind,
    /// Bytes that are still owed, if the head said how many.
    left: Option<u64>,
    chunked: bool,
}

enum Kind {
    Stream(BodySource),
    File { file: File, at: u64, end: u64 },
    Shared { bytes: Arc<[u8]>, at: usize },
}

/// A shared body up to this long is copied into the output at once.
const COPY_BYTES_MAX: usize = 64 * 1024;

/// How far an answer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// It is complete.
    Done,
    /// It waits for its producer.
    Empty,
    /// It waits for the client.
    Full,
    /// It can never be complete.
    Broken,
}

impl Outflow {
    pub(crate) fn source(&self) -> Option<&BodySource> {
        match &self.kind {
            Kind::Stream(source) => Some(source),
            _ => None,
        }
    }

    /// Whether nothing but the connection's end tells the client where the body ends.
    pub(crate) fn is_until_close(&self) -> bool {
        self.left.is_none() && !self.chunked
    }

    /// Appends what there is, up to `room` bytes or little more.
    pub(crate) fn pump(&mut self, mut room: usize, out: &mut Vec<u8>) -> Pumped {
        loop {
            if self.left == Some(0) && !matches!(self.kind, Kind::Stream(_)) {
                return Pumped::Done;
            }
            if room == 0 {
                return Pumped::Full;
            }
            let start = out.len();
            match &mut self.kind {
                Kind::Stream(source) => {
                    let (bytes, flow) = source.take();
                    if !self.append(&bytes, out) {
                        return Pumped::Broken;
                    }
                    return match flow {
                        Flow::Open => Pumped::Empty,
                        Flow::Failed => Pumped::Broken,
                        Flow::Finished if self.left.is_none_or(|left| left == 0) => {
                            if self.chunked {
                                out.extend_from_slice(b"0\r\n\r\n");
                            }
                            Pumped::Done
                        }
                        Flow::Finished => Pumped::Broken,
                    };
                }
                Kind::File { file, at, end } => {
                    if body::read_piece(file, at, *end, out).is_none() {
                        return Pumped::Broken;
                    }
                }
                Kind::Shared { bytes, at } => {
                    let end = bytes.len().min(*at + COPY_BYTES_MAX);
                    out.extend_from_slice(&bytes[*at..end]);
                    *at = end;
                }
            }
            let added = out.len() - start;
            room = room.saturating_sub(added);
            self.left = self.left.map(|left| left.saturating_sub(added as u64));
        }
    }

    /// Whether the bytes fit what was announced.
    fn append(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        if bytes.is_empty() {
            return true;
        }
        if let Some(left) = &mut self.left {
            let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                return false;
            };
            *left = rest;
        }
        if self.chunked {
            out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        }
        out.extend_from_slice(bytes);
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
        true
    }
}

/// How an answer is to be written.
pub(crate) struct Manner<'a> {
    pub(crate) prefix: &'a HeadPrefix,
    pub(crate) persistence: Persistence,
    /// The answer to a HEAD.
    pub(crate) head_only: bool,
    /// The client knows no chunks.
    pub(crate) http10: bool,
}

/// Writes the head, and the body if it is in memory. Returns whether the connection closes afterwards, and what is left of the body.
pub(crate) fn reply(
    manner: &Manner<'_>,
    reply: Reply,
    out: &mut Vec<u8>,
) -> (bool, Option<Outflow>) {
    let start = out.len();
    let close = reply.close;
    match try_reply(manner, reply, out) {
        Some(written) => written,
        None => {
            out.truncate(start);
            let mut failed = Reply::unsendable();
            failed.close = close;
            // It has no fields, so it can be written.
            try_reply(manner, failed, out).unwrap_or((true, None))
        }
    }
}

fn try_reply(
    manner: &Manner<'_>,
    reply: Reply,
    out: &mut Vec<u8>,
) -> Option<(bool, Option<Outflow>)> {
    if reply.invalid {
        return None;
    }
    let bodiless = matches!(reply.status, 204 | 205 | 304);
    let length = reply.body_bytes();
    let chunked = length.is_none() && !manner.http10 && !bodiless;
    let until_close = length.is_none() && manner.http10 && !bodiless && !manner.head_only;
    let mut persistence = manner.persistence;
    if reply.close || until_close {
        persistence = Persistence::Close;
    }
    if reply.status == 200 {
        out.extend_from_slice(manner.prefix.ok());
    } else {
        response::begin(out, reply.status);
        out.extend_from_slice(manner.prefix.date_field());
    }
    match persistence {
        Persistence::Implied => {}
        Persistence::KeepAlive => response::header(out, "Connection", b"keep-alive"),
        Persistence::Close => response::header(out, "Connection", b"close"),
    }
    for field in &reply.fields {
        response::header(out, &field.name, &field.value);
    }
    if let Some(content_type) = &reply.content_type
        && !bodiless
    {
        response::try_header(out, "Content-Type", content_type.as_bytes()).ok()?;
    }
    match (reply.status, length) {
        (204 | 304, _) => {}
        (205, _) => response::content_length(out, 0),
        (_, Some(length)) => response::content_length(out, length),
        (_, None) if chunked => response::header(out, "Transfer-Encoding", b"chunked"),
        (_, None) => {}
    }
    response::end(out);
    let closing = persistence == Persistence::Close;
    if bodiless || manner.head_only {
        return Some((closing, None));
    }
    let kind = match reply.body {
        Body::Empty => return Some((closing, None)),
        Body::Static(bytes) => return Some(whole(closing, bytes, out)),
        Body::Bytes(bytes) => return Some(whole(closing, &bytes, out)),
        Body::Shared(bytes) if bytes.len() <= COPY_BYTES_MAX => {
            return Some(whole(closing, &bytes, out));
        }
        Body::Shared(bytes) => Kind::Shared { bytes, at: 0 },
        Body::File { file, at, end } => Kind::File { file, at, end },
        Body::Stream(source, _) => Kind::Stream(source),
    };
    let rest = Outflow {
        kind,
        left: length,
        chunked,
    };
    Some((closing, Some(rest)))
}

fn whole(closing: bool, bytes: &[u8], out: &mut Vec<u8>) -> (bool, Option<Outflow>) {
    out.extend_from_slice(bytes);
    (closing, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(http10: bool, head_only: bool, answer: Reply) -> (String, bool, Option<Outflow>) {
        let prefix = HeadPrefix::new(0);
        let manner = Manner {
            prefix: &prefix,
            persistence: if http10 {
                Persistence::KeepAlive
            } else {
                Persistence::Implied
            },
            head_only,
            http10,
        };
        let mut out = Vec::new();
        let (closing, rest) = reply(&manner, answer, &mut out);
        let text = String::from_utf8(out).unwrap();
        let date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        (text.replace(date, ""), closing, rest)
    }

    #[test]
    fn in_memory() {
        let (text, closing, rest) = write(false, false, Reply::text("ok").header("Vary", "x"));
        let head =
            "HTTP/1.1 200 OK\r\nVary: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(text, format!("{head}ok"));
        assert!(!closing && rest.is_none());
        let (text, ..) = write(false, true, Reply::text("ok").header("Vary", "x"));
        assert_eq!(text, head);
        let (text, closing, _) = write(false, false, Reply::text("x").status(204).close());
        assert_eq!(text, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        assert!(closing);
    }

    #[test]
    fn what_would_break_the_head_is_a_500() {
        for bad in [
            Reply::text("x").header("X", "a\r\nb"),
            Reply::bytes("a\nb", *b"x"),
        ] {
            let (text, ..) = write(false, false, bad);
            assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
        }
    }

    #[test]
    fn streams_are_chunked_or_end_with_the_connection() {
        for (http10, expected) in [(false, "3\r\nabc\r\n0\r\n\r\n"), (true, "abc")] {
            let (answer, mut sender) = Reply::stream("x/y");
            let (text, closing, rest) = write(http10, false, answer);
            assert_eq!(closing, http10);
            assert_eq!(text.contains("chunked"), !http10, "{text}");
            assert!(!text.contains("Content-Length"), "{text}");
            let (mut rest, mut out) = (rest.unwrap(), Vec::new());
            assert_eq!(rest.pump(100, &mut out), Pumped::Empty);
            sender.try_send("abc").unwrap();
            assert_eq!(rest.pump(0, &mut out), Pumped::Full);
            sender.finish();
            assert_eq!(rest.pump(100, &mut out), Pumped::Done);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn half_a_stream_is_broken() {
        let pump = |written: &str, length: Option<u64>, finish: bool| {
            let (answer, mut sender) = match length {
                Some(length) => Reply::stream_sized("x/y", length),
                None => Reply::stream("x/y"),
            };
            let (_, _, rest) = write(false, false, answer);
            sender.try_send(written).unwrap();
            if finish {
                sender.finish();
            } else {
                drop(sender);
            }
            rest.unwrap().pump(1000, &mut Vec::new())
        };
        assert_eq!(pump("abc", Some(3), true), Pumped::Done);
        assert_eq!(pump("abc", Some(4), true), Pumped::Broken);
        assert_eq!(pump("abc", Some(2), true), Pumped::Broken);
        assert_eq!(pump("abc", None, true), Pumped::Done);
        assert_eq!(pump("abc", None, false), Pumped::Broken);
    }

    #[test]
    fn files_and_shared_bytes_come_in_pieces() {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n / 7) as u8).collect();
        let path = std::env::temp_dir().join(format!("sws-render-{}.css", std::process::id()));
        std::fs::write(&path, &bytes).unwrap();
        let file = Reply::file(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.get_header("content-type"), Some(&b"text/css"[..]));
        for answer in [file, Reply::shared("x/y", bytes.clone().into())] {
            let (text, _, rest) = write(false, false, answer);
            assert!(text.contains("Content-Length: 300000\r\n"), "{text}");
            let (mut rest, mut out, mut pumps) = (rest.unwrap(), Vec::new(), 1);
            while rest.pump(100_000, &mut out) == Pumped::Full {
                pumps += 1;
            }
            assert_eq!((out == bytes, pumps), (true, 3));
        }
        assert!(Reply::file(std::env::temp_dir()).is_err());
        assert!(Reply::file("/no/such/file").is_err());
    }
}
