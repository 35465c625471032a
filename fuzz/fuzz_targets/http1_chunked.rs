//! One chunked body: the data, its end and its faults do not depend on how the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sws_fuzz::{Derived, pieces};
use sws_proto::http1::{BodyDecoder, Framing, ParseError};

/// Body, bytes consumed, and whether it ended or failed.
type Outcome = (Vec<u8>, usize, Result<bool, ParseError>);

fn decode(pieces: &[&[u8]], body_bytes_max: u64) -> Outcome {
    let mut decoder = BodyDecoder::new(Framing::Chunked, body_bytes_max);
    let (mut body, mut consumed) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && !decoder.is_done() {
            match decoder.decode(rest) {
                Ok(decoded) => {
                    assert!(decoded.consumed > 0 && decoded.consumed <= rest.len());
                    assert!(decoded.data.len() <= decoded.consumed);
                    assert_eq!(decoded.done, decoder.is_done());
                    body.extend_from_slice(decoded.data);
                    consumed += decoded.consumed;
                    rest = &rest[decoded.consumed..];
                }
                // Where exactly the fault is noticed does depend on the cuts.
                Err(error) => return (body, 0, Err(error)),
            }
        }
    }
    (body, consumed, Ok(decoder.is_done()))
}

fuzz_target!(|input: &[u8]| {
    let mut derived = Derived::from(input);
    let body_bytes_max = match derived.below(4) {
        0 => derived.below(64) as u64,
        _ => u64::MAX,
    };
    let whole = decode(&[input], body_bytes_max);
    assert!(whole.0.len() as u64 <= body_bytes_max);
    assert!(whole.0.len() <= input.len());
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(whole, decode(&bytes, body_bytes_max), "byte by byte");
    let cuts = derived.cuts(input.len());
    let cut = decode(&pieces(input, &cuts), body_bytes_max);
    assert_eq!(whole, cut, "cut at {cuts:?}");
});
