//! A connection layer without a connection: feeds pieces of input to the parser and the body
//! decoder as a server would, and writes down everything it learned.
//!
//! Shared by the integration tests and the fuzz targets, whose common claim is that what is
//! written down does not depend on where the input was cut.

use std::mem::MaybeUninit;

use sws_proto::http1::{BodyDecoder, Framing, Head, Limits, ParseError, Version, head};

/// Everything that one stream of bytes amounted to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) requests: Vec<Request>,
    pub(crate) end: End,
}

/// One request whose head was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// All of the head, in the form that [`describe`] gives it.
    pub(crate) head: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The decoded body, as far as it came.
    pub(crate) body: Vec<u8>,
}

/// Where the stream ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Within a head of which so many bytes had come; 0 between requests.
    InHead(usize),
    InBody,
    Refused(ParseError),
}

/// When an incomplete head is parsed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// After every piece.
    Always,
    /// When [`head::may_be_complete`] says that it is worth it, as its documentation advises.
    WhenPossible,
}

/// Runs a stream through, one piece after the other.
pub(crate) fn run<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    limits: &Limits,
    retry: Retry,
) -> Transcript {
    let mut connection = Connection {
        limits,
        buffer: Vec::new(),
        body: None,
        requests: Vec::new(),
    };
    for piece in pieces {
        let fresh = connection.buffer.is_empty();
        connection.buffer.extend_from_slice(piece);
        let worth_it = retry == Retry::Always
            || fresh
            || connection.body.is_some()
            || head::may_be_complete(piece)
            || connection.buffer.len() > limits.target_bytes_max
            || connection.buffer.len() >= limits.head_bytes_max;
        if worth_it && let Err(error) = connection.advance() {
            return connection.end(End::Refused(error));
        }
    }
    // Bytes that were not worth another look on arrival must not have hidden a refusal for good.
    if let Err(error) = connection.advance() {
        return connection.end(End::Refused(error));
    }
    let end = match connection.body {
        Some(_) => End::InBody,
        None => End::InHead(connection.buffer.len()),
    };
    connection.end(end)
}

/// Cuts `input` at `cuts` (any order, repetitions allowed) and runs the pieces through.
pub(crate) fn run_cut(input: &[u8], cuts: &[usize], limits: &Limits, retry: Retry) -> Transcript {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(input.len())).collect();
    cuts.sort_unstable();
    cuts.push(input.len());
    let mut start = 0;
    let pieces = cuts.iter().map(|cut| {
        let piece = &input[start..*cut];
        start = *cut;
        piece
    });
    run(pieces, limits, retry)
}

struct Connection<'l> {
    limits: &'l Limits,
    /// Input that is not consumed yet.
    buffer: Vec<u8>,
    /// Present within a body.
    body: Option<BodyDecoder>,
    requests: Vec<Request>,
}

impl Connection<'_> {
    /// Consumes as much of the buffer as possible.
    fn advance(&mut self) -> Result<(), ParseError> {
        loop {
            let consumed = match &mut self.body {
                None => self.parse_head()?,
                Some(decoder) => {
                    let decoded = decoder.decode(&self.buffer)?;
                    assert!(decoded.consumed <= self.buffer.len());
                    assert!(decoded.consumed >= decoded.data.len());
                    assert_eq!(decoded.done, decoder.is_done());
                    assert!(
                        decoded.consumed > 0 || decoded.done || self.buffer.is_empty(),
                        "no progress"
                    );
                    let Some(request) = self.requests.last_mut() else {
                        unreachable!("a body follows a head");
                    };
                    request.body.extend_from_slice(decoded.data);
                    if decoded.done {
                        self.body = None;
                    }
                    decoded.consumed
                }
            };
            self.buffer.drain(..consumed);
            if consumed == 0 || (self.buffer.is_empty() && self.body.is_none()) {
                return Ok(());
            }
        }
    }

    fn parse_head(&mut self) -> Result<usize, ParseError> {
        let mut slots = [const { MaybeUninit::uninit() }; 128];
        let Some((head, length)) = head::parse(&self.buffer, &mut slots, self.limits)? else {
            return Ok(0);
        };
        assert!(length > 0 && length <= self.buffer.len());
        assert!(length <= self.limits.head_bytes_max);
        assert!(head.headers.len() <= self.limits.headers_max);
        let decoder = BodyDecoder::new(head.framing, self.limits.body_bytes_max);
        assert_eq!(decoder.is_done(), !head.framing.has_body());
        self.requests.push(Request {
            head: describe(&head),
            headers: head
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), header.value.to_owned()))
                .collect(),
            body: Vec::new(),
        });
        self.body = head.framing.has_body().then_some(decoder);
        Ok(length)
    }

    fn end(self, end: End) -> Transcript {
        Transcript {
            requests: self.requests,
            end,
        }
    }
}

/// A head in one line: method, path, query, authority, version, framing, persistence.
pub(crate) fn describe(head: &Head<'_, '_>) -> String {
    let query = head.query.map(|query| format!("?{query}"));
    let version = match head.version {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
    };
    let framing = match head.framing {
        Framing::None => "none".to_owned(),
        Framing::Length(length) => length.to_string(),
        Framing::Chunked => "chunked".to_owned(),
    };
    format!(
        "{} {}{} @{} {version} {framing} {}{}",
        head.method,
        head.path,
        query.unwrap_or_default(),
        String::from_utf8_lossy(head.authority),
        if head.keep_alive { "keep" } else { "close" },
        if head.expect_continue { " expect" } else { "" },
    )
}
