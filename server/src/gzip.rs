//! gzip bodies, with compressor state that a reactor keeps and uses again.
//!
//! The text is gathered in pieces that stay in the nearer caches. Most answers
//! are one piece, which deflate is given as a whole; a large one is compressed
//! while it is serialised and is never in memory at once.

use std::{
    fmt,
    io::{self, Write},
};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

const PLAIN_BYTES: usize = 32 * 1024;
const PACKED_BYTES: usize = 8 * 1024;

const LEVELS: usize = 9;

/// The compressors of one reactor and the memory that they work in.
pub struct Gzip {
    /// One for each level, made when it is first asked for: some 300 KiB each.
    compressors: [Option<Compress>; LEVELS],
    plain: Vec<u8>,
    packed: Box<[u8]>,
}

impl Gzip {
    /// The levels that may be asked for: fastest to smallest.
    pub const LEVELS: std::ops::RangeInclusive<u8> = 1..=LEVELS as u8;

    /// The level for most bodies; see the table in `benches/gzip.rs`.
    pub const LEVEL_DEFAULT: u8 = 2;

    /// No compressor yet, and no memory for the text.
    pub fn new() -> Self {
        Self {
            compressors: Default::default(),
            plain: Vec::new(),
            packed: Box::default(),
        }
    }

    /// Appends to `out` one gzip member (RFC 1952) with what `produce` writes,
    /// compressed at `level`, which is clamped to [`LEVELS`](Self::LEVELS).
    ///
    /// # Errors
    /// Those of `produce`; `out` may then hold part of a member.
    pub fn write(
        &mut self,
        level: u8,
        out: &mut Vec<u8>,
        produce: impl FnOnce(&mut Packer<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let level = level.clamp(*Self::LEVELS.start(), *Self::LEVELS.end());
        let slot = &mut self.compressors[usize::from(level - 1)];
        let compress =
            slot.get_or_insert_with(|| Compress::new(Compression::new(level.into()), false));
        compress.reset();
        self.plain.clear();
        self.plain.reserve_exact(PLAIN_BYTES);
        if self.packed.is_empty() {
            self.packed = vec![0; PACKED_BYTES].into_boxed_slice();
        }
        out.extend_from_slice(&header(level));
        let mut packer = Packer {
            compress,
            crc: Crc::new(),
            plain: &mut self.plain,
            packed: &mut self.packed,
            out,
        };
        let result = produce(&mut packer).and_then(|()| packer.finish());
        if result.is_err() {
            // zlib-rs 0.6 does not reset all that a stream without end leaves.
            *slot = None;
        }
        result
    }
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

/// RFC 1952 section 2.3.1: deflate, no optional fields, no time, whether the
/// level was one of the extremes, an operating system that is not told.
fn header(level: u8) -> [u8; 10] {
    let extreme = match level {
        1 => 4,
        9 => 2,
        _ => 0,
    };
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extreme, 255]
}

/// Compresses what is written to it.
pub struct Packer<'a> {
    compress: &'a mut Compress,
    crc: Crc,
    /// Written and not yet compressed; at most `PLAIN_BYTES`.
    plain: &'a mut Vec<u8>,
    packed: &'a mut [u8],
    out: &'a mut Vec<u8>,
}

impl Packer<'_> {
    /// Compresses the gathered piece; the last one also ends the stream.
    fn pack(&mut self, flush: FlushCompress) -> io::Result<()> {
        self.crc.update(self.plain);
        let mut left = self.plain.as_slice();
        loop {
            let (taken, made) = (self.compress.total_in(), self.compress.total_out());
            let status = self
                .compress
                .compress(left, self.packed, flush)
                .map_err(io::Error::other)?;
            let taken = (self.compress.total_in() - taken) as usize;
            let made = (self.compress.total_out() - made) as usize;
            self.out.extend_from_slice(&self.packed[..made]);
            left = &left[taken..];
            let done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => left.is_empty(),
            };
            if done {
                break;
            }
            if taken == 0 && made == 0 {
                return Err(io::Error::other("deflate makes no progress"));
            }
        }
        self.plain.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.pack(FlushCompress::Finish)?;
        self.out.extend_from_slice(&self.crc.sum().to_le_bytes());
        // The length modulo 2^32, as `Crc` counts it.
        self.out.extend_from_slice(&self.crc.amount().to_le_bytes());
        Ok(())
    }
}

impl Write for Packer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.plain.len() == PLAIN_BYTES {
            self.pack(FlushCompress::None)?;
        }
        let count = bytes.len().min(PLAIN_BYTES - self.plain.len());
        self.plain.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    #[inline]
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while bytes.len() > PLAIN_BYTES - self.plain.len() {
            let count = self.write(bytes)?;
            bytes = &bytes[count..];
        }
        self.plain.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Packer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;

    use super::*;

    fn pack(gzip: &mut Gzip, level: u8, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        gzip.write(level, &mut out, |packer| {
            pieces.iter().try_for_each(|piece| packer.write_all(piece))
        })
        .unwrap();
        out.split_off(b"before".len())
    }

    /// Unpacks one member, which has to end where the bytes end.
    fn unpack(packed: &[u8]) -> Vec<u8> {
        let (mut decoder, mut plain) = (GzDecoder::new(packed), Vec::new());
        decoder.read_to_end(&mut plain).unwrap();
        assert!(decoder.into_inner().is_empty());
        plain
    }

    /// Text that compresses, but not to nothing.
    fn text(length: usize) -> Vec<u8> {
        let words = (0_u64..).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50);
        let text: Vec<u8> = words
            .flat_map(|word| format!("{word},").into_bytes())
            .take(length)
            .collect();
        assert_eq!(text.len(), length);
        text
    }

    #[test]
    fn members_unpack_to_what_was_written_at_every_level() {
        let mut gzip = Gzip::new();
        let lengths = [0, 1, 8_000, PLAIN_BYTES - 1, PLAIN_BYTES, PLAIN_BYTES + 1];
        for level in Gzip::LEVELS {
            // Large and small by turns: nothing of one may reach the next.
            for length in lengths.into_iter().flat_map(|small| [small, 500_000]) {
                let text = text(length);
                assert_eq!(unpack(&pack(&mut gzip, level, &[&text])), text);
            }
        }
    }

    #[test]
    fn pieces_of_any_size_make_the_same_member() {
        let (mut gzip, text) = (Gzip::new(), text(3 * PLAIN_BYTES));
        for size in [1, 7, PLAIN_BYTES - 1, PLAIN_BYTES, PLAIN_BYTES + 1] {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(unpack(&pack(&mut gzip, 2, &pieces)), text, "{size}");
            assert!(gzip.plain.capacity() <= PLAIN_BYTES);
        }
    }

    #[test]
    fn text_that_cannot_be_compressed_survives() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .take(200_000)
        .collect();
        for level in Gzip::LEVELS {
            assert_eq!(unpack(&pack(&mut Gzip::new(), level, &[&noise])), noise);
        }
    }

    #[test]
    fn a_failed_producer_does_not_spoil_the_next_member() {
        let mut gzip = Gzip::new();
        let failed = gzip.write(1, &mut Vec::new(), |packer| {
            packer.write_all(&text(2 * PLAIN_BYTES))?;
            Err(io::Error::other("no"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(unpack(&pack(&mut gzip, 1, &[b"next"])), b"next");
    }
}
