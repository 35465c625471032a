//! What the reactor asks of the operating system besides its engine: so little that a simulated one is easily made.

use std::{io, os::fd::RawFd, time::Duration};
use sws_ring::sys;

/// Clocks, and what is done with a connection's descriptor besides moving bytes.
pub(crate) trait Host {
    /// Time since an arbitrary start, never set back.
    fn monotonic(&self) -> Duration;

    /// Seconds since 1970-01-01 00:00 UTC; may be set back.
    fn unix_seconds(&self) -> u64;

    /// Closes a descriptor that the caller owns.
    fn close(&self, fd: RawFd);

    /// Sends FIN after what is queued; receiving goes on.
    fn shutdown_write(&self, fd: RawFd) -> io::Result<()>;

    /// Ends both directions, which brings the last completions.
    fn shutdown_both(&self, fd: RawFd) -> io::Result<()>;

    /// Bytes that were sent and the peer has not acknowledged.
    fn send_queue(&self, fd: RawFd) -> io::Result<u32>;

    /// Whether the peer will send no more, whatever of it has not been read. `broken`: a reset alone counts.
    fn hung_up(&self, fd: RawFd, broken: bool) -> bool;

    /// Resets the connection, now or when it is closed: the peer must not take its end for a regular one.
    fn reset(&self, fd: RawFd);
}

/// The operating system that the process runs on.
pub(crate) struct Os;

impl Host for Os {
    #[inline]
    fn monotonic(&self) -> Duration {
        sys::monotonic_coarse()
    }

    #[inline]
    fn unix_seconds(&self) -> u64 {
        sys::unix_seconds_coarse()
    }

    #[inline]
    fn close(&self, fd: RawFd) {
        sys::close(fd);
    }

    fn shutdown_write(&self, fd: RawFd) -> io::Result<()> {
        sys::shutdown_write(fd)
    }

    fn shutdown_both(&self, fd: RawFd) -> io::Result<()> {
        sys::shutdown_both(fd)
    }

    fn send_queue(&self, fd: RawFd) -> io::Result<u32> {
        sys::send_queue(fd)
    }

    fn hung_up(&self, fd: RawFd, broken: bool) -> bool {
        sys::hung_up(fd, broken)
    }

    fn reset(&self, fd: RawFd) {
        if sys::reset(fd).is_err() {
            // Where this is refused, too, the connection is gone already.
            let _ = sys::set_linger_zero(fd);
        }
    }
}
