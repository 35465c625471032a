//! Time within a run.

use std::time::{SystemTime, UNIX_EPOCH};
use sws_ring::sys;

/// Nanoseconds of the monotonic clock. 64 bits last for centuries.
pub(crate) type Nanos = u64;

/// A time that is never reached.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// The time now; about 20 ns to read.
#[inline]
pub(crate) fn now() -> Nanos {
    let time = sys::monotonic();
    time.as_secs() * 1_000_000_000 + Nanos::from(time.subsec_nanos())
}

/// A duration in nanoseconds, at most [`NEVER`].
pub(crate) fn nanos(duration: std::time::Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

/// The wall-clock time of an instant, in nanoseconds since 1970.
pub(crate) fn unix(at: Nanos) -> u64 {
    let (here, wall) = (now(), SystemTime::now());
    let wall = wall.duration_since(UNIX_EPOCH).map_or(0, nanos);
    if at >= here {
        wall.saturating_add(at - here)
    } else {
        wall.saturating_sub(here - at)
    }
}
