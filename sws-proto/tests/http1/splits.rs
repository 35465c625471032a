//! The claim that all tables are held to: the place of a cut changes nothing.

use sws_proto::http1::Limits;

use crate::driver::{Retry, Transcript, run, run_cut};

/// Compares the whole input with two pieces cut at every position and with single bytes.
pub(crate) fn check_all(input: &[u8], limits: &Limits) {
    let whole = run([input], limits, Retry::Always);
    for retry in [Retry::Always, Retry::WhenPossible] {
        for cut in 0..=input.len() {
            let cuts = run_cut(input, &[cut], limits, retry);
            assert_same(input, &whole, &cuts, &format!("cut at {cut}, {retry:?}"));
        }
        let bytes = run(input.chunks(1), limits, retry);
        assert_same(input, &whole, &bytes, &format!("byte by byte, {retry:?}"));
    }
}

/// Fails unless both transcripts are the same.
pub(crate) fn assert_same(input: &[u8], whole: &Transcript, cut: &Transcript, how: &str) {
    assert_eq!(whole, cut, "{how}: {}", input.escape_ascii());
}
