//! Query strings: parts are parts of the query, and decoding is what a naive reader makes of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sws_proto::http1::query::{decode, decode_path, pairs};

fn decode_naively(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        let value = |digit: u8| char::from(digit).to_digit(16);
        match (bytes[at], digits) {
            (b'%', [high, low]) if value(*high).is_some() && value(*low).is_some() => {
                let byte = value(*high).unwrap_or(0) * 16 + value(*low).unwrap_or(0);
                decoded.push(byte as u8);
                at += 2;
            }
            (b'+', _) if plus_is_space => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    assert_eq!(decode(text), decode_naively(text, true));
    assert_eq!(decode_path(text), decode_naively(text, false));
    let mut rest = text;
    for (name, value) in pairs(text) {
        rest = rest.trim_start_matches('&');
        rest = rest.strip_prefix(name).expect("the name comes first");
        rest = rest.strip_prefix('=').unwrap_or(rest);
        rest = rest.strip_prefix(value).expect("its value follows");
        assert!(!name.contains(['&', '=']) && !value.contains('&'));
    }
    assert_eq!(rest.trim_start_matches('&'), "");
});
