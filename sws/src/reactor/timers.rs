//! A hashed wheel of deadlines whose cost does not grow with the number of connections that are busy.
//!
//! A slot keeps its deadline to itself and moves it with every request; the wheel holds at most one valid
//! entry for a slot, never later than its deadline. When the entry comes up and the deadline has moved, the entry is
//! put back. So activity costs one store, and an expiry is found within one tick.

/// Length of a tick.
pub(crate) const TICK_MILLIS: u64 = 100;
/// Ticks in a turn of the wheel (about 102 seconds); a later deadline is looked at once a turn.
const BUCKETS: usize = 1024;

/// A slot's place in the wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) index: u32,
    pub(crate) generation: u32,
    /// The tick that the slot must have noted for this entry to be valid.
    pub(crate) tick: u32,
}

pub(crate) struct Wheel {
    buckets: Vec<Vec<Entry>>,
    /// One bit a bucket: whether it holds anything.
    occupied: [u64; BUCKETS / 64],
    /// The next tick to be looked at.
    next: u32,
}

impl Wheel {
    pub(crate) fn new(now: u32) -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Vec::new()).collect(),
            occupied: [0; BUCKETS / 64],
            next: now,
        }
    }

    /// Adds an entry for `deadline`, or for the last tick within reach. Returns the tick that the slot has to note.
    pub(crate) fn insert(&mut self, index: u32, generation: u32, deadline: u32) -> u32 {
        let tick = deadline.clamp(self.next, self.next + BUCKETS as u32 - 1);
        let bucket = tick as usize % BUCKETS;
        self.buckets[bucket].push(Entry {
            index,
            generation,
            tick,
        });
        self.occupied[bucket / 64] |= 1 << (bucket % 64);
        tick
    }

    /// Moves every entry up to and including tick `now` to `due`.
    pub(crate) fn advance(&mut self, now: u32, due: &mut Vec<Entry>) {
        // After a long sleep each bucket is looked at once.
        let last = now.min(self.next.saturating_add(BUCKETS as u32 - 1));
        while self.next <= last {
            let bucket = self.next as usize % BUCKETS;
            if self.occupied[bucket / 64] & 1 << (bucket % 64) != 0 {
                self.occupied[bucket / 64] &= !(1 << (bucket % 64));
                // A tick's memory goes with it: kept, it would add up over the buckets as time passes.
                due.append(&mut std::mem::take(&mut self.buckets[bucket]));
            }
            self.next += 1;
        }
        self.next = self.next.max(now + 1);
    }

    /// The earliest tick that has an entry.
    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        let start = self.next as usize % BUCKETS;
        let (word, bit) = (start / 64, start % 64);
        let head = self.occupied[word] >> bit;
        if head != 0 {
            return Some(self.next + head.trailing_zeros());
        }
        for step in 1..=self.occupied.len() {
            let at = (word + step) % self.occupied.len();
            let bits = if step == self.occupied.len() {
                self.occupied[at] & ((1 << bit) - 1)
            } else {
                self.occupied[at]
            };
            if bits != 0 {
                let bucket = at * 64 + bits.trailing_zeros() as usize;
                return Some(self.next + ((bucket + BUCKETS - start) % BUCKETS) as u32);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn due(wheel: &mut Wheel, now: u32) -> Vec<u32> {
        let mut entries = Vec::new();
        wheel.advance(now, &mut entries);
        let mut indexes: Vec<u32> = entries.iter().map(|e| e.index).collect();
        indexes.sort_unstable();
        indexes
    }

    #[test]
    fn entries_come_up_at_their_tick() {
        let mut wheel = Wheel::new(100);
        assert_eq!(wheel.first(), None);
        for (index, deadline) in [(1, 105), (2, 103), (3, 5000), (4, 0)] {
            wheel.insert(index, 1, deadline);
        }
        assert_eq!(wheel.first(), Some(100));
        assert_eq!(due(&mut wheel, 100), [4]);
        assert_eq!(wheel.first(), Some(103));
        assert!(due(&mut wheel, 102).is_empty());
        assert_eq!(due(&mut wheel, 110), [1, 2]);
        // Out of reach: it comes up at the wheel's end, to be put back.
        assert_eq!(wheel.first(), Some(100 + BUCKETS as u32 - 1));
        assert_eq!(due(&mut wheel, 100_000), [3]);
        assert_eq!(wheel.first(), None);
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_list(
            deadlines in prop::collection::vec(0u32..3000, 1..60),
            steps in prop::collection::vec(1u32..400, 1..40),
        ) {
            let mut wheel = Wheel::new(500);
            let mut model: Vec<(u32, u32)> = Vec::new();
            for (index, &deadline) in deadlines.iter().enumerate() {
                let tick = wheel.insert(index as u32, 1, deadline);
                prop_assert!(tick <= deadline.max(500));
                model.push((tick, index as u32));
            }
            let mut now = 500;
            for step in steps {
                prop_assert_eq!(wheel.first(), model.iter().map(|&(tick, _)| tick).min());
                now += step;
                let mut expected: Vec<u32> =
                    model.iter().filter(|&&(tick, _)| tick <= now).map(|&(_, index)| index).collect();
                expected.sort_unstable();
                model.retain(|&(tick, _)| tick > now);
                prop_assert_eq!(due(&mut wheel, now), expected);
            }
        }
    }
}
