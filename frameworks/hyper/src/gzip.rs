//! gzip: whether the client wants it, and the compressor of this thread.

use hyper::{HeaderMap, header::ACCEPT_ENCODING};
use libdeflater::{CompressionLvl, Compressor};

/// Level 1, like the server it is compared with.
const LEVEL: i32 = 1;

pub(crate) struct Gzip {
    compressor: Compressor,
}

impl Gzip {
    pub(crate) fn new() -> Self {
        Self {
            compressor: Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default()),
        }
    }

    /// `body` as one gzip member, or `None` when it does not fit its bound.
    pub(crate) fn compress(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let mut compressed = vec![0; self.compressor.gzip_compress_bound(body.len())];
        let length = self.compressor.gzip_compress(body, &mut compressed).ok()?;
        compressed.truncate(length);
        Some(compressed)
    }
}

/// RFC 9110 section 12.5.3: gzip is acceptable when it (or `*`) is listed with
/// a weight above zero, and used when no less wanted than the plain body.
pub(crate) fn wanted(headers: &HeaderMap) -> bool {
    let (mut gzip, mut star, mut identity) = (None, None, None);
    for value in headers.get_all(ACCEPT_ENCODING) {
        let Ok(value) = value.to_str() else { continue };
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
    use super::*;

    fn asks(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        wanted(&headers)
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
        assert!(!wanted(&HeaderMap::new()));
    }
}
