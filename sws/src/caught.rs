//! Running what is a user's: handlers, hooks, destructors. None of it may end a reactor.

use crate::task::panic_message;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `code` gives; `None` if it panics. What it panicked with is dropped, whatever that does.
#[inline]
pub(crate) fn caught<T>(code: impl FnOnce() -> T) -> Option<T> {
    // What is left half done is the user's own concern, as with any value that outlives a panic.
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(value) => Some(value),
        Err(payload) => {
            drop(panic_message(payload));
            None
        }
    }
}

/// Drops what may have a user's destructor. Returns how many panics that cost, for the counter.
#[inline]
pub(crate) fn discard<T>(value: T) -> u64 {
    caught(|| drop(value)).is_none().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic_any("on purpose");
            }
        }
    }

    #[test]
    fn panics_end_here_and_so_do_those_of_what_they_leave() {
        assert_eq!(caught(|| 1), Some(1));
        assert_eq!(caught(|| panic_any(Bomb)), None::<()>);
        assert_eq!((discard(Bomb), discard(1)), (1, 0));
    }
}
