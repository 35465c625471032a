//! The deadlines that tasks wait for: a binary heap from which any entry can be taken.
//!
//! The reactor's wheel is made for deadlines that move with every request and may be noticed a tick late; these
//! are exact and mostly pass or are cancelled once.

use std::{
    cell::RefCell,
    task::Waker,
    time::{Duration, Instant},
};

/// Links of a slot: its deadline has passed; end of the list of free slots.
const FIRED: u32 = u32::MAX;
const NONE: u32 = u32::MAX;
/// Memory for so many timers is kept when none is left.
const KEPT: usize = 1024;

#[derive(Clone, Copy)]
struct Item {
    /// Nanoseconds since the epoch of the timers.
    at: u64,
    /// Orders equal deadlines: first come, first served.
    seq: u32,
    slot: u32,
}

struct Slot {
    waker: Option<Waker>,
    /// Its place in the heap, or [`FIRED`]; for a free slot, the next one.
    link: u32,
}

const _: () = assert!(size_of::<Item>() + size_of::<Slot>() == 40);

#[derive(Default)]
struct Heap {
    items: Vec<Item>,
    slots: Vec<Slot>,
    free: Option<u32>,
    /// Slots that are in use.
    used: usize,
    seq: u32,
}

/// All timers of an executor.
pub(crate) struct Timers {
    epoch: Instant,
    heap: RefCell<Heap>,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            heap: RefCell::default(),
        }
    }

    /// `deadline` in the timers' own unit. What lies out of its reach (584 years) is the end of it.
    pub(crate) fn at(&self, deadline: Instant) -> u64 {
        let since = deadline.saturating_duration_since(self.epoch);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time when `duration` will have passed, in the timers' own unit.
    pub(crate) fn after(&self, duration: Duration) -> u64 {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.at(Instant::now()).saturating_add(nanos)
    }

    /// Back from the timers' own unit.
    pub(crate) fn instant(&self, at: u64) -> Instant {
        self.epoch + Duration::from_nanos(at)
    }

    /// Whether none is waiting.
    pub(super) fn is_empty(&self) -> bool {
        self.heap.borrow().items.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let at = self.heap.borrow().items.first()?.at;
        Some(self.instant(at))
    }

    /// Wakes at most `most` of those whose time has come, earliest first.
    pub(super) fn expire(&self, now: Instant, most: usize) {
        let now = self.at(now);
        for _ in 0..most {
            // Not borrowed while it wakes: a waker may be anybody's code.
            let Some(waker) = self.heap.borrow_mut().pop(now) else {
                break;
            };
            waker.wake();
        }
    }

    /// Adds one; [`remove`](Self::remove) must follow.
    pub(crate) fn insert(&self, at: u64, waker: Waker) -> u32 {
        self.heap.borrow_mut().insert(at, waker)
    }

    /// Whether its time has come; otherwise it will wake `waker`.
    pub(crate) fn poll(&self, slot: u32, waker: &Waker) -> bool {
        match &self.heap.borrow().slots[slot as usize].waker {
            None => return true,
            Some(current) if current.will_wake(waker) => return false,
            Some(_) => {}
        }
        // Not borrowed while wakers are cloned and dropped: that may be anybody's code.
        let waker = waker.clone();
        let old = self.heap.borrow_mut().slots[slot as usize]
            .waker
            .replace(waker);
        drop(old);
        false
    }

    /// Forgets one, whether its time has come or not.
    pub(crate) fn remove(&self, slot: u32) {
        let waker = self.heap.borrow_mut().remove(slot);
        drop(waker);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.borrow().used
    }
}

impl Heap {
    fn insert(&mut self, at: u64, waker: Waker) -> u32 {
        let slot = match self.free {
            Some(slot) => {
                let link = self.slots[slot as usize].link;
                self.free = (link != NONE).then_some(link);
                slot
            }
            None => {
                grow(&mut self.slots);
                self.slots.push(Slot {
                    waker: None,
                    link: NONE,
                });
                self.slots.len() as u32 - 1
            }
        };
        self.slots[slot as usize].waker = Some(waker);
        self.used += 1;
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        grow(&mut self.items);
        self.items.push(Item { at, seq, slot });
        self.up(self.items.len() - 1);
        slot
    }

    fn pop(&mut self, now: u64) -> Option<Waker> {
        let first = self.items.first().filter(|item| item.at <= now)?.slot;
        self.take(0);
        let slot = &mut self.slots[first as usize];
        slot.link = FIRED;
        slot.waker.take()
    }

    fn remove(&mut self, slot: u32) -> Option<Waker> {
        let entry = &mut self.slots[slot as usize];
        let waker = entry.waker.take();
        let place = entry.link;
        entry.link = self.free.unwrap_or(NONE);
        self.free = Some(slot);
        if waker.is_some() {
            self.take(place as usize);
        }
        self.used -= 1;
        if self.used == 0 && self.slots.capacity() > KEPT {
            // Nothing refers to a slot.
            self.items = Vec::new();
            self.slots = Vec::new();
            self.free = None;
        }
        waker
    }

    /// Takes the item at `place` out of the heap.
    fn take(&mut self, place: usize) {
        self.items.swap_remove(place);
        if place < self.items.len() {
            let settled = self.up(place);
            self.down(settled);
        }
    }

    fn before(&self, a: usize, b: usize) -> bool {
        let key = |item: &Item| (item.at, item.seq);
        key(&self.items[a]) < key(&self.items[b])
    }

    /// Moves the item at `place` towards the root; returns where it came to rest.
    fn up(&mut self, mut place: usize) -> usize {
        while place > 0 && self.before(place, (place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        self.note(place);
        place
    }

    fn down(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            if left >= self.items.len() {
                break;
            }
            let right = left + 1;
            let child = if right < self.items.len() && self.before(right, left) {
                right
            } else {
                left
            };
            if !self.before(child, place) {
                break;
            }
            self.swap(child, place);
            place = child;
        }
        self.note(place);
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.items.swap(a, b);
        self.note(a);
        self.note(b);
    }

    fn note(&mut self, place: usize) {
        let slot = self.items[place].slot;
        self.slots[slot as usize].link = place as u32;
    }
}

/// Makes room for one more, by a quarter: doubling would waste half of many.
fn grow<T>(entries: &mut Vec<T>) {
    if entries.len() == entries.capacity() {
        entries.reserve_exact((entries.len() / 4).max(64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
        task::Wake,
    };

    struct Note(u32, Arc<Mutex<Vec<u32>>>);

    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        /// One of those that there are, fired or not.
        Remove(usize),
        Expire(u64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0u64..100).prop_map(Step::Insert),
            2 => any::<usize>().prop_map(Step::Remove),
            1 => (0u64..100, 0usize..10).prop_map(|(at, most)| Step::Expire(at, most)),
        ]
    }

    proptest! {
        #[test]
        fn timers_do_as_a_sorted_map_does(steps in proptest::collection::vec(step(), 1..300)) {
            let timers = Timers::new();
            let woken = Arc::new(Mutex::new(Vec::new()));
            let mut model: BTreeMap<(u64, u32), u32> = BTreeMap::new();
            let mut slots: Vec<(u32, (u64, u32))> = Vec::new();
            for (number, step) in (0u32..).zip(steps) {
                match step {
                    Step::Insert(at) => {
                        let waker = Arc::new(Note(number, Arc::clone(&woken))).into();
                        slots.push((timers.insert(at, waker), (at, number)));
                        model.insert((at, number), number);
                    }
                    Step::Remove(which) if !slots.is_empty() => {
                        let (slot, key) = slots.swap_remove(which % slots.len());
                        prop_assert_eq!(!model.contains_key(&key), timers.poll(slot, Waker::noop()));
                        timers.remove(slot);
                        model.remove(&key);
                    }
                    Step::Remove(_) => {}
                    Step::Expire(at, most) => {
                        timers.expire(timers.instant(at), most);
                        let due: Vec<u32> = model.range(..=(at, u32::MAX)).take(most).map(|(_, &n)| n).collect();
                        model.retain(|_, n| !due.contains(n));
                        prop_assert_eq!(std::mem::take(&mut *woken.lock().unwrap()), due);
                    }
                }
                prop_assert_eq!(timers.next_deadline(), model.keys().next().map(|&(at, _)| timers.instant(at)));
                prop_assert_eq!(timers.len(), slots.len());
            }
        }
    }

    #[test]
    fn time_out_of_reach_is_the_end_of_time() {
        let timers = Timers::new();
        assert_eq!(timers.after(Duration::MAX), u64::MAX);
        let slot = timers.insert(u64::MAX, Waker::noop().clone());
        assert!(timers.next_deadline().unwrap() > Instant::now());
        timers.remove(slot);
        assert_eq!(
            timers.at(Instant::now().checked_sub(Duration::from_secs(1)).unwrap()),
            0
        );
    }

    #[test]
    fn memory_of_many_timers_is_given_back() {
        let timers = Timers::new();
        let slots: Vec<u32> = (0..5000)
            .map(|at| timers.insert(at, Waker::noop().clone()))
            .collect();
        slots.into_iter().for_each(|slot| timers.remove(slot));
        assert_eq!(timers.heap.borrow().slots.capacity(), 0);
        assert_eq!(timers.heap.borrow().items.capacity(), 0);
    }
}
