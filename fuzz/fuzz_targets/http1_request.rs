//! A whole connection: what it amounts to does not depend on how its bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sws_fuzz::Derived;

#[path = "../../sws-proto/tests/http1/driver.rs"]
mod driver;

use driver::{Retry, run, run_cut};

fuzz_target!(|input: &[u8]| {
    let mut derived = Derived::from(input);
    let limits = derived.limits();
    let whole = run([input], &limits, Retry::Always);
    for retry in [Retry::Always, Retry::WhenPossible] {
        let cuts = derived.cuts(input.len());
        let cut = run_cut(input, &cuts, &limits, retry);
        assert_eq!(whole, cut, "cut at {cuts:?}, {retry:?}");
    }
    // Parsing a head again after every byte is quadratic: short inputs are enough for it.
    if input.len() <= 512 {
        let bytes = run(input.chunks(1), &limits, Retry::Always);
        assert_eq!(whole, bytes, "byte by byte");
    }
});
