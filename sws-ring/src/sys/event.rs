//! A counter in the kernel that one thread raises and another waits for.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

/// An `eventfd(2)`, non-blocking and close-on-exec.
#[derive(Debug)]
pub struct EventFd(File);

impl EventFd {
    /// Makes one with the count 0.
    pub fn new() -> io::Result<Self> {
        // SAFETY: touches no memory.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else owns it.
        Ok(Self(File::from(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// Raises the count, so that a waiter wakes. From any thread.
    pub fn notify(&self) {
        // It can fail only when the count is at its end, and then the waiter is woken anyway.
        let _ = (&self.0).write_all(&1u64.to_ne_bytes());
    }

    /// Sets the count back to 0.
    pub fn clear(&self) {
        let mut count = [0; 8];
        // EAGAIN says that it was 0 already.
        let _ = (&self.0).read(&mut count);
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
