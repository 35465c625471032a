//! What the fuzz targets share.
//!
//! Inputs are plain protocol bytes, so that seeds can be read and reproducers can be sent to a
//! server as they are. Everything else a target needs to vary (cuts, limits) it derives from a hash
//! of the input.

use sws_proto::http1::Limits;

/// Numbers that follow from an input and look random.
#[derive(Clone, Debug)]
pub struct Derived(u64);

impl Derived {
    /// FNV-1a over the input, as the start of a sequence.
    #[must_use]
    pub fn from(input: &[u8]) -> Self {
        Self(input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The next number below `bound`, or 0 if there is none. SplitMix64.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        mixed.checked_rem(bound as u64).unwrap_or(0) as usize
    }

    /// Limits: the usual ones, or low ones.
    pub fn limits(&mut self) -> Limits {
        match self.below(4) {
            0 => Limits {
                head_bytes_max: self.below(200),
                headers_max: self.below(8),
                target_bytes_max: self.below(60),
                body_bytes_max: self.below(60) as u64,
            },
            _ => Limits::default(),
        }
    }

    /// One to eight places at which to cut an input of this length, in order.
    pub fn cuts(&mut self, length: usize) -> Vec<usize> {
        let count = 1 + self.below(8);
        let mut cuts: Vec<usize> = (0..count).map(|_| self.below(length + 1)).collect();
        cuts.sort_unstable();
        cuts
    }
}

/// The pieces between cuts that are in order.
pub fn pieces<'i>(input: &'i [u8], cuts: &[usize]) -> Vec<&'i [u8]> {
    let ends = cuts.iter().copied().chain([input.len()]);
    let mut start = 0;
    ends.map(|end| {
        let piece = &input[start..end];
        start = end;
        piece
    })
    .collect()
}
