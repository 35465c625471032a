//! Buffers that the kernel picks from when data is there, so that an idle connection holds none.

use crate::{Ring, SetupError, sys::Mapping};
use io_uring::types::BufRingEntry;
use std::{
    fmt, io,
    sync::atomic::{AtomicU16, Ordering},
};

/// One filled buffer, on loan from the kernel's group until [`BufRing::recycle`] takes it back. It cannot be
/// copied, so it is given back at most once.
#[must_use = "a lease that is not recycled is a buffer lost to the ring"]
#[derive(Debug)]
pub struct Lease {
    id: u16,
    len: u32,
}

impl Lease {
    #[inline]
    pub(crate) fn new(id: u16, len: u32) -> Self {
        Self { id, len }
    }

    /// Bytes that the kernel wrote.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the kernel wrote nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// A group of `count` buffers of `size` bytes each, registered with one ring (`IORING_REGISTER_PBUF_RING`,
/// Linux 5.19).
///
/// The ring must be dropped, or every receive on the group ended, before the `BufRing` is dropped.
pub struct BufRing {
    entries: Mapping,
    slab: Mapping,
    size: usize,
    mask: u16,
    group: u16,
    tail: u16,
    published: u16,
    /// Buffers that are leased out now.
    leased: u16,
}

impl BufRing {
    /// Maps and registers the group and gives every buffer to the kernel. `count` is a power of two up to
    /// 32,768; pages of the slab are taken when they are first written.
    pub fn new(ring: &Ring, group: u16, count: u16, size: usize) -> Result<Self, SetupError> {
        assert!(
            count.is_power_of_two() && count <= 1 << 15,
            "buffer count must be a power of two up to 32768"
        );
        let entries = Mapping::anonymous(usize::from(count) * size_of::<BufRingEntry>())
            .map_err(SetupError::Other)?;
        let slab = Mapping::anonymous(usize::from(count) * size).map_err(SetupError::Other)?;
        // SAFETY: both mappings live in `self`, whose owner keeps it until receives on the group have ended.
        unsafe {
            ring.submitter()
                .register_buf_ring_with_flags(entries.as_ptr() as u64, count, group, 0)
        }
        .map_err(register_error)?;
        let mut this = Self {
            entries,
            slab,
            size,
            mask: count - 1,
            group,
            tail: 0,
            published: 0,
            leased: count,
        };
        for id in 0..count {
            this.recycle(Lease::new(id, 0));
        }
        this.publish();
        Ok(this)
    }

    /// Takes the slab's pages now rather than when they are first written. For the time before the first receive: it
    /// overwrites what the buffers hold.
    pub fn warm_up(&mut self) {
        debug_assert!(self.leased == 0);
        let bytes = usize::from(self.count()) * self.size;
        // SAFETY: the slab is `bytes` long and writable, and no one reads it: all buffers are with the kernel.
        unsafe { self.slab.as_ptr().write_bytes(0, bytes) };
    }

    /// Takes the group out of the ring's hands.
    pub fn unregister(self, ring: &Ring) -> io::Result<()> {
        ring.submitter().unregister_buf_ring(self.group)
    }

    /// The group's id, for [`op::recv_multishot`](crate::op::recv_multishot).
    #[inline]
    pub fn group(&self) -> u16 {
        self.group
    }

    /// Buffers in the group.
    #[inline]
    pub fn count(&self) -> u16 {
        self.mask + 1
    }

    /// Buffers that are leased out and not yet recycled.
    #[inline]
    pub fn leased(&self) -> u16 {
        self.leased
    }

    /// Notes that a completion handed out a buffer; pairs with [`recycle`](Self::recycle) in the count that
    /// [`leased`](Self::leased) gives. Returns what the kernel wrote.
    #[inline]
    pub fn open(&mut self, lease: &Lease) -> &[u8] {
        debug_assert!(lease.id <= self.mask && lease.len() <= self.size);
        self.leased += 1;
        let start = usize::from(lease.id & self.mask) * self.size;
        let len = lease.len().min(self.size);
        // SAFETY: start + len lies within the slab (id is masked, len bounded), and the kernel does not write
        // to a buffer between its completion and its recycling, which needs `&mut self`.
        unsafe { std::slice::from_raw_parts(self.slab.as_ptr().add(start), len) }
    }

    /// Gives a buffer back; the kernel sees it after [`publish`](Self::publish).
    #[inline]
    pub fn recycle(&mut self, lease: Lease) {
        debug_assert!(self.leased > 0);
        self.leased -= 1;
        let slot = usize::from(self.tail & self.mask);
        // SAFETY: slot is masked, so the entry lies within the mapping, which is zeroed and aligned to a page;
        // the kernel reads it only after the tail has moved past it.
        let entry = unsafe { &mut *self.entries.as_ptr().cast::<BufRingEntry>().add(slot) };
        // SAFETY: id is masked, so the offset lies within the slab.
        let address = unsafe {
            self.slab
                .as_ptr()
                .add(usize::from(lease.id & self.mask) * self.size)
        };
        entry.set_addr(address as u64);
        entry.set_len(self.size as u32);
        entry.set_bid(lease.id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Makes recycled buffers visible to the kernel: one store for a whole batch.
    #[inline]
    pub fn publish(&mut self) {
        if self.published == self.tail {
            return;
        }
        self.published = self.tail;
        // SAFETY: the mapping holds at least one entry; the tail shares its first one by the kernel's layout.
        let tail = unsafe { BufRingEntry::tail(self.entries.as_ptr().cast()) }.cast::<AtomicU16>();
        // SAFETY: the tail is two aligned bytes that only this thread writes and the kernel reads.
        unsafe { (*tail).store(self.tail, Ordering::Release) };
    }
}

fn register_error(error: io::Error) -> SetupError {
    match error.raw_os_error() {
        Some(libc::ENOMEM) => SetupError::Memory(error),
        Some(libc::EINVAL) => SetupError::TooOld("mapped buffer rings"),
        _ => SetupError::Other(error),
    }
}

impl fmt::Debug for BufRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufRing")
            .field("group", &self.group)
            .field("count", &self.count())
            .field("size", &self.size)
            .field("leased", &self.leased)
            .finish_non_exhaustive()
    }
}
