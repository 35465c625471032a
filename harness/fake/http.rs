//! Reading requests and writing answers, with the faults of that level.

use crate::fault::Fault;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

const HEAD_MAX: usize = 16 * 1024;

/// A complete request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) close: bool,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name, None)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str, fault: Option<Fault>) -> Option<&'a str> {
    let same = |known: &str| match fault {
        Some(Fault::CaseSensitiveHeaders) => known == name,
        _ => known.eq_ignore_ascii_case(name),
    };
    headers
        .iter()
        .find(|(known, _)| same(known))
        .map(|(_, value)| value.as_str())
}

/// What a connection yields.
pub(crate) enum Outcome {
    Request(Request),
    Malformed,
    Ended,
}

/// Why reading stops.
enum Stop {
    Malformed,
    Ended,
}

type Read<T> = Result<T, Stop>;

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    pending: Vec<u8>,
    fault: Option<Fault>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, fault: Option<Fault>) -> Self {
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            pending: Vec::new(),
            fault,
        }
    }

    /// The stream, and what of it has been read already.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.pending)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends our side and reads what the peer still sends: closing with unread
    /// bytes would reset the connection and could swallow the answer.
    pub(crate) fn linger(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(1)));
        let mut sink = [0; 4096];
        while self.stream.read(&mut sink).is_ok_and(|count| count > 0) {}
    }

    pub(crate) fn next_request(&mut self) -> Outcome {
        match self.read_request() {
            Ok(request) => Outcome::Request(request),
            Err(Stop::Malformed) => Outcome::Malformed,
            Err(Stop::Ended) => Outcome::Ended,
        }
    }

    /// Pipelined requests that have come already.
    pub(crate) fn requests_at_hand(&mut self) -> Vec<Request> {
        let mut batch = Vec::new();
        while self.pending.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            match self.read_request() {
                Ok(request) => batch.push(request),
                Err(_) => break,
            }
        }
        batch
    }

    fn read_request(&mut self) -> Read<Request> {
        let (end, cut) = self.read_head()?;
        let text = std::str::from_utf8(&self.pending[..end]).map_err(|_| Stop::Malformed)?;
        let (method, target, mut headers) = parse_head(text).ok_or(Stop::Malformed)?;
        self.pending.drain(..end + 4);
        if let (Some(Fault::DropsSplitHeader), Some(line)) = (self.fault, cut)
            && line < headers.len()
        {
            headers.remove(line);
        }
        if self.fault == Some(Fault::ForgetsLastHeader) {
            headers.pop();
        }
        let length = content_length(&headers, self.fault)?;
        let chunked = find(&headers, "Transfer-Encoding", self.fault)
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let expects = find(&headers, "Expect", None)
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        if expects {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        if let (Some(length), Some(Fault::EchoesContentLength)) = (length, self.fault)
            && target.starts_with("/upload")
        {
            return Ok(self.echo(length, headers));
        }
        let body = match length {
            _ if chunked => self.read_chunked()?,
            Some(length) => self.read_exactly(length)?,
            None => Vec::new(),
        };
        let close = find(&headers, "Connection", None)
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
            && self.fault != Some(Fault::IgnoresClose);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        Ok(Request {
            method,
            path,
            query,
            headers,
            body,
            close,
        })
    }

    /// A body of zeros that looks as long as what was declared; the real one is
    /// read only as far as it comes.
    fn echo(&mut self, length: usize, headers: Vec<(String, String)>) -> Request {
        while self.pending.len() < length && self.receive().is_ok() {}
        let count = length.min(self.pending.len());
        self.pending.drain(..count);
        Request {
            method: "POST".into(),
            path: "/upload".into(),
            query: String::new(),
            headers,
            body: vec![0; length],
            close: false,
        }
    }

    /// The position of the empty line, and the header line in which the first
    /// read ended, counted from 0.
    fn read_head(&mut self) -> Read<(usize, Option<usize>)> {
        let mut reads = 0;
        let mut cut = None;
        loop {
            if let Some(end) = self
                .pending
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
            {
                return Ok((end, cut));
            }
            if reads == 1 {
                let lines = self.pending.windows(2).filter(|bytes| bytes == b"\r\n");
                cut = lines.count().checked_sub(1);
            }
            let hopeless = self
                .pending
                .first()
                .is_some_and(|byte| !byte.is_ascii_uppercase());
            let gave_up = self.fault == Some(Fault::DropsSplitHead) && reads > 0;
            if hopeless || gave_up || self.pending.len() > HEAD_MAX {
                return Err(Stop::Malformed);
            }
            if let Err(stop) = self.receive() {
                return Err(if self.pending.is_empty() {
                    stop
                } else {
                    Stop::Malformed
                });
            }
            reads += 1;
        }
    }

    fn read_exactly(&mut self, count: usize) -> Read<Vec<u8>> {
        if self.fault == Some(Fault::AnswersEarly) && self.pending.len() < count {
            return Ok(vec![0; count]);
        }
        while self.pending.len() < count {
            self.receive()?;
        }
        Ok(self.pending.drain(..count).collect())
    }

    fn read_line(&mut self) -> Read<String> {
        loop {
            if let Some(end) = self.pending.windows(2).position(|bytes| bytes == b"\r\n") {
                let line = String::from_utf8_lossy(&self.pending[..end]).into_owned();
                self.pending.drain(..end + 2);
                return Ok(line);
            }
            self.receive()?;
        }
    }

    fn read_chunked(&mut self) -> Read<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line()?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| Stop::Malformed)?;
            if size == 0 {
                while !self.read_line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.read_exactly(size)?);
            if self.read_exactly(2)? != b"\r\n" {
                return Err(Stop::Malformed);
            }
        }
    }

    fn receive(&mut self) -> Read<()> {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) | Err(_) => Err(Stop::Ended),
            Ok(count) => {
                self.pending.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }
}

fn content_length(headers: &[(String, String)], fault: Option<Fault>) -> Read<Option<usize>> {
    let all: Vec<&str> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.as_str())
        .collect();
    if all.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Stop::Malformed);
    }
    match find(headers, "Content-Length", fault) {
        None => Ok(None),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map(Some).map_err(|_| Stop::Malformed)
        }
        Some(_) => Err(Stop::Malformed),
    }
}

type Head = (String, String, Vec<(String, String)>);

fn parse_head(text: &str) -> Option<Head> {
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let clean = |text: &str| {
        text.bytes()
            .all(|byte| byte == b'\t' || (b' '..0x7f).contains(&byte))
    };
    let known = matches!(version, "HTTP/1.1" | "HTTP/1.0");
    if words.next().is_some() || !known || !target.starts_with('/') || !clean(target) {
        return None;
    }
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) || !clean(value) {
            return None;
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Some((method.to_owned(), target.to_owned(), headers))
}

/// An answer as bytes.
pub(crate) fn response(
    status: u16,
    content_type: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
