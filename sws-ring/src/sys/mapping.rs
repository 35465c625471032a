//! Anonymous memory, page-aligned and zeroed.

use std::{io, ptr};

/// An anonymous private mapping; its pages are taken when first touched and given back on drop.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    len: usize,
}

impl Mapping {
    /// Maps `len` bytes.
    pub fn anonymous(len: usize) -> io::Result<Self> {
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice aliases nothing.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            start: start.cast(),
            len,
        })
    }

    /// The first byte.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        self.start
    }

    /// Bytes mapped, as asked for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the mapping is empty (it never is: the kernel refuses that).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `anonymous` mapped; whoever gave the memory to the kernel has ended that first.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}
