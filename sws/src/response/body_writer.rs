//! Where bodies are written that are produced piece by piece.

use std::{fmt, io};

/// Where a body is written: the connection's output. Writing never fails.
pub struct BodyWriter<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

impl BodyWriter<'_> {
    /// Makes room for `bytes` more in one step.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// Appends without the detour over `io::Write`.
    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The output itself, for a producer that appends to a `Vec`. What is already in it is not the caller's:
    /// it must only append.
    #[inline]
    pub fn as_vec(&mut self) -> &mut Vec<u8> {
        self.out
    }
}

impl io::Write for BodyWriter<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for BodyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").finish_non_exhaustive()
    }
}
