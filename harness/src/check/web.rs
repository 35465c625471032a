//! Requests through a third-party HTTP client.

use super::fault::{Fault, shown};
use super::reply::Reply;
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;
use ureq::http::Request;
use ureq::{Agent, SendBody};

/// Limit of one exchange; a 20 MiB body on a busy machine fits easily.
const LIMIT: Duration = Duration::from_secs(30);
/// No answer of any profile comes near.
const BODY_MAX: u64 = 64 << 20;

/// The body of a request.
#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    /// With Content-Length.
    Sized(Vec<u8>),
    /// With chunked transfer coding; the client reads it in pieces of this size.
    Chunked(Vec<u8>, usize),
}

/// A request to make.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Ask {
    pub(super) fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.into(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    pub(super) fn post(path: &str, body: Body) -> Self {
        let headers = vec![("Content-Type", "text/plain".to_owned())];
        Self {
            method: "POST",
            path: path.into(),
            headers,
            body,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn described(&self) -> String {
        let mut text = format!("{} {}", self.method, self.path);
        for (name, value) in &self.headers {
            text += &format!(", {name}: {value}");
        }
        match &self.body {
            Body::None => text,
            Body::Sized(body) => format!(
                "{text}, Content-Length {}, body {}",
                body.len(),
                shown(body)
            ),
            Body::Chunked(body, _) => {
                format!(
                    "{text}, chunked ({} bytes), body {}",
                    body.len(),
                    shown(body)
                )
            }
        }
    }
}

/// The client: no redirects, no content decoding, no proxy, every status is an
/// answer, connections are kept.
#[derive(Debug)]
pub(super) struct Web {
    agent: Agent,
    address: SocketAddr,
}

impl Web {
    pub(super) fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .accept_encoding("")
            .timeout_global(Some(LIMIT))
            .build();
        Self {
            agent: config.into(),
            address,
        }
    }

    pub(super) fn send(&self, ask: &Ask) -> Result<Reply, Fault> {
        let sent = ask.described();
        self.exchange(ask, &sent).map_err(|error| {
            let says = format!("there is no complete answer: {error}");
            Fault::new(says, sent.clone(), "an HTTP answer", error)
        })
    }

    fn exchange(&self, ask: &Ask, sent: &str) -> Result<Reply, String> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("http://{}{}", self.address, ask.path));
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let answer = match &ask.body {
            Body::None => self
                .agent
                .run(request.body(()).map_err(|error| error.to_string())?),
            Body::Sized(body) => {
                let request = request
                    .body(body.as_slice())
                    .map_err(|error| error.to_string())?;
                self.agent.run(request)
            }
            Body::Chunked(body, piece) => {
                let mut reader = Pieces {
                    rest: body,
                    piece: *piece,
                };
                let body = SendBody::from_reader(&mut reader);
                self.agent
                    .run(request.body(body).map_err(|error| error.to_string())?)
            }
        };
        let mut answer = answer.map_err(|error| error.to_string())?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(BODY_MAX)
            .read_to_vec()
            .map_err(|error| format!("reading the body: {error}"))?;
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let status = answer.status().as_u16();
        Ok(Reply {
            sent: sent.into(),
            status,
            headers,
            body,
            head_bytes: None,
        })
    }
}

/// Hands out a body in pieces of one size, so that chunks have odd lengths.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.rest.len().min(self.piece).min(buffer.len());
        let (now, later) = self.rest.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.rest = later;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;

    fn complete(heard: &[u8]) -> bool {
        let text = String::from_utf8_lossy(heard).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return false;
        };
        if head.contains("chunked") {
            body.ends_with("0\r\n\r\n")
        } else {
            !head.contains("content-length") || body == "body"
        }
    }

    /// Answers one request and returns what it was.
    fn overhear(ask: &Ask) -> (Reply, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            let mut buffer = [0; 4096];
            while !complete(&heard) {
                let count = stream.read(&mut buffer).unwrap();
                assert!(count > 0, "closed early");
                heard.extend_from_slice(&buffer[..count]);
            }
            stream
                .write_all(
                    b"HTTP/1.1 404 No\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nno",
                )
                .unwrap();
            String::from_utf8(heard).unwrap()
        });
        let reply = Web::new(address).send(ask).unwrap();
        (reply, server.join().unwrap().to_ascii_lowercase())
    }

    #[test]
    fn a_get_asks_for_no_compression_and_statuses_are_answers() {
        let (reply, heard) = overhear(&Ask::get("/x?a=1"));
        assert!(heard.starts_with("get /x?a=1 http/1.1\r\n"), "{heard}");
        assert!(!heard.contains("accept-encoding"), "{heard}");
        assert_eq!(
            (reply.status, reply.body.as_slice()),
            (404, b"no".as_slice())
        );
    }

    #[test]
    fn bodies_are_sized_or_chunked() {
        let (_, heard) = overhear(&Ask::post("/x", Body::Sized(b"body".to_vec())));
        assert!(heard.contains("content-length: 4\r\n"), "{heard}");
        let (_, heard) = overhear(&Ask::post("/x", Body::Chunked(b"abcdefg".to_vec(), 3)));
        assert!(heard.contains("transfer-encoding: chunked\r\n"), "{heard}");
        assert!(!heard.contains("content-length"), "{heard}");
    }
}
