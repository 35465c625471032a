//! Clocks that are cheap enough to read once a turn.

use std::time::Duration;

fn read(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid timespec for the call to fill; the clock ids used here always exist.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Time since an arbitrary start, never set back; resolution one kernel tick (1 to 10 ms).
#[inline]
pub fn monotonic_coarse() -> Duration {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// Time since an arbitrary start, never set back; about 20 ns to read.
#[inline]
pub fn monotonic() -> Duration {
    read(libc::CLOCK_MONOTONIC)
}

/// Seconds since 1970-01-01 00:00 UTC.
#[inline]
pub fn unix_seconds_coarse() -> u64 {
    read(libc::CLOCK_REALTIME_COARSE).as_secs()
}
