//! One gzip compressor per reactor, with the memory that it works in.
//!
//! libdeflate rather than a streaming deflate: an answer is whole before it is
//! compressed, and on these bodies it is both faster and smaller than every
//! streaming implementation (`cargo bench -p sws-server --bench gzip`). It has
//! to be given the whole body at once, so the plain text needs a place: a
//! scratch buffer that the next answer uses again.

use std::{fmt, io};

use libdeflater::{CompressionLvl, Compressor};
use serde::Serialize;

/// Scratch above this is given back after the answer that needed it.
const SCRATCH_BYTES_KEPT: usize = 64 * 1024;

/// Compressor and scratch memory of one reactor.
pub struct Gzip {
    compressor: Compressor,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Gzip {
    /// The levels that may be asked for: fastest to smallest.
    pub const LEVELS: std::ops::RangeInclusive<i32> = 1..=12;

    /// A compressor of `level`, which is clamped to [`LEVELS`](Self::LEVELS).
    pub fn new(level: i32) -> Self {
        let level = level.clamp(*Self::LEVELS.start(), *Self::LEVELS.end());
        Self {
            compressor: Compressor::new(CompressionLvl::new(level).unwrap_or_default()),
            plain: Vec::new(),
            packed: Vec::new(),
        }
    }

    /// Serialises `value` and writes it to `out` as one gzip member.
    ///
    /// # Errors
    /// When `value` cannot be serialised or `out` fails.
    pub fn write_json(
        &mut self,
        value: &impl Serialize,
        out: &mut impl io::Write,
    ) -> io::Result<()> {
        self.plain.clear();
        serde_json::to_writer(&mut self.plain, value)?;
        let bound = self.compressor.gzip_compress_bound(self.plain.len());
        if self.packed.len() < bound {
            self.packed.resize(bound, 0);
        }
        let length = self
            .compressor
            .gzip_compress(&self.plain, &mut self.packed)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let written = out.write_all(&self.packed[..length]);
        self.give_back();
        written
    }

    fn give_back(&mut self) {
        for scratch in [&mut self.plain, &mut self.packed] {
            if scratch.capacity() > SCRATCH_BYTES_KEPT {
                *scratch = Vec::new();
            }
        }
    }
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn unpack(bytes: &[u8]) -> String {
        let mut text = String::new();
        GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn answers_unpack_to_what_was_serialised_at_every_level() {
        let value: Vec<String> = (0..2_000).map(|n| format!("item {n}")).collect();
        for level in Gzip::LEVELS {
            let mut gzip = Gzip::new(level);
            for length in [0, 1, 50, 2_000] {
                let mut out = Vec::new();
                gzip.write_json(&&value[..length], &mut out).unwrap();
                assert_eq!(
                    unpack(&out),
                    serde_json::to_string(&value[..length]).unwrap()
                );
            }
        }
    }

    #[test]
    fn one_answer_leaves_nothing_behind_for_the_next() {
        let mut gzip = Gzip::new(1);
        let large = "x".repeat(4 * SCRATCH_BYTES_KEPT);
        for text in [large.as_str(), "small", large.as_str(), ""] {
            let mut out = Vec::new();
            gzip.write_json(&text, &mut out).unwrap();
            assert_eq!(unpack(&out), format!("\"{text}\""));
            assert!(gzip.plain.capacity() <= SCRATCH_BYTES_KEPT);
            assert!(gzip.packed.capacity() <= SCRATCH_BYTES_KEPT);
        }
    }
}
