//! Answers in gzip for those who like it.

use super::{Middleware, fields};
use crate::{body::Body, reply::Reply, request::Request};
use flate2::{Compress, Crc, FlushCompress, Status};
use std::{cell::RefCell, io};
use sws_proto::http1::negotiate::Coding;

const BYTES_MIN: usize = 1024;
const BYTES_MAX: usize = 1 << 20;
const LEVEL: u32 = 4;
/// Beginnings (`x*`), ends (`*x`), and whole types.
const TYPES: [&str; 13] = [
    "text/*",
    "*+json",
    "*+xml",
    "application/json",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "application/x-ndjson",
    "application/wasm",
    "application/vnd.ms-fontobject",
    "font/otf",
    "font/ttf",
    "image/vnd.microsoft.icon",
];
/// Fields that say something about the very bytes that are sent (RFC 9530, and what came before it).
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];

/// Compresses answers with gzip (RFC 1952) for clients that prefer it.
///
/// ```
/// use sws::{Router, middleware::Compression};
///
/// let router: Router<()> = Router::new().middleware(Compression::new());
/// ```
///
/// Only what is in memory is compressed: [`Reply::stream`] and [`Reply::file`] pass unchanged. So does what is shorter than 1 KiB or longer than 1 MiB
/// (compressing holds the reactor, a few milliseconds for each megabyte), what has a content type that is not on the list, what is encoded
/// already or has a digest, an answer with `Cache-Control: no-transform`, and 204, 206 and 304.
///
/// What could have been compressed says `Vary: Accept-Encoding`, whether it was or not. A strong `ETag` becomes weak when the body is compressed
/// (RFC 9110, 8.8.3.3). HEAD is answered as GET would be.
///
/// What mixes a secret with what an attacker chooses, and is sent over TLS, should not be compressed: its length gives the secret away bit by bit (BREACH). Put
/// the routes that answer so into a router without this.
#[derive(Debug)]
pub struct Compression {
    types: Vec<String>,
    bytes_min: usize,
    bytes_max: usize,
    level: u32,
}

impl Compression {
    /// Compresses texts of all kinds (`text/*`, JSON, JavaScript, XML, SVG), fonts that are not compressed in themselves, and WebAssembly.
    pub fn new() -> Self {
        Self {
            types: TYPES.map(str::to_owned).into(),
            bytes_min: BYTES_MIN,
            bytes_max: BYTES_MAX,
            level: LEVEL,
        }
    }

    /// Replaces the list of content types: whole ones, beginnings such as `text/*`, and ends such as `*+json`.
    ///
    /// ```
    /// use sws::{Router, middleware::Compression};
    ///
    /// let router: Router<()> = Router::new().middleware(Compression::new().types(["application/json", "*+json"]));
    /// ```
    #[must_use]
    pub fn types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let types = types.into_iter().map(Into::into);
        self.types = types.map(|name| name.to_ascii_lowercase()).collect();
        self
    }

    /// Leaves alone what is shorter, in bytes.
    ///
    /// ```
    /// use sws::{Router, middleware::Compression};
    ///
    /// let router: Router<()> = Router::new().middleware(Compression::new().shortest(256));
    /// ```
    #[must_use]
    pub fn shortest(mut self, bytes: usize) -> Self {
        self.bytes_min = bytes;
        self
    }

    /// Leaves alone what is longer, in bytes.
    ///
    /// ```
    /// use sws::{Router, middleware::Compression};
    ///
    /// let router: Router<()> = Router::new().middleware(Compression::new().longest(64 * 1024));
    /// ```
    #[must_use]
    pub fn longest(mut self, bytes: usize) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// From 1, the fastest, to 9, the smallest; 4 unless set.
    ///
    /// ```
    /// use sws::{Router, middleware::Compression};
    ///
    /// let router: Router<()> = Router::new().middleware(Compression::new().level(1));
    /// ```
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = u32::from(level).clamp(1, 9);
        self
    }

    fn is_type(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        self.types.iter().any(|wanted| {
            if let Some(end) = wanted.strip_prefix('*') {
                essence.ends_with(end)
            } else if let Some(start) = wanted.strip_suffix('*') {
                essence.starts_with(start)
            } else {
                essence == *wanted
            }
        })
    }

    /// Whether another client might get the answer compressed.
    fn is_compressible(&self, reply: &Reply) -> bool {
        let length = reply.body().map_or(0, <[u8]>::len);
        (self.bytes_min.max(1)..=self.bytes_max).contains(&length)
            && !matches!(reply.status_code(), 204..=206 | 304)
            && reply
                .content_type
                .as_deref()
                .is_some_and(|t| self.is_type(t))
            && reply.get_header("content-encoding").is_none()
            && reply.get_header("content-range").is_none()
            && !DIGESTS.iter().any(|name| reply.get_header(name).is_some())
            && !fields::members(reply, "cache-control")
                .any(|member| member.eq_ignore_ascii_case(b"no-transform"))
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Middleware<S> for Compression {
    fn after(&self, _: &mut S, request: &Request<'_>, reply: &mut Reply) {
        if !self.is_compressible(reply) {
            // RFC 9110, 15.4.5: a 304 says what the 200 would say, which is not here to be looked at.
            if reply.status_code() == 304 {
                fields::vary(reply, "Accept-Encoding");
            }
            return;
        }
        fields::vary(reply, "Accept-Encoding");
        if request.negotiate(&[Coding::Gzip]) != Some(Coding::Gzip) {
            return;
        }
        let plain = reply.body().unwrap_or_default();
        let Some(packed) = gzip(plain, self.level) else {
            return;
        };
        reply.body = Body::Bytes(packed);
        reply.set_header("Content-Encoding", Coding::Gzip.name());
        // A part of the one would not fit a part of the other.
        reply.remove_header("accept-ranges");
        if let Some(tag) = reply
            .get_header("etag")
            .filter(|tag| tag.starts_with(b"\""))
        {
            let weak = [b"W/", tag].concat();
            reply.set_header("ETag", weak);
        }
    }
}

thread_local! {
    /// The memory of a compressor, a quarter of a megabyte, and its level.
    static DEFLATE: RefCell<Option<(u32, Compress)>> = const { RefCell::new(None) };
}

/// `plain` as a member of a gzip file, if that is shorter.
fn gzip(plain: &[u8], level: u32) -> Option<Vec<u8>> {
    DEFLATE.with_borrow_mut(|kept| {
        let mut deflate = match kept.take() {
            Some((its_level, mut deflate)) if its_level == level => {
                deflate.reset();
                deflate
            }
            _ => Compress::new(flate2::Compression::new(level), false),
        };
        let packed = pack(plain, level, &mut deflate).ok()?;
        // One that failed is not used again.
        *kept = Some((level, deflate));
        (packed.len() < plain.len()).then_some(packed)
    })
}

fn pack(plain: &[u8], level: u32, deflate: &mut Compress) -> io::Result<Vec<u8>> {
    // RFC 1952, 2.3.1: deflate, no optional fields, no time, whether the level is an extreme, an unknown system.
    let extreme = match level {
        1 => 4,
        9 => 2,
        _ => 0,
    };
    let mut out = Vec::with_capacity(plain.len() / 3 + 64);
    out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extreme, 255]);
    let mut left = plain;
    loop {
        let (taken, length) = (deflate.total_in(), out.len());
        let status = deflate
            .compress_vec(left, &mut out, FlushCompress::Finish)
            .map_err(io::Error::other)?;
        let taken = (deflate.total_in() - taken) as usize;
        left = left.get(taken..).unwrap_or_default();
        if status == Status::StreamEnd {
            break;
        }
        if taken == 0 && out.len() == length && out.capacity() > length {
            return Err(io::Error::other("deflate makes no progress"));
        }
        // It writes into what room there is, and makes none.
        out.reserve((plain.len() / 4).max(64));
    }
    let mut crc = Crc::new();
    crc.update(plain);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    // The length modulo 2^32.
    out.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::testing::{field, pass};
    use flate2::read::GzDecoder;
    use std::io::Read;

    const GZIP: &str = "\nAccept-Encoding: gzip";

    fn long() -> String {
        (0..500).map(|n| format!("line {n}\n")).collect()
    }

    fn ask(compression: &Compression, method: &str, more: &str, answer: Reply) -> Reply {
        let head = format!("{method} / HTTP/1.1{more}");
        let (reached, reply) = pass(compression, &head, |_| answer);
        assert!(reached && !reply.invalid);
        reply
    }

    fn get(more: &str, answer: Reply) -> Reply {
        ask(&Compression::new(), "GET", more, answer)
    }

    fn is_packed(reply: &Reply) -> bool {
        let Some(coding) = field(reply, "Content-Encoding") else {
            return false;
        };
        assert_eq!(coding, "gzip");
        true
    }

    fn unpacked(bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut decoder) = (Vec::new(), GzDecoder::new(bytes));
        decoder.read_to_end(&mut out).unwrap();
        assert!(decoder.into_inner().is_empty(), "nothing follows");
        out
    }

    #[test]
    fn what_is_compressed_can_be_decompressed() {
        let mut state = 7u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for length in [1024, 1025, 5000, 70_000, 1 << 20] {
            for level in 1..=9 {
                // Half of it can be compressed.
                let body: Vec<u8> = (0..length)
                    .map(|at| if at % 64 < 32 { noise() } else { b'x' })
                    .collect();
                let compression = Compression::new().level(level);
                let answer = Reply::bytes("text/plain", body.clone());
                let reply = ask(&compression, "GET", GZIP, answer);
                assert!(is_packed(&reply), "{length} {level}");
                assert!(unpacked(reply.body().unwrap()) == body, "{length} {level}");
            }
        }
    }

    #[test]
    fn what_does_not_shrink_stays() {
        let noise: Vec<u8> = (0..5000u64)
            .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 37) as u8 ^ (n.pow(3) >> 5) as u8)
            .scan(1u32, |state, byte| {
                *state = state
                    .wrapping_mul(747_796_405)
                    .wrapping_add(u32::from(byte) + 1);
                Some((*state >> 23) as u8)
            })
            .collect();
        let reply = get(GZIP, Reply::bytes("text/plain", noise.clone()));
        assert!(!is_packed(&reply));
        assert_eq!(reply.body(), Some(&noise[..]));
        assert_eq!(field(&reply, "Vary"), Some("Accept-Encoding"));
    }

    #[test]
    fn the_client_chooses() {
        for (accept, packed) in [
            ("gzip", true),
            ("GZIP", true),
            ("x-gzip", true),
            ("br, gzip;q=0.1", true),
            ("*", true),
            ("gzip, identity;q=0.5", true),
            ("", false),
            ("identity", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip;q=0.5, identity", false),
            ("*;q=0", false),
            ("gzip;q=2", false),
        ] {
            let more = format!("\nAccept-Encoding: {accept}");
            let reply = get(&more, Reply::text(long()));
            assert_eq!(is_packed(&reply), packed, "{accept:?}");
            assert_eq!(field(&reply, "Vary"), Some("Accept-Encoding"), "{accept:?}");
            assert_eq!(reply.status_code(), 200);
        }
        let reply = get("", Reply::text(long()));
        assert!(!is_packed(&reply));
        assert_eq!(field(&reply, "Vary"), Some("Accept-Encoding"));
    }

    #[test]
    fn types_are_listed() {
        let defaults = Compression::new();
        for (name, compressible) in [
            ("text/plain", true),
            ("TEXT/HTML; charset=utf-8", true),
            ("application/json", true),
            ("application/problem+json", true),
            ("application/javascript", true),
            ("image/svg+xml", true),
            ("application/atom+xml ; x=y", true),
            ("application/wasm", true),
            ("image/png", false),
            ("application/octet-stream", false),
            ("application/json5", false),
            ("font/woff2", false),
            ("", false),
        ] {
            assert_eq!(defaults.is_type(name), compressible, "{name}");
            let answer = Reply::bytes(name, long());
            let reply = ask(&defaults, "GET", GZIP, answer);
            assert_eq!(is_packed(&reply), compressible, "{name}");
            assert_eq!(field(&reply, "Vary").is_some(), compressible, "{name}");
        }
        let own = Compression::new().types(["Image/*", "a/b"]);
        assert!(own.is_type("image/png") && own.is_type("A/B") && !own.is_type("text/plain"));
        let mut without = Reply::text(long());
        without.content_type = None;
        assert!(!is_packed(&get(GZIP, without)));
    }

    #[test]
    fn some_answers_are_left_alone() {
        let text = || Reply::text(long());
        for answer in [
            text().status(204),
            text().status(205),
            text().status(206),
            text().header("Content-Range", "bytes 0-1/2"),
            text().header("Content-Encoding", "br"),
            text().header("content-encoding", "identity"),
            text().header("Cache-Control", "no-transform"),
            text()
                .header("Cache-Control", "max-age=1")
                .header("cache-control", "public,NO-TRANSFORM"),
            text().header("Repr-Digest", "sha-256=:AAAA:"),
            Reply::text("x".repeat(1023)),
            Reply::text("x".repeat((1 << 20) + 1)),
            Reply::empty(),
        ] {
            let before: Vec<String> = answer.fields.iter().map(|f| f.name.to_string()).collect();
            let (status, body) = (answer.status_code(), answer.body().unwrap().to_owned());
            let reply = get(GZIP, answer);
            let after: Vec<String> = reply.fields.iter().map(|f| f.name.to_string()).collect();
            assert_eq!((after, reply.status_code()), (before, status));
            assert!(reply.body() == Some(&body[..]));
        }
        let (stream, _sender) = Reply::stream("text/plain");
        let reply = get(GZIP, stream);
        assert!(!is_packed(&reply) && field(&reply, "Vary").is_none());
        let not_modified = get(GZIP, Reply::empty().status(304).header("ETag", "\"x\""));
        assert!(!is_packed(&not_modified));
        assert_eq!(field(&not_modified, "Vary"), Some("Accept-Encoding"));
        assert_eq!(field(&not_modified, "ETag"), Some("\"x\""));
    }

    #[test]
    fn errors_are_compressed_like_anything_else() {
        for status in [200, 201, 404, 500] {
            let reply = get(GZIP, Reply::text(long()).status(status));
            assert!(is_packed(&reply) && reply.status_code() == status);
        }
    }

    #[test]
    fn the_lengths_can_be_set() {
        let compression = Compression::new().shortest(100).longest(200);
        for (length, packed) in [(99, false), (100, true), (200, true), (201, false)] {
            let reply = ask(&compression, "GET", GZIP, Reply::text("x".repeat(length)));
            assert_eq!(is_packed(&reply), packed, "{length}");
        }
        let reply = ask(
            &Compression::new().shortest(0),
            "GET",
            GZIP,
            Reply::text(""),
        );
        assert!(!is_packed(&reply));
    }

    #[test]
    fn tags_become_weak_only_with_the_body() {
        for (tag, weak) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\""), ("odd", "odd")] {
            let answer = || {
                let answer = Reply::text(long()).header("ETag", tag);
                answer
                    .header("Accept-Ranges", "bytes")
                    .header("Vary", "Cookie")
            };
            let packed = get(GZIP, answer());
            assert_eq!(field(&packed, "ETag"), Some(weak));
            assert_eq!(field(&packed, "Accept-Ranges"), None);
            assert_eq!(field(&packed, "Vary"), Some("Cookie, Accept-Encoding"));
            let plain = get("", answer());
            assert_eq!(field(&plain, "ETag"), Some(tag));
            assert_eq!(field(&plain, "Accept-Ranges"), Some("bytes"));
        }
    }

    #[test]
    fn head_is_answered_as_get() {
        let answer = || Reply::text(long()).header("ETag", "\"a\"");
        let both = ["GET", "HEAD"].map(|method| {
            let reply = ask(&Compression::new(), method, GZIP, answer());
            let fields: Vec<String> = reply
                .fields
                .iter()
                .map(|f| format!("{}: {}", f.name, String::from_utf8_lossy(&f.value)))
                .collect();
            (reply.body().unwrap().len(), fields)
        });
        assert_eq!(both[0], both[1]);
    }
}
