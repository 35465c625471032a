//! Frames written down as RFC 6455 §5.2 draws them, without the code under test.

use sws_proto::ws::Role;

/// A mask that changes every byte of a payload.
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as this role receives it, its length in the shortest form.
pub(crate) fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = (role == Role::Server).then_some(MASK);
    frame_with(first, mask, payload)
}

pub(crate) fn frame_with(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let length = payload.len();
    if length < 126 {
        bytes.push(masked | length as u8);
    } else if length < 65536 {
        bytes.push(masked | 126);
        bytes.extend([(length >> 8) as u8, length as u8]);
    } else {
        bytes.push(masked | 127);
        bytes.extend((0..8).rev().map(|byte| (length as u64 >> (8 * byte)) as u8));
    }
    match mask {
        None => bytes.extend_from_slice(payload),
        Some(mask) => {
            bytes.extend(mask);
            bytes.extend(
                payload
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| byte ^ mask[at % 4]),
            );
        }
    }
    bytes
}
