//! Requests as they are sent.

use crate::{error::Failure, rng::Rng, split::Share};
use std::sync::atomic::{AtomicU64, Ordering};
use sws_proto::{
    http1::answer::RequestKind,
    ws::{Mask, Opcode, encode, mask},
};

/// Room that the copies of one request for pipelining may take.
const COPIES_BYTES: usize = 256 * 1024;
/// One request. The kernel takes 32 bits of length for a send, and this leaves room below that.
const REQUEST_BYTES_MAX: usize = 1 << 30;

/// The arena's generator has the same one in every frame; nothing here needs it to be unpredictable.
const MASK: Mask = [0x12, 0x34, 0x56, 0x78];

/// One request or message, prepared for being sent again and again.
#[derive(Debug)]
pub(crate) struct Template {
    /// How reports call it: its file, or the URL.
    pub name: String,
    /// What its answers look like.
    pub kind: RequestKind,
    /// As many copies of the request as one send carries. Placeholders hold zeros here.
    bytes: Vec<u8>,
    request_len: usize,
    /// Where the payload of a message begins, which is masked; `None` for requests.
    payload_at: Option<usize>,
    placeholders: Vec<Placeholder>,
    /// Between two numbers of a sequence: several processes draw in turn.
    step: u64,
}

#[derive(Debug)]
struct Placeholder {
    /// Where in the request its digits begin.
    offset: usize,
    /// Digits; a larger number keeps its low ones.
    width: usize,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Random {
        min: u64,
        max: u64,
    },
    /// The next number; all threads draw from it.
    Sequence(AtomicU64),
}

impl Template {
    /// Prepares `request` for sends of up to `depth` copies.
    pub(crate) fn new(name: String, request: &[u8], depth: usize) -> Result<Self, Failure> {
        if request.is_empty() {
            return Err(Failure::Usage(format!("the template {name} is empty")));
        }
        if request.len() > REQUEST_BYTES_MAX {
            return Err(Failure::Usage(format!(
                "the template {name} is larger than 1 GiB"
            )));
        }
        let (request, placeholders) = scan(request).map_err(|text| {
            Failure::Usage(format!("the template {name} has a bad placeholder: {text}"))
        })?;
        Ok(Self {
            name,
            kind: RequestKind::of(&request),
            bytes: request.repeat(copies_of(&request, depth)),
            request_len: request.len(),
            payload_at: None,
            placeholders,
            step: 1,
        })
    }

    /// Prepares a text message for a WebSocket connection.
    pub(crate) fn message(name: String, text: &str, depth: usize) -> Result<Self, Failure> {
        let (payload, mut placeholders) = scan(text.as_bytes())
            .map_err(|text| Failure::Usage(format!("--ws-msg has a bad placeholder: {text}")))?;
        if payload.len() > REQUEST_BYTES_MAX / 2 {
            return Err(Failure::Usage("--ws-msg is larger than 512 MiB".into()));
        }
        let mut frame = Vec::new();
        encode::frame(&mut frame, true, Opcode::Text, &payload, Some(MASK));
        let payload_at = frame.len() - payload.len();
        if !placeholders.is_empty() {
            // It is masked when its values are known.
            mask::apply(&mut frame[payload_at..], MASK);
        }
        for placeholder in &mut placeholders {
            placeholder.offset += payload_at;
        }
        Ok(Self {
            name,
            kind: RequestKind::Ordinary,
            bytes: frame.repeat(copies_of(&frame, depth)),
            request_len: frame.len(),
            payload_at: Some(payload_at),
            placeholders,
            step: 1,
        })
    }

    /// The request of a plain URL.
    pub(crate) fn get(authority: &str, path: &str, depth: usize) -> Result<Self, Failure> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        Self::new(path.into(), request.as_bytes(), depth)
    }

    /// Lets each of several processes draw its own numbers of every sequence.
    pub(crate) fn take_share(&mut self, share: Share) {
        self.step = share.of.into();
        for placeholder in &mut self.placeholders {
            if let Value::Sequence(next) = &mut placeholder.value {
                *next.get_mut() += u64::from(share.index);
            }
        }
    }

    /// Bytes of one request.
    pub(crate) fn request_len(&self) -> usize {
        self.request_len
    }

    /// Requests that one send can carry.
    pub(crate) fn copies(&self) -> usize {
        self.bytes.len() / self.request_len
    }

    /// All copies; the first n requests are its first n times `request_len` bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether every request is the same, so that [`bytes`](Self::bytes) can be sent as it is.
    pub(crate) fn is_static(&self) -> bool {
        self.placeholders.is_empty()
    }

    /// Bytes of a message without its frame.
    pub(crate) fn payload_len(&self) -> usize {
        self.request_len - self.payload_at.unwrap_or(0)
    }

    /// The payload of a message, when it is the same each time.
    pub(crate) fn fixed_payload(&self) -> Option<Vec<u8>> {
        let masked = self.bytes.get(self.payload_at?..self.request_len)?;
        let mut payload = masked.to_vec();
        mask::apply(&mut payload, MASK);
        self.is_static().then_some(payload)
    }

    /// Masks rendered messages, after the payload of each was handed to `see`. Requests stay as they are.
    pub(crate) fn seal(&self, rendered: &mut [u8], mut see: impl FnMut(&[u8])) {
        let Some(payload_at) = self.payload_at else {
            return;
        };
        for frame in rendered.chunks_exact_mut(self.request_len) {
            let payload = &mut frame[payload_at..];
            see(payload);
            mask::apply(payload, MASK);
        }
    }

    /// Writes `count` requests with fresh values over what `out` holds.
    pub(crate) fn render(&self, count: usize, rng: &mut Rng, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.bytes[..count * self.request_len]);
        for request in out.chunks_exact_mut(self.request_len) {
            for placeholder in &self.placeholders {
                let value = match &placeholder.value {
                    Value::Random { min, max } => rng.between(*min, *max),
                    Value::Sequence(next) => next.fetch_add(self.step, Ordering::Relaxed),
                };
                let end = placeholder.offset + placeholder.width;
                write_padded(&mut request[placeholder.offset..end], value);
            }
        }
    }
}

fn copies_of(request: &[u8], depth: usize) -> usize {
    (COPIES_BYTES / request.len()).clamp(1, depth)
}

fn write_padded(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Replaces each `{RAND:min:max}` and `{SEQ:start}` by as many zeros as its values have digits.
fn scan(request: &[u8]) -> Result<(Vec<u8>, Vec<Placeholder>), String> {
    let mut out = Vec::with_capacity(request.len());
    let mut placeholders = Vec::new();
    let mut rest = request;
    while let Some(at) = memchr::memchr(b'{', rest) {
        let (before, from_brace) = rest.split_at(at);
        out.extend_from_slice(before);
        if !from_brace.starts_with(b"{RAND:") && !from_brace.starts_with(b"{SEQ:") {
            out.push(b'{');
            rest = &from_brace[1..];
            continue;
        }
        let line = &from_brace[..from_brace.len().min(64)];
        let close = memchr::memchr(b'}', line).ok_or_else(|| {
            format!(
                "`{}` is not closed",
                line[..line.len().min(24)].escape_ascii()
            )
        })?;
        let text = &from_brace[1..close];
        let (value, width) = placeholder(text).ok_or_else(|| {
            format!(
                "`{{{}}}`; write {{RAND:min:max}} with min <= max, or {{SEQ:start}}",
                text.escape_ascii()
            )
        })?;
        placeholders.push(Placeholder {
            offset: out.len(),
            width,
            value,
        });
        out.resize(out.len() + width, b'0');
        rest = &from_brace[close + 1..];
    }
    out.extend_from_slice(rest);
    Ok((out, placeholders))
}

/// The value and width of the text between the braces.
fn placeholder(text: &[u8]) -> Option<(Value, usize)> {
    let text = str::from_utf8(text).ok()?;
    if let Some(range) = text.strip_prefix("RAND:") {
        let (min, max) = range.split_once(':')?;
        let (min, max) = (number(min)?, number(max)?);
        return (min <= max).then(|| (Value::Random { min, max }, digits(max)));
    }
    let start = number(text.strip_prefix("SEQ:")?)?;
    Some((Value::Sequence(AtomicU64::new(start)), digits(start)))
}

fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(request: &str, count: usize) -> String {
        let template = Template::new("t".into(), request.as_bytes(), 8).unwrap();
        let mut out = b"old".to_vec();
        template.render(count, &mut Rng::new(1, 1), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_two_workers_draw_the_same_number() {
        let drawn: Vec<String> = (0..2)
            .map(|index| {
                let mut template = Template::new("t".into(), b"{SEQ:10},", 3).unwrap();
                template.take_share(Share { index, of: 2 });
                let mut out = Vec::new();
                template.render(3, &mut Rng::new(1, 1), &mut out);
                String::from_utf8(out).unwrap()
            })
            .collect();
        assert_eq!(drawn, ["10,12,14,", "11,13,15,"]);
    }

    #[test]
    fn sequences_count_through_every_copy() {
        assert_eq!(render("<{SEQ:98}>", 4), "<98><99><00><01>");
        assert_eq!(render("{SEQ:0}|", 3), "0|1|2|");
    }

    #[test]
    fn random_numbers_are_padded_to_the_digits_of_the_maximum() {
        let text = render("/items/{RAND:1:50000}?p={RAND:7:10} ", 8);
        for request in text.split_terminator(' ') {
            let (id, page) = request
                .strip_prefix("/items/")
                .unwrap()
                .split_once("?p=")
                .unwrap();
            assert_eq!((id.len(), page.len()), (5, 2), "{request}");
            assert!((1..=50_000).contains(&id.parse::<u64>().unwrap()));
            assert!((7..=10).contains(&page.parse::<u64>().unwrap()));
        }
    }

    #[test]
    fn other_braces_are_left_alone() {
        let template = Template::new("t".into(), b"{\"a\":{}}{RANDOM}{", 3).unwrap();
        assert!(template.is_static());
        assert_eq!(template.bytes(), b"{\"a\":{}}{RANDOM}{".repeat(3));
    }

    #[test]
    fn bad_placeholders_are_named() {
        for (request, part) in [
            ("{RAND:5:1}", "min <= max"),
            ("{RAND:1}", "{RAND:1}"),
            ("{RAND:-1:5}", "{RAND:-1:5}"),
            ("{SEQ:}", "{SEQ:}"),
            ("{SEQ:1", "not closed"),
            ("{SEQ:99999999999999999999}", "{SEQ:"),
        ] {
            let error = Template::new("file.raw".into(), request.as_bytes(), 1).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("file.raw") && text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_message_is_the_arenas_frame() {
        let template = Template::message("/ws".into(), "hello", 3).unwrap();
        let frame = b"\x81\x85\x12\x34\x56\x78\x7a\x51\x3a\x14\x7d";
        assert_eq!(template.bytes(), frame.repeat(3));
        assert_eq!(template.fixed_payload().unwrap(), b"hello");
        let empty = Template::message("/ws".into(), "", 1).unwrap();
        assert_eq!(empty.bytes(), b"\x81\x80\x12\x34\x56\x78");
        assert_eq!(empty.fixed_payload().unwrap(), b"");
    }

    #[test]
    fn messages_with_placeholders_are_masked_when_they_are_sent() {
        for text in ["<{SEQ:8}>", &format!("{}<{{SEQ:8}}>", "x".repeat(200))] {
            let template = Template::message("/ws".into(), text, 8).unwrap();
            assert_eq!(template.fixed_payload(), None);
            let (mut out, mut seen) = (Vec::new(), Vec::new());
            template.render(2, &mut Rng::new(1, 1), &mut out);
            template.seal(&mut out, |payload| seen.push(payload.to_vec()));
            let texts = ["8", "9"].map(|number| text.replace("{SEQ:8}", number));
            let mut frames = Vec::new();
            for text in &texts {
                encode::message(&mut frames, text.as_str(), Some(MASK));
            }
            assert_eq!(out, frames);
            assert_eq!(seen, texts.map(String::into_bytes));
        }
    }

    #[test]
    fn copies_are_bounded_by_depth_and_by_size() {
        let copies = |len: usize, depth| {
            Template::new("t".into(), &vec![b'x'; len], depth)
                .unwrap()
                .copies()
        };
        assert_eq!(copies(100, 16), 16);
        assert_eq!(copies(100_000, 16), 2);
        assert_eq!(copies(20_000_000, 16), 1);
    }

    #[test]
    fn a_url_makes_the_shortest_request() {
        let template = Template::get("localhost:8080", "/pipeline", 1).unwrap();
        assert_eq!(
            template.bytes(),
            b"GET /pipeline HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
        );
        assert_eq!(template.kind, RequestKind::Ordinary);
        assert_eq!(template.request_len(), template.bytes().len());
    }
}
