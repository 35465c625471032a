//! Requests as they are sent.
//!
//! ```text
//! file, or form (`build`) → text and holes (`scan`) → Content-Length corrected (`length`) → Template, which fills the holes
//! with values (`value`, `zipf`) and data (`feed`)
//! ```

mod build;
mod feed;
mod length;
#[cfg(test)]
mod properties;
mod scan;
mod value;
mod zipf;

use crate::{error::Failure, split::Share};
use scan::{FEEDS_MAX, Scanned, What, scan};
use std::sync::Arc;
use sws_proto::{
    http1::answer::RequestKind,
    ws::{Mask, Opcode, encode, mask},
};

pub(crate) use build::{Form, Handshake};
pub(crate) use feed::{Feed, FeedFlag};
pub(crate) use value::Draw;

/// Room that the requests of one batch may take; one request may be larger.
pub(crate) const BATCH_BYTES: usize = 256 * 1024;
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
    /// As many copies of the request as one send carries; nothing if there are placeholders.
    bytes: Vec<u8>,
    /// Of the longest.
    request_len: usize,
    copies: usize,
    /// Where the payload of a message begins, which is masked; `None` for requests.
    payload_at: Option<usize>,
    /// What requests are made of that have placeholders.
    parts: Scanned,
}

/// How templates are prepared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'f> {
    /// Copies that one send carries at most.
    pub depth: usize,
    /// Whether Content-Length is to be corrected.
    pub fix_length: bool,
    /// Several processes draw the numbers of a sequence in turn.
    pub share: Share,
    pub feeds: &'f [Arc<Feed>],
}

impl Setup<'_> {
    /// The same, and Content-Length is to be corrected.
    pub(crate) fn with_length(self) -> Self {
        Self {
            fix_length: true,
            ..self
        }
    }

    #[cfg(test)]
    pub(crate) fn of_depth(depth: usize) -> Self {
        Self {
            depth,
            fix_length: false,
            share: Share::WHOLE,
            feeds: &[],
        }
    }
}

impl Template {
    /// Prepares `request`.
    pub(crate) fn new(name: String, request: &[u8], setup: &Setup<'_>) -> Result<Self, Failure> {
        if request.is_empty() {
            return Err(Failure::Usage(format!("the template {name} is empty")));
        }
        let scanned = scan(request, setup).map_err(|text| {
            Failure::Usage(format!("the template {name} has a bad placeholder: {text}"))
        })?;
        let scanned = length::fix(scanned, setup.fix_length)
            .map_err(|text| Failure::Usage(format!("the template {name}: {text}")))?;
        if scanned.longest() > REQUEST_BYTES_MAX {
            return Err(Failure::Usage(format!(
                "the template {name} is larger than 1 GiB"
            )));
        }
        Ok(Self::of(name, scanned, None, setup.depth))
    }

    /// Prepares a text message for a WebSocket connection.
    pub(crate) fn message(name: String, text: &str, setup: &Setup<'_>) -> Result<Self, Failure> {
        let usage = |text: &str| Failure::Usage(format!("--ws-msg {text}"));
        let mut payload = scan(text.as_bytes(), setup)
            .map_err(|text| usage(&format!("has a bad placeholder: {text}")))?;
        if payload.varies() {
            return Err(usage(
                "has a placeholder whose values differ in length; messages have one length, so use such as {RAND:min:max}",
            ));
        }
        if payload.longest() > REQUEST_BYTES_MAX / 2 {
            return Err(usage("is larger than 512 MiB"));
        }
        let mut frame = Vec::new();
        let longest = vec![0; payload.longest()];
        encode::frame(&mut frame, true, Opcode::Text, &longest, Some(MASK));
        let payload_at = frame.len() - longest.len();
        frame.truncate(payload_at);
        payload.text.splice(0..0, frame);
        for hole in &mut payload.holes {
            hole.at += payload_at;
        }
        if payload.holes.is_empty() {
            // Else it is masked when its values are known.
            mask::apply(&mut payload.text[payload_at..], MASK);
        }
        Ok(Self::of(name, payload, Some(payload_at), setup.depth))
    }

    fn of(name: String, parts: Scanned, payload_at: Option<usize>, depth: usize) -> Self {
        let request_len = parts.longest();
        let copies = (BATCH_BYTES / request_len.max(1)).clamp(1, depth);
        let is_static = parts.holes.is_empty();
        Self {
            name,
            kind: RequestKind::of(&parts.text),
            bytes: if is_static {
                parts.text.repeat(copies)
            } else {
                Vec::new()
            },
            request_len,
            copies,
            payload_at,
            parts: if is_static { Scanned::default() } else { parts },
        }
    }

    /// Whether its requests are made with data of this feed.
    pub(crate) fn uses(&self, feed: &Arc<Feed>) -> bool {
        self.parts.feeds.iter().any(|used| Arc::ptr_eq(used, feed))
    }

    /// Bytes of one request, if it [is static](Self::is_static).
    pub(crate) fn request_len(&self) -> usize {
        self.request_len
    }

    /// Requests that one send can carry.
    pub(crate) fn copies(&self) -> usize {
        self.copies
    }

    /// All copies of a static request; the first n requests are its first n times `request_len` bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether every request is the same, so that [`bytes`](Self::bytes) can be sent as it is.
    pub(crate) fn is_static(&self) -> bool {
        !self.bytes.is_empty()
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
        Some(payload)
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

    /// Appends a request, with fresh values if it has any.
    pub(crate) fn render(&self, draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        if self.is_static() {
            out.extend_from_slice(&self.bytes[..self.request_len]);
            return;
        }
        let Scanned { text, holes, feeds } = &self.parts;
        let mut rows = [0; FEEDS_MAX];
        for (row, feed) in rows.iter_mut().zip(feeds) {
            *row = feed.draw(draw.rng);
        }
        let mut from = 0;
        let (mut length, mut body) = (None, 0);
        for hole in holes {
            out.extend_from_slice(&text[from..hole.at]);
            from = hole.at;
            match &hole.what {
                What::Value(value) => value.write(draw, out),
                What::Cell(cell) => {
                    let text = feeds[cell.feed].cell(rows[cell.feed], cell.column);
                    out.extend_from_slice(text.as_bytes());
                }
                What::Body => body = out.len(),
                What::Length(width) => {
                    length = Some(out.len()..out.len() + width);
                    out.resize(out.len() + width, b'0');
                }
            }
        }
        out.extend_from_slice(&text[from..]);
        if let Some(mut place) = length {
            let length = (out.len() - body) as u64;
            let unused = place.len() - value::digits(length);
            out.drain(place.start..place.start + unused);
            place.end -= unused;
            value::overwrite(&mut out[place], length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn template(request: &[u8], depth: usize) -> Template {
        Template::new("t".into(), request, &Setup::of_depth(depth)).unwrap()
    }

    fn rendered(template: &Template, count: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut draw = Draw {
            rng: &mut Rng::new(1, 1),
            connection: 0,
        };
        for _ in 0..count {
            template.render(&mut draw, &mut out);
        }
        out
    }

    fn render(request: &str, count: usize) -> String {
        String::from_utf8(rendered(&template(request.as_bytes(), 8), count)).unwrap()
    }

    #[test]
    fn no_two_workers_draw_the_same_number() {
        let drawn: Vec<Vec<u8>> = (0..2)
            .map(|index| {
                let share = Share { index, of: 2 };
                let setup = Setup {
                    share,
                    ..Setup::of_depth(3)
                };
                let template = Template::new("t".into(), b"{SEQ:10}{WORKER},", &setup);
                rendered(&template.unwrap(), 3)
            })
            .collect();
        assert_eq!(drawn, [b"100,120,140,", b"111,131,151,"]);
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
        let template = template(b"{\"a\":{}}{RANDOM}{", 3);
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
            ("{RANDJ:2:1}", "{RANDJ:min:max}"),
            ("{ZIPF:1:9}", "{ZIPF:min:max:exponent}"),
            ("{ZIPF:1:9:-1}", "{ZIPF:min:max:exponent}"),
            ("{ZIPF:0:18446744073709551615:1}", "{ZIPF:min:max:exponent}"),
            ("{HEX:0}", "{HEX:digits}"),
            ("{HEX:65537}", "{HEX:digits}"),
        ] {
            let error = Template::new("file.raw".into(), request.as_bytes(), &Setup::of_depth(1))
                .unwrap_err();
            let text = error.to_string();
            assert!(text.contains("file.raw") && text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_message_is_the_arenas_frame() {
        let template = Template::message("/ws".into(), "hello", &Setup::of_depth(3)).unwrap();
        let frame = b"\x81\x85\x12\x34\x56\x78\x7a\x51\x3a\x14\x7d";
        assert_eq!(template.bytes(), frame.repeat(3));
        assert_eq!(template.fixed_payload().unwrap(), b"hello");
        let empty = Template::message("/ws".into(), "", &Setup::of_depth(1)).unwrap();
        assert_eq!(empty.bytes(), b"\x81\x80\x12\x34\x56\x78");
        assert_eq!(empty.fixed_payload().unwrap(), b"");
    }

    #[test]
    fn messages_with_placeholders_are_masked_when_they_are_sent() {
        for text in ["<{SEQ:8}>", &format!("{}<{{SEQ:8}}>", "x".repeat(200))] {
            let template = Template::message("/ws".into(), text, &Setup::of_depth(8)).unwrap();
            assert_eq!(template.fixed_payload(), None);
            let (mut out, mut seen) = (rendered(&template, 2), Vec::new());
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
        let copies = |len: usize, depth| template(&vec![b'x'; len], depth).copies();
        assert_eq!(copies(100, 16), 16);
        assert_eq!(copies(100_000, 16), 2);
        assert_eq!(copies(20_000_000, 16), 1);
    }

    #[test]
    fn the_length_is_that_of_the_body_each_time() {
        let text =
            "P / HTTP/1.1\r\nContent-Length: 1\r\nA: {RANDJ:1:500}\r\n\r\nxxxxxx{RANDJ:1:50000}";
        let all = render(text, 200);
        let mut widths = [0; 3];
        for request in all.split("P / ").skip(1) {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let expected = format!("HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
            assert!(head.starts_with(&expected), "{request}");
            assert!(body["xxxxxx".len()..].parse::<u32>().is_ok());
            widths[body.len().to_string().len()] += 1;
        }
        assert!(widths[1] > 0 && widths[2] > 0, "{widths:?}");
    }

    #[test]
    fn messages_keep_their_length() {
        let refusal =
            |text| Template::message("/ws".into(), text, &Setup::of_depth(1)).unwrap_err();
        let text = refusal("{RANDJ:1:10}").to_string();
        assert!(
            text.contains("--ws-msg") && text.contains("differ in length"),
            "{text}"
        );
    }
}
