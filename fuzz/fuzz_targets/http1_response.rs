//! Response heads with hostile header fields: first line of input is a name, the rest its value.
//! Whatever is accepted, the head still has exactly its own lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sws_fuzz::Derived;
use sws_proto::http1::response;

fuzz_target!(|input: &[u8]| {
    let mut derived = Derived::from(input);
    let (name, value) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[][..]),
    };
    let Ok(name) = std::str::from_utf8(name) else {
        return;
    };
    let mut out = Vec::new();
    response::begin(&mut out, derived.below(1000) as u16);
    let before = out.clone();
    let accepted = response::try_header(&mut out, name, value).is_ok();
    if !accepted {
        assert_eq!(out, before, "a refused header left bytes behind");
    }
    let mark = response::reserve_content_length(&mut out);
    response::end(&mut out);
    let length = derived.below(usize::MAX) as u64;
    mark.patch(&mut out, length);

    let text = out
        .strip_suffix(b"\r\n\r\n")
        .expect("the head ends in an empty line");
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    assert_eq!(
        lines.len(),
        2 + usize::from(accepted),
        "{}",
        out.escape_ascii()
    );
    let carriage_returns = out.iter().filter(|byte| **byte == b'\r').count();
    assert_eq!(carriage_returns, lines.len() + 1);
    let last = lines[lines.len() - 1];
    let digits = last.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    assert_eq!(digits, length.to_string().as_bytes());
});
