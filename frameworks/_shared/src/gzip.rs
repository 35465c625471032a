//! gzip: whether the client wants it, and the compressor of this thread.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress, Status};

/// The levels of the server that this one is compared with.
#[derive(Clone, Copy)]
pub enum Level {
    /// For `/json`.
    List = 2,
    /// For `/compression`, whose rules name the level.
    Large = 1,
}

const WINDOW_BITS: u8 = 15;

thread_local! {
    static GZIP: RefCell<Gzip> = RefCell::default();
}

/// `body` as one gzip member, by the compressors of this thread; `None` when it
/// cannot be compressed.
pub fn compress(level: Level, body: &[u8]) -> Option<Vec<u8>> {
    GZIP.with(|gzip| gzip.borrow_mut().compress(level, body))
}

/// The compressors of one thread, each made when it is first needed.
#[derive(Default)]
struct Gzip {
    list: Option<Compress>,
    large: Option<Compress>,
}

impl Gzip {
    /// `body` as one gzip member, or `None` when it cannot be compressed.
    fn compress(&mut self, level: Level, body: &[u8]) -> Option<Vec<u8>> {
        let slot = match level {
            Level::List => &mut self.list,
            Level::Large => &mut self.large,
        };
        let compressor = slot
            .get_or_insert_with(|| Compress::new_gzip(Compression::new(level as u32), WINDOW_BITS));
        compressor.reset();
        // Lists shrink to between a third and a sixth.
        let mut compressed = Vec::with_capacity(64 + body.len() / 3);
        loop {
            let left = &body[usize::try_from(compressor.total_in()).ok()?..];
            match compressor.compress_vec(left, &mut compressed, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return Some(compressed),
                Ok(Status::Ok | Status::BufError) => compressed.reserve(64 + body.len() / 3),
                Err(_) => return None,
            }
        }
    }
}

/// RFC 9110 section 12.5.3: gzip is acceptable when it (or `*`) is listed with
/// a weight above zero, and used when no less wanted than the plain body.
/// Takes the values of all `Accept-Encoding` fields.
pub fn wanted<'a>(values: impl Iterator<Item = &'a str>) -> bool {
    let (mut gzip, mut star, mut identity) = (None, None, None);
    for value in values {
        for element in value.split(',') {
            let (coding, weight) = element.split_once(';').unwrap_or((element, ""));
            let coding = coding.trim();
            let weight = Some(quality(weight));
            if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
                gzip = weight;
            } else if coding.eq_ignore_ascii_case("identity") {
                identity = weight;
            } else if coding == "*" {
                star = weight;
            }
        }
    }
    let gzip = gzip.or(star).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

fn quality(parameters: &str) -> f32 {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn members_unpack_to_the_body() {
        let mut gzip = Gzip::default();
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(300_000)
        .collect();
        for level in [Level::List, Level::Large] {
            for body in [&b""[..], b"[1,2,3]", &b"abc".repeat(9_999), &noise] {
                let packed = gzip.compress(level, body).unwrap();
                let mut plain = Vec::new();
                flate2::bufread::GzDecoder::new(packed.as_slice())
                    .read_to_end(&mut plain)
                    .unwrap();
                assert_eq!(plain, body);
            }
        }
    }

    fn asks(value: &'static str) -> bool {
        wanted(std::iter::once(value))
    }

    #[test]
    fn weights_decide() {
        assert!(asks("gzip"));
        assert!(asks("br;q=1, GZIP;q=0.8"));
        assert!(asks("*"));
        assert!(!asks("br"));
        assert!(!asks("gzip;q=0"));
        assert!(!asks("*;q=1, gzip; q=0"));
        assert!(!asks("gzip;q=0.5, identity"));
        assert!(!wanted(std::iter::empty()));
    }
}
