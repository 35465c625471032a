//! A plain TCP connection with an answer reader of its own. It is strict: what
//! the arena's generator could not read, or what would shift the answers of a
//! connection against its requests, is a fault.

mod head;

use super::fault::{Fault, Verdict, shown};
use super::reply::Reply;
use head::{Length, body_length, number, parse_head};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take, and how long connecting and writing.
const LIMIT: Duration = Duration::from_secs(10);
/// No sane response head is larger.
const HEAD_MAX: usize = 64 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    /// Received and not yet part of an answer.
    pending: Vec<u8>,
    sent: String,
    /// How long an answer may take.
    limit: Duration,
}

impl Wire {
    pub(super) fn open(address: SocketAddr) -> Result<Self, Fault> {
        let connect = || {
            let stream = TcpStream::connect_timeout(&address, LIMIT)?;
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(LIMIT))?;
            Ok::<_, std::io::Error>(stream)
        };
        match connect() {
            Ok(stream) => Ok(Self {
                stream,
                pending: Vec::new(),
                sent: String::new(),
                limit: LIMIT,
            }),
            Err(error) => Err(Fault::new(
                format!("the server does not accept a connection: {error}"),
                "a TCP connect",
                "a connection",
                error.to_string(),
            )),
        }
    }

    /// Another limit for what is waited for from now on.
    pub(super) fn wait_at_most(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// What was sent last, for messages.
    pub(super) fn describe(&mut self, sent: impl Into<String>) {
        self.sent = sent.into();
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Verdict {
        self.sent = shown(bytes);
        self.write(bytes)
    }

    /// Writes without a new description.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Verdict {
        self.stream.write_all(bytes).map_err(|error| {
            self.fault(
                format!("the server closed the connection while we sent: {error}"),
                "to be read",
            )
        })
    }

    /// Writes each part as a segment of its own.
    pub(super) fn send_parts(&mut self, parts: &[&[u8]], gap: Duration) -> Verdict {
        let list = parts
            .iter()
            .map(|part| shown(part))
            .collect::<Vec<_>>()
            .join(" | ");
        self.sent = format!("in {} segments {list}", parts.len());
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                std::thread::sleep(gap);
            }
            self.write(part)?;
        }
        Ok(())
    }

    /// Says that nothing more will be sent.
    pub(super) fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset, as the arena's generator does.
    pub(super) fn reset(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    pub(super) fn fault(&self, says: impl Into<String>, expected: &str) -> Fault {
        let got = if self.pending.is_empty() {
            "nothing".into()
        } else {
            shown(&self.pending)
        };
        Fault::new(says, self.sent.clone(), expected, got)
    }

    /// A fault that shows something else than the bytes that wait.
    pub(super) fn evidence(&self, says: impl Into<String>, expected: &str, got: String) -> Fault {
        Fault::new(says, self.sent.clone(), expected, got)
    }

    /// The next complete answer to a request that has a body in its answer.
    pub(super) fn answer(&mut self) -> Result<Reply, Fault> {
        self.read_answer(false)
    }

    /// The next answer to a HEAD request.
    pub(super) fn answer_to_head(&mut self) -> Result<Reply, Fault> {
        self.read_answer(true)
    }

    fn read_answer(&mut self, to_head: bool) -> Result<Reply, Fault> {
        let deadline = Instant::now() + self.limit;
        let end = self.read_until(b"\r\n\r\n", HEAD_MAX, deadline)? + 4;
        let head = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        let (status, headers) =
            parse_head(&head).map_err(|why| self.fault(why, "a well-formed response head"))?;
        let length = body_length(status, &headers, to_head)
            .map_err(|why| self.fault(why, "a body whose end can be found"))?;
        self.pending.drain(..end);
        let body = match length {
            Length::None => Vec::new(),
            Length::Bytes(count) => {
                self.fill(count, deadline)?;
                self.pending.drain(..count).collect()
            }
            Length::Chunked => self.read_chunked(deadline)?,
        };
        let sent = self.sent.clone();
        Ok(Reply {
            sent,
            status,
            headers,
            body,
            head_bytes: Some(end),
        })
    }

    fn read_chunked(&mut self, deadline: Instant) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        loop {
            let end = self.read_until(b"\r\n", 1024, deadline)?;
            let line = String::from_utf8_lossy(&self.pending[..end]).into_owned();
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = number(size, 16)
                .ok_or_else(|| self.fault(format!("{line:?} is no chunk size"), "a chunk size"))?;
            self.pending.drain(..end + 2);
            if size == 0 {
                break;
            }
            self.fill(size + 2, deadline)?;
            if &self.pending[size..size + 2] != b"\r\n" {
                return Err(self.fault("a chunk of the answer does not end where it says", "CRLF"));
            }
            body.extend(self.pending.drain(..size + 2).take(size));
        }
        // Trailer fields, if any, up to the empty line.
        loop {
            let end = self.read_until(b"\r\n", HEAD_MAX, deadline)?;
            self.pending.drain(..end + 2);
            if end == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads until `mark` has come; its position.
    fn read_until(&mut self, mark: &[u8], max: usize, deadline: Instant) -> Result<usize, Fault> {
        let mut seen = 0_usize;
        loop {
            let from = seen.saturating_sub(mark.len());
            let found = self.pending[from..]
                .windows(mark.len())
                .position(|bytes| bytes == mark);
            if let Some(position) = found {
                return Ok(from + position);
            }
            seen = self.pending.len();
            if seen > max {
                return Err(self.fault("the response head does not end", "an empty line"));
            }
            self.receive(deadline)?;
        }
    }

    fn fill(&mut self, count: usize, deadline: Instant) -> Verdict {
        while self.pending.len() < count {
            self.receive(deadline)?;
        }
        Ok(())
    }

    /// Waits for more bytes; the end of the connection and silence are faults.
    fn receive(&mut self, deadline: Instant) -> Verdict {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.read_some(left) {
            Ok(0) => Err(self.fault(
                "the server closed the connection before the answer was complete",
                "an answer",
            )),
            Ok(_) => Ok(()),
            Err(error) if is_timeout(&error) => {
                let says = format!("no complete answer came within {} s", self.limit.as_secs());
                Err(self.fault(says, "an answer"))
            }
            Err(error) => Err(self.fault(format!("the connection broke: {error}"), "an answer")),
        }
    }

    fn read_some(&mut self, limit: Duration) -> std::io::Result<usize> {
        // A zero timeout would mean "for ever" to the socket.
        self.stream
            .set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.pending.extend_from_slice(&buffer[..count]);
                    return Ok(count);
                }
            }
        }
    }

    /// The next `count` bytes, whatever they are.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        self.fill(count, Instant::now() + self.limit)?;
        Ok(self.pending.drain(..count).collect())
    }

    /// Nothing may come without having been asked for. The end of the
    /// connection is not an answer.
    pub(super) fn expect_silence(&mut self, time: Duration, says: &str) -> Verdict {
        if self.pending.is_empty() {
            let _ = self.read_some(time);
        }
        if self.pending.is_empty() {
            Ok(())
        } else {
            Err(self.fault(says, "no further bytes"))
        }
    }

    /// Whether the server ends the connection within `time`, without a byte.
    pub(super) fn ends_within(&mut self, time: Duration) -> bool {
        match self.read_some(time) {
            Ok(count) => count == 0 && self.pending.is_empty(),
            Err(error) => !is_timeout(&error),
        }
    }

    /// What comes of hostile input: the first status, if any, before the end of
    /// the connection or `time`.
    pub(super) fn fate(&mut self, time: Duration) -> Fate {
        let deadline = Instant::now() + time;
        loop {
            if let Some(status) = self.first_status() {
                return Fate::Answered(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.read_some(left) {
                Ok(0) => return Fate::Closed,
                Ok(_) => {}
                Err(error) if is_timeout(&error) => return Fate::Silent,
                Err(_) => return Fate::Closed,
            }
        }
    }

    fn first_status(&self) -> Option<u16> {
        let line = self.pending.get(..12)?;
        std::str::from_utf8(line)
            .ok()?
            .strip_prefix("HTTP/1.")?
            .get(2..)?
            .parse()
            .ok()
    }
}

/// How the server took hostile input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered(u16),
    Closed,
    Silent,
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A request as the arena's templates look: these header lines and no others.
pub(super) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost:8080\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A connection whose other end sends `bytes` and closes.
    fn hearing(bytes: &'static [u8]) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(bytes).unwrap();
        });
        Wire::open(address).unwrap()
    }

    #[test]
    fn sized_and_chunked_answers_follow_each_other() {
        let mut wire = hearing(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
              HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nno\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n\
              HTTP/1.1 204\r\n\r\n",
        );
        assert_eq!(wire.answer().unwrap().body, b"ok");
        let second = wire.answer().unwrap();
        assert_eq!(
            (second.status, second.body.as_slice()),
            (404, b"no!".as_slice())
        );
        assert_eq!(wire.answer().unwrap().status, 204);
        assert!(wire.ends_within(Duration::from_secs(5)));
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let mut wire = hearing(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        assert_eq!(
            wire.answer_to_head().unwrap().header("content-length"),
            Some("2")
        );
    }

    #[test]
    fn malformed_answers_are_faults() {
        let cases: [(&'static [u8], &str); 7] = [
            (b"HTTP/2 200 OK\r\n\r\n", "no HTTP/1.1 status line"),
            (b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "not CRLF"),
            (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "no colon"),
            (
                b"HTTP/1.1 200 OK\r\n\r\n",
                "neither Content-Length nor chunked",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "two Content-Length",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
                "closed the connection before",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "no chunk size",
            ),
        ];
        for (bytes, says) in cases {
            let fault = hearing(bytes).answer().unwrap_err().to_string();
            assert!(fault.contains(says), "{fault}");
        }
    }

    #[test]
    fn unasked_bytes_are_noticed() {
        let mut wire = hearing(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200");
        wire.answer().unwrap();
        assert!(
            wire.expect_silence(Duration::from_secs(1), "a second answer")
                .is_err()
        );
    }

    #[test]
    fn fates_are_told_apart() {
        assert_eq!(
            hearing(b"HTTP/1.1 400 Bad Request\r\n\r\n").fate(Duration::from_secs(5)),
            Fate::Answered(400)
        );
        assert_eq!(hearing(b"").fate(Duration::from_secs(5)), Fate::Closed);
    }
}
