//! The pool of slots: acquire and release in constant time, generations against late completions.

use super::slot::{Flags, Range, Slot, Waiting};
use std::{
    hint::black_box,
    ops::{Index, IndexMut},
    os::fd::RawFd,
};

const NO_WHEEL_TICK: u32 = u32::MAX;

impl<C: Default> Slot<C> {
    fn unused() -> Self {
        Self {
            generation: 1,
            fd: -1,
            flags: Flags::default(),
            waiting: Waiting::Request,
            fired_batch: 0,
            deadline: 0,
            wheel_tick: NO_WHEEL_TICK,
            range: Range::default(),
            fired: Range::default(),
            cold: None,
            conn: C::default(),
        }
    }
}

pub(crate) struct Slots<C> {
    slots: Vec<Slot<C>>,
    free: Vec<u32>,
    limit: u32,
    open: u32,
}

impl<C: Default> Slots<C> {
    /// Reserves address space for `limit` slots, so that growing never copies; memory is taken as slots are used.
    pub(crate) fn new(limit: u32) -> Self {
        let () = Slot::<C>::FITS;
        let mut slots = Vec::new();
        // Where overcommit is off this may be refused; then the vector grows by copying.
        let _ = slots.try_reserve_exact(limit as usize);
        Self {
            slots,
            free: Vec::new(),
            limit,
            open: 0,
        }
    }

    /// Takes the memory of all slots now instead of a page at a time as connections come.
    pub(crate) fn warm_up(&mut self) {
        let limit = self.limit as usize;
        self.slots.reserve_exact(limit - self.slots.len());
        for place in self.slots.spare_capacity_mut() {
            // It is written again when it is first used: a slot that is unused owns nothing.
            black_box(place.write(Slot::unused()));
        }
        self.free.reserve_exact(limit - self.free.len());
        for place in self.free.spare_capacity_mut() {
            black_box(place.write(0));
        }
    }

    /// Takes a slot for `fd`; `None` when all are in use.
    pub(crate) fn acquire(&mut self, fd: RawFd) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if (self.slots.len() as u32) < self.limit => {
                self.slots.push(Slot::unused());
                self.slots.len() as u32 - 1
            }
            None => return None,
        };
        self.open += 1;
        let slot = &mut self[index];
        debug_assert!(slot.fd < 0 && slot.cold.is_none());
        slot.fd = fd;
        slot.flags = Flags::default();
        slot.waiting = Waiting::Request;
        slot.range = Range::default();
        slot.fired = Range::default();
        Some(index)
    }

    /// Frees a slot none of whose operations is in flight. Its generation changes, so that what still speaks
    /// of the old connection is recognised.
    pub(crate) fn release(&mut self, index: u32) {
        let slot = &mut self[index];
        debug_assert!(slot.fd >= 0 && !slot.flags.any(Flags::RECEIVING | Flags::SENDING));
        slot.fd = -1;
        slot.generation = if slot.generation == u32::MAX {
            1
        } else {
            slot.generation + 1
        };
        slot.flags = Flags::default();
        slot.wheel_tick = NO_WHEEL_TICK;
        slot.cold = None;
        slot.conn = C::default();
        self.open -= 1;
        self.free.push(index);
    }

    /// The slot, if it is still the one that `generation` speaks of.
    #[inline]
    pub(crate) fn live(&mut self, index: u32, generation: u32) -> Option<&mut Slot<C>> {
        self.slots
            .get_mut(index as usize)
            .filter(|slot| slot.generation == generation && slot.fd >= 0)
    }

    /// Indexes of all slots in use.
    pub(crate) fn live_indexes(&self) -> Vec<u32> {
        (0..self.slots.len() as u32)
            .filter(|&index| self[index].fd >= 0)
            .collect()
    }

    /// Slots that there can be.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    pub(crate) fn open(&self) -> u32 {
        self.open
    }

    pub(crate) fn total(&self) -> u32 {
        self.slots.len() as u32
    }
}

impl<C> Index<u32> for Slots<C> {
    type Output = Slot<C>;

    #[inline]
    fn index(&self, index: u32) -> &Slot<C> {
        &self.slots[index as usize]
    }
}

impl<C> IndexMut<u32> for Slots<C> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Slot<C> {
        &mut self.slots[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_refuses_and_recovers() {
        let mut slots: Slots<u64> = Slots::new(2);
        let (a, b) = (slots.acquire(3).unwrap(), slots.acquire(4).unwrap());
        assert_ne!(a, b);
        assert_eq!(slots.acquire(5), None);
        slots.release(a);
        assert_eq!(slots.acquire(5), Some(a));
        assert_eq!((slots.open(), slots.total()), (2, 2));
    }

    /// Memory that is taken of the mapping that holds `at`.
    fn resident_bytes_around(at: usize) -> usize {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut here = false;
        for line in maps.lines() {
            let word = line.split(' ').next().unwrap();
            if let Some((start, end)) = word.split_once('-') {
                let address = |text| usize::from_str_radix(text, 16).unwrap();
                here = (address(start)..address(end)).contains(&at);
            } else if here && word == "Rss:" {
                let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
                return kib * 1024;
            }
        }
        panic!("{at:x} is not mapped");
    }

    #[test]
    fn memory_is_taken_as_slots_are_used_or_all_at_once() {
        const LIMIT: u32 = 1 << 20;
        let mut slots: Slots<u64> = Slots::new(LIMIT);
        let at = slots.slots.as_ptr() as usize;
        let pool = LIMIT as usize * size_of::<Slot<u64>>();
        for fd in 0..1000 {
            slots.acquire(fd).unwrap();
        }
        let cold = resident_bytes_around(at);
        // Other mappings may lie beside it; the pages of 63 slots of 64 were never touched.
        assert!(cold < pool / 2, "{cold} of {pool} bytes are taken");
        slots.warm_up();
        assert!(resident_bytes_around(at) >= pool);
        assert_eq!((slots.total(), slots.open()), (1000, 1000));
        for fd in 1000..LIMIT {
            assert_eq!(slots.acquire(fd as RawFd), Some(fd));
        }
        assert_eq!(slots.acquire(1), None);
        assert_eq!(slots.slots.as_ptr() as usize, at, "growing copied");
        for index in (0..LIMIT).rev() {
            slots.release(index);
        }
        assert_eq!((slots.total(), slots.open()), (LIMIT, 0));
        assert_eq!(slots.acquire(1), Some(0));
    }

    #[test]
    fn an_old_generation_is_not_live() {
        let mut slots: Slots<u64> = Slots::new(1);
        let index = slots.acquire(3).unwrap();
        let old = slots[index].generation;
        slots[index].conn = 7;
        assert!(slots.live(index, old).is_some());
        slots.release(index);
        assert!(slots.live(index, old).is_none());
        slots.acquire(4).unwrap();
        assert!(slots.live(index, old).is_none());
        assert_eq!(
            slots[index].conn, 0,
            "nothing of the old connection is left"
        );
        assert!(slots.live(9, 1).is_none());
    }

    #[test]
    fn generation_zero_never_lives() {
        let mut slots: Slots<u64> = Slots::new(1);
        let index = slots.acquire(3).unwrap();
        slots[index].generation = u32::MAX;
        slots.release(index);
        slots.acquire(3).unwrap();
        assert_eq!(slots[index].generation, 1);
    }
}
