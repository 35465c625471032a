//! The endpoints.

use std::sync::Arc;

use entry_kit::{
    data::{self, Datasets, Item, List},
    db,
    gzip::{self, Level},
    query,
};

use crate::{
    answer::{Answer, Clock, JSON, Manner, OK, TEXT},
    body::{Body, Broken, Framing},
    head::{Head, Method, Refusal},
    websocket,
};

/// A body that is a number; whatever is longer is none.
const NUMBER_BYTES_MAX: usize = 256;

/// What one thread answers with.
pub(crate) struct App {
    datasets: Arc<Datasets>,
    pub(crate) clock: Clock,
}

/// A request whose body has not come completely.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) body: Body,
    manner: Manner,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    /// A number to add to a sum.
    Sum { sum: i64, text: Vec<u8> },
    /// Bytes to count.
    Count(u64),
    /// The answer does not depend on it and has been written.
    Discard,
}

/// What follows a head.
pub(crate) enum Next {
    Request,
    Body(Exchange),
    WebSocket,
    Close,
}

impl Exchange {
    /// Whether the answer has been written already.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.purpose, Purpose::Discard)
    }

    /// Takes what belongs to the body off the start of `bytes`.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let purpose = &mut self.purpose;
        self.body.feed(bytes, |part| match purpose {
            Purpose::Sum { text, .. } => {
                let room = NUMBER_BYTES_MAX.saturating_sub(text.len());
                text.extend_from_slice(&part[..part.len().min(room)]);
            }
            Purpose::Count(count) => *count += part.len() as u64,
            Purpose::Discard => {}
        })
    }

    /// Answers when the body is complete; whether the connection closes.
    pub(crate) fn finish(&self, app: &App, out: &mut Vec<u8>) -> bool {
        let mut digits = itoa::Buffer::new();
        let text = match &self.purpose {
            Purpose::Sum { sum, text } => {
                let number = std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| text.trim().parse::<i64>().ok())
                    .unwrap_or(0);
                digits.format(sum.wrapping_add(number))
            }
            Purpose::Count(count) => digits.format(*count),
            Purpose::Discard => return self.manner.close,
        };
        Answer::text(text.as_bytes()).put(out, &app.clock, self.manner);
        self.manner.close
    }
}

impl App {
    pub(crate) fn new(datasets: Arc<Datasets>) -> Self {
        Self {
            datasets,
            clock: Clock::new(),
        }
    }

    /// Answers a head that is no request; the connection closes.
    pub(crate) fn refuse(&self, refusal: Refusal, out: &mut Vec<u8>) {
        let manner = Manner {
            bare: false,
            close: true,
        };
        Answer::new(refusal, TEXT, b"").put(out, &self.clock, manner);
    }

    /// Answers a request, or keeps what its answer needs until the body is here.
    pub(crate) fn begin(&self, head: &Head<'_>, out: &mut Vec<u8>) -> Next {
        let manner = Manner {
            bare: head.method == Method::Head,
            close: head.close,
        };
        let purpose = match (head.path, head.method) {
            ("/baseline11", Method::Post) => Purpose::Sum {
                sum: query::sum(Some(head.query)),
                text: Vec::new(),
            },
            ("/upload", Method::Post) => Purpose::Count(0),
            ("/ws", Method::Get) => {
                if let Some(head) = websocket::accept(head) {
                    out.extend_from_slice(head.as_bytes());
                    return Next::WebSocket;
                }
                websocket::REFUSAL.put(out, &self.clock, manner);
                Purpose::Discard
            }
            _ => {
                self.answer(head, manner, out);
                Purpose::Discard
            }
        };
        let exchange = Exchange {
            body: Body::new(head.framing),
            manner,
            purpose,
        };
        if head.framing != Framing::None {
            return Next::Body(exchange);
        }
        if exchange.finish(self, out) {
            Next::Close
        } else {
            Next::Request
        }
    }

    /// Endpoints that no body matters to.
    fn answer(&self, head: &Head<'_>, manner: Manner, out: &mut Vec<u8>) {
        let path = head.path;
        let known = matches!(
            path,
            "/baseline11" | "/pipeline" | "/json" | "/compression" | "/db" | "/upload" | "/ws"
        ) || path.starts_with("/json/");
        if !known {
            let answer = Answer::new("404 Not Found", TEXT, b"no such resource");
            return answer.put(out, &self.clock, manner);
        }
        let reading = matches!(head.method, Method::Get | Method::Head);
        if !reading || matches!(path, "/upload" | "/ws") {
            let mut answer = Answer::new("405 Method Not Allowed", TEXT, b"method not allowed");
            answer.fields = match path {
                "/baseline11" => "Allow: GET, HEAD, POST\r\n",
                "/upload" => "Allow: POST\r\n",
                "/ws" => "Allow: GET\r\n",
                _ => "Allow: GET, HEAD\r\n",
            };
            return answer.put(out, &self.clock, manner);
        }
        match path {
            "/pipeline" => Answer::text(b"ok").put(out, &self.clock, manner),
            "/baseline11" => {
                let mut digits = itoa::Buffer::new();
                let sum = digits.format(query::sum(Some(head.query)));
                Answer::text(sum.as_bytes()).put(out, &self.clock, manner);
            }
            "/db" => self.database(head, manner, out),
            _ => self.list(head, manner, out),
        }
    }

    fn database(&self, head: &Head<'_>, manner: Manner, out: &mut Vec<u8>) {
        match db::list(Some(head.query)) {
            Ok(body) => Answer::new(OK, JSON, &body).put(out, &self.clock, manner),
            Err(db::Refusal::Query(reason)) => {
                let answer = Answer::new("400 Bad Request", TEXT, reason.as_bytes());
                answer.put(out, &self.clock, manner);
            }
            Err(db::Refusal::Failed) => {
                let reason = b"the query failed";
                let answer = Answer::new("500 Internal Server Error", TEXT, reason);
                answer.put(out, &self.clock, manner);
            }
        }
    }

    /// `/json`, `/json/{count}?m=` and `/compression`.
    fn list(&self, head: &Head<'_>, manner: Manner, out: &mut Vec<u8>) {
        let (items, factor, level) = match wanted(head, &self.datasets) {
            Ok(wanted) => wanted,
            Err(reason) => {
                let answer = Answer::new("400 Bad Request", TEXT, reason.as_bytes());
                return answer.put(out, &self.clock, manner);
            }
        };
        let Some(items) = items else {
            let reason = b"the dataset is not available";
            let answer = Answer::new("500 Internal Server Error", TEXT, reason);
            return answer.put(out, &self.clock, manner);
        };
        let Some(body) = List::new(items, factor).and_then(|list| list.to_json()) else {
            let answer = Answer::new("400 Bad Request", TEXT, b"a total is out of range");
            return answer.put(out, &self.clock, manner);
        };
        let packed = gzip::wanted(head.values("accept-encoding"))
            .then(|| gzip::compress(level, &body))
            .flatten();
        let mut answer = Answer::new(OK, JSON, packed.as_deref().unwrap_or(&body));
        answer.fields = if packed.is_some() {
            "Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\n"
        } else {
            "Vary: Accept-Encoding\r\n"
        };
        answer.put(out, &self.clock, manner);
    }
}

type Wanted<'a> = (Option<&'a [Item]>, i64, Level);

fn wanted<'a>(head: &Head<'_>, datasets: &'a Datasets) -> Result<Wanted<'a>, String> {
    if head.path == "/compression" {
        return Ok((datasets.large.as_deref(), 1, Level::Large));
    }
    let items = datasets.small.as_deref();
    let Some(count) = head.path.strip_prefix("/json/") else {
        return Ok((items, 1, Level::List));
    };
    let count = count
        .parse()
        .map_err(|_| "the number of items is not a number".to_owned())?;
    let factor = query::value(Some(head.query), "m", 1)?;
    Ok((
        items.map(|items| data::first(items, count)),
        factor,
        Level::List,
    ))
}
