//! What is used in the wrong place says so.

use super::super::panic_message;
use crate::{
    next,
    time::{interval, sleep, sleep_until, timeout},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// What the panic of `code` says.
pub(super) fn panic_of(code: impl FnOnce()) -> String {
    panic_message(catch_unwind(AssertUnwindSafe(code)).unwrap_err())
}

#[test]
fn off_an_io_thread_there_is_a_message() {
    for said in [
        panic_of(|| drop(next::go(async {}))),
        panic_of(|| drop(sleep(Duration::ZERO))),
        panic_of(|| drop(sleep_until(Instant::now()))),
        panic_of(|| drop(interval(Duration::ZERO))),
        panic_of(|| drop(timeout(Duration::ZERO, async {}))),
    ] {
        assert!(said.contains("off an I/O thread: call it in"), "{said}");
    }
}
