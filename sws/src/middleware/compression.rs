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
