//! Masking, which hides a client's payload from intermediaries (RFC 6455 §5.3 and §10.3).

use alloc::vec::Vec;

/// A masking key: byte `i` of a payload is combined with byte `i % 4` of it by exclusive or.
///
/// A client takes an unpredictable one for every frame, wherever the payload may come from someone
/// who must not choose what is on the wire (§10.3).
pub type Mask = [u8; 4];

/// Payload bytes that are copied in one go: so few that they are still in the first-level cache when
/// they are masked, and that no `memcpy` uses `rep movsb`, which can be several times slower than a
/// loop if both places are at nearly the same offset within a page (seen on AMD Zen).
const BLOCK: usize = 2048;

/// Longest payload for which calling `memcpy` costs more than it saves.
const SMALL: usize = 64;

/// Masks or unmasks in place.
#[inline]
pub fn apply(bytes: &mut [u8], mask: Mask) {
    let wide = u64::from_ne_bytes(repeated(mask));
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(repeated(mask)) {
        *byte ^= key;
    }
}

/// Appends a payload, masked or unmasked on the way.
#[inline]
pub fn append(out: &mut Vec<u8>, payload: &[u8], mask: Mask) {
    out.reserve(payload.len());
    if payload.len() <= SMALL {
        return append_small(out, payload, mask);
    }
    for block in payload.chunks(BLOCK) {
        let start = out.len();
        out.extend_from_slice(block);
        if let Some(copied) = out.get_mut(start..) {
            apply(copied, mask);
        }
    }
}

/// Appends a payload as it is.
#[inline]
pub(super) fn append_plain(out: &mut Vec<u8>, payload: &[u8]) {
    out.reserve(payload.len());
    for block in payload.chunks(BLOCK) {
        out.extend_from_slice(block);
    }
}

/// Appends in pieces of fixed sizes, which need no call to copy them.
#[inline]
fn append_small(out: &mut Vec<u8>, payload: &[u8], mask: Mask) {
    let wide = u64::from_ne_bytes(repeated(mask));
    let (words, rest) = payload.as_chunks::<8>();
    for word in words {
        out.extend_from_slice(&(u64::from_ne_bytes(*word) ^ wide).to_ne_bytes());
    }
    let (half, rest) = rest.as_chunks::<4>();
    for word in half {
        let narrow = u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask);
        out.extend_from_slice(&narrow.to_ne_bytes());
    }
    for (byte, key) in rest.iter().zip(mask) {
        out.push(byte ^ key);
    }
}

/// The mask for the rest of a payload of which so many bytes are through.
#[must_use]
#[inline]
pub fn rotated(mut mask: Mask, through: usize) -> Mask {
    mask.rotate_left(through % size_of::<Mask>());
    mask
}

const fn repeated([a, b, c, d]: Mask) -> [u8; 8] {
    [a, b, c, d, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{BLOCK, Mask, SMALL, append, append_plain, apply, rotated};

    const MASK: Mask = [0x37, 0xfa, 0x21, 0x3d];

    /// §5.3 as it is written there.
    fn reference(payload: &[u8], mask: Mask) -> Vec<u8> {
        let masked = payload.iter().enumerate();
        masked.map(|(at, byte)| byte ^ mask[at % 4]).collect()
    }

    #[test]
    fn every_length_as_the_rfc_defines_it() {
        let payload: Vec<u8> = (0..2 * BLOCK + 9)
            .map(|at| (at * 7 + at / 251) as u8)
            .collect();
        let lengths = (0..4 * SMALL)
            .chain(BLOCK - 9..BLOCK + 9)
            .chain([2 * BLOCK + 9]);
        for length in lengths {
            let payload = &payload[..length];
            let expected = reference(payload, MASK);
            let mut out = b"before".to_vec();
            append(&mut out, payload, MASK);
            assert_eq!(out, [b"before", &expected[..]].concat(), "{length}");
            let mut out = b"before".to_vec();
            append_plain(&mut out, payload);
            assert_eq!(out, [b"before", payload].concat(), "{length}");
            let mut place = payload.to_vec();
            apply(&mut place, MASK);
            assert_eq!(place, expected, "{length}");
        }
    }

    #[test]
    fn parts_continue_the_mask_where_it_stopped() {
        let payload: Vec<u8> = (0..=255).collect();
        let expected = reference(&payload, MASK);
        for cut in 0..payload.len() {
            let (first, second) = payload.split_at(cut);
            let mut out = Vec::new();
            append(&mut out, first, MASK);
            append(&mut out, second, rotated(MASK, cut));
            assert_eq!(out, expected, "{cut}");
        }
    }
}
