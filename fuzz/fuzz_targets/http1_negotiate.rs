//! Accept-Encoding: lines of input are fields. What is chosen was offered and is accepted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sws_proto::http1::list;
use sws_proto::http1::negotiate::{Coding, accepts, choose};

const OFFERED: [Coding; 4] = [Coding::Brotli, Coding::Zstd, Coding::Gzip, Coding::Deflate];

fuzz_target!(|input: &[u8]| {
    let fields = || input.split(|byte| *byte == b'\n');
    match choose(fields(), &OFFERED) {
        Some(coding) => {
            assert!(coding == Coding::Identity || OFFERED.contains(&coding));
            assert!(accepts(fields(), coding), "{coding:?} is not accepted");
        }
        None => assert!(!accepts(fields(), Coding::Identity)),
    }
    for coding in OFFERED {
        let alone = choose(fields(), &[coding]);
        if !accepts(fields(), coding) {
            assert_ne!(alone, Some(coding));
        }
    }
    // Several fields mean the same as one list (RFC 9110 section 5.3), and case means nothing.
    let joined: Vec<u8> = input
        .iter()
        .map(|byte| {
            if *byte == b'\n' {
                b','
            } else {
                byte.to_ascii_uppercase()
            }
        })
        .collect();
    assert_eq!(
        choose(fields(), &OFFERED),
        choose([&joined[..]].into_iter(), &OFFERED)
    );
    for member in list::members(input) {
        assert!(list::contains(input, member));
    }
});
