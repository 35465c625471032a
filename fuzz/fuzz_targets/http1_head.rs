//! One head: prefixes never contradict the whole, and what is accepted is what a second, naive
//! reader makes of it.
#![no_main]

use std::mem::MaybeUninit;

use libfuzzer_sys::fuzz_target;
use sws_fuzz::Derived;
use sws_proto::http1::{Version, head};

#[path = "../../sws-proto/tests/http1/reference.rs"]
mod reference;

fuzz_target!(|input: &[u8]| {
    let mut derived = Derived::from(input);
    let limits = derived.limits();
    let mut slots = [const { MaybeUninit::uninit() }; 64];
    let whole = head::parse(input, &mut slots, &limits);

    for _ in 0..4 {
        let cut = derived.below(input.len() + 1);
        let mut slots = [const { MaybeUninit::uninit() }; 64];
        match (head::parse(&input[..cut], &mut slots, &limits), &whole) {
            (Ok(None), Ok(Some((_, length)))) => assert!(cut < *length),
            (Ok(None), _) => {}
            (part, whole) => assert_eq!(&part, whole, "after {cut} bytes"),
        }
    }

    if let Ok(Some((head, length))) = &whole {
        assert!(*length <= input.len() && *length <= limits.head_bytes_max);
        let naive = reference::read(input).expect("accepted what the naive reader refuses");
        assert_eq!(*length, naive.length);
        assert_eq!(head.method.as_str(), naive.method);
        assert_eq!(head.version == Version::Http10, naive.minor == 0);
        assert_eq!(head.headers.len(), naive.headers.len());
        for (header, (name, value)) in head.headers.iter().zip(&naive.headers) {
            assert_eq!((header.name, header.value), (name.as_str(), &value[..]));
        }
        assert!(naive.target.contains(head.path) || matches!(head.path, "/" | "*"));
        assert!(head.query.is_none_or(|query| naive.target.ends_with(query)));
    }
});
