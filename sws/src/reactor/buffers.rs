//! Memory that connections own while something is left over: size classes with free lists.
//!
//! A connection takes a buffer when bytes are left over and gives it back with the last of them, so an idle one holds
//! none. What is given back is kept for the next, each class up to its share of a limit. What is larger than the largest
//! class comes from the allocator and goes back to it.

use super::slot::Cold;

/// Sizes of the classes, each twice the one before.
const SMALLEST: usize = 512;
const LARGEST: usize = 64 * 1024;
const CLASSES: usize = (LARGEST / SMALLEST).ilog2() as usize + 1;

pub(crate) struct Buffers {
    free: [Vec<Vec<u8>>; CLASSES],
    #[allow(clippy::vec_box, reason = "the boxes are what is kept")]
    colds: Vec<Box<Cold>>,
    /// The most bytes that one class keeps.
    share: usize,
    kept: usize,
}

impl Buffers {
    /// Keeps at most `bytes_max` bytes of what is given back.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            free: [const { Vec::new() }; CLASSES],
            colds: Vec::new(),
            share: bytes_max / (CLASSES + 1),
            kept: 0,
        }
    }

    /// Bytes kept for whoever needs some.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// An empty buffer with room for `len` bytes.
    fn take(&mut self, len: usize) -> Vec<u8> {
        let Some(class) = class(len) else {
            return Vec::with_capacity(len);
        };
        match self.free[class].pop() {
            Some(buffer) => {
                self.kept -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(SMALLEST << class),
        }
    }

    /// Takes a buffer back.
    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        // Whoever holds a class's size was given it here.
        let Some(class) = class(buffer.capacity()) else {
            return;
        };
        let size = SMALLEST << class;
        if buffer.capacity() == size && (self.free[class].len() + 1) * size <= self.share {
            buffer.clear();
            self.kept += size;
            self.free[class].push(buffer);
        }
    }

    /// Appends to a buffer, which grows from class to class.
    #[inline]
    pub(crate) fn append(&mut self, buffer: &mut Vec<u8>, bytes: &[u8]) {
        if buffer.capacity() - buffer.len() < bytes.len() {
            self.grow(buffer, bytes.len());
        }
        buffer.extend_from_slice(bytes);
    }

    #[cold]
    fn grow(&mut self, buffer: &mut Vec<u8>, more: usize) {
        // At least doubled, so that many small pieces are not copied over and over.
        let mut larger = self.take((buffer.len() + more).max(buffer.capacity() * 2));
        larger.extend_from_slice(buffer);
        self.give(std::mem::replace(buffer, larger));
    }

    /// Puts `bytes` before what is in the buffer.
    pub(crate) fn prepend(&mut self, buffer: &mut Vec<u8>, bytes: &[u8]) {
        let mut whole = self.take(bytes.len() + buffer.len());
        whole.extend_from_slice(bytes);
        whole.extend_from_slice(buffer);
        self.give(std::mem::replace(buffer, whole));
    }

    /// Memory for a connection that has something left over.
    pub(crate) fn take_cold(&mut self) -> Box<Cold> {
        let cold = self.colds.pop();
        self.kept -= cold.as_ref().map_or(0, |_| size_of::<Cold>());
        cold.unwrap_or_default()
    }

    /// Takes all memory of a connection back.
    pub(crate) fn give_cold(&mut self, mut cold: Box<Cold>) {
        let Cold {
            input,
            sending,
            queued,
            ..
        } = std::mem::take(&mut *cold);
        for buffer in [input, sending, queued] {
            self.give(buffer);
        }
        if (self.colds.len() + 1) * size_of::<Cold>() <= self.share {
            self.kept += size_of::<Cold>();
            self.colds.push(cold);
        }
    }
}

/// The smallest class that holds `len` bytes. `None`: none does, or none is needed.
fn class(len: usize) -> Option<usize> {
    let size = len.max(SMALLEST).next_power_of_two();
    (len > 0 && len <= LARGEST).then(|| (size / SMALLEST).ilog2() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 9 * 128 * 1024;

    #[test]
    fn classes_hold_what_they_are_asked_for_and_no_more_than_twice() {
        let mut buffers = Buffers::new(MAX);
        for power in 9..=16 {
            let size = 1usize << power;
            for (len, capacity) in [
                (size - 1, size),
                (size, size),
                (size + 1, if power < 16 { size * 2 } else { size + 1 }),
            ] {
                let buffer = buffers.take(len);
                assert_eq!((buffer.len(), buffer.capacity()), (0, capacity), "{len}");
                buffers.give(buffer);
            }
        }
        assert_eq!(buffers.take(1).capacity(), SMALLEST);
        assert_eq!(buffers.take(0).capacity(), 0);
        // One of each class is left, but for the two just taken.
        assert_eq!(buffers.kept(), 2 * LARGEST - SMALLEST - SMALLEST);
    }

    #[test]
    fn what_is_given_back_is_what_is_taken_next() {
        let mut buffers = Buffers::new(MAX);
        let mut buffer = buffers.take(3000);
        buffers.append(&mut buffer, &[1; 3000]);
        let at = buffer.as_ptr();
        buffers.give(buffer);
        let again = buffers.take(2049);
        assert_eq!((again.as_ptr(), again.len(), buffers.kept()), (at, 0, 0));
    }

    #[test]
    fn no_class_keeps_more_than_its_share_and_none_keeps_what_is_larger() {
        let mut buffers = Buffers::new(MAX);
        for size in [SMALLEST, LARGEST, LARGEST + 1, 10 * LARGEST] {
            let before = buffers.kept();
            let taken: Vec<_> = (0..1000).map(|_| buffers.take(size)).collect();
            taken.into_iter().for_each(|buffer| buffers.give(buffer));
            let kept = buffers.kept() - before;
            assert_eq!(kept, if size > LARGEST { 0 } else { 128 * 1024 }, "{size}");
        }
        let mut none = Buffers::new(0);
        let buffer = none.take(SMALLEST);
        none.give(buffer);
        let cold = none.take_cold();
        none.give_cold(cold);
        assert_eq!(none.kept(), 0);
    }

    #[test]
    fn a_buffer_grows_through_the_classes_and_leaves_none_behind() {
        let mut buffers = Buffers::new(MAX);
        for step in [1, 7, 511, 513, 5000, 70_000] {
            let (mut buffer, mut expected) = (Vec::new(), Vec::new());
            while expected.len() < 200_000 {
                let piece = vec![expected.len() as u8; step];
                buffers.append(&mut buffer, &piece);
                expected.extend_from_slice(&piece);
                assert!(buffer.capacity() <= SMALLEST.max(2 * expected.len() + step));
            }
            assert!(buffer == expected);
            buffers.prepend(&mut buffer, b"first");
            assert!(buffer[..5] == *b"first" && buffer[5..] == expected);
            buffers.give(buffer);
            // Each class at most once: what was outgrown went back and was taken again.
            assert!(buffers.kept() < 2 * LARGEST, "{step}: {}", buffers.kept());
        }
    }

    #[test]
    fn a_connections_memory_comes_back_empty() {
        let mut buffers = Buffers::new(MAX);
        let mut cold = buffers.take_cold();
        buffers.append(&mut cold.input, b"input");
        buffers.append(&mut cold.queued, &[2; 1000]);
        cold.sent = 4;
        buffers.give_cold(cold);
        assert_eq!(buffers.kept(), 512 + 1024 + size_of::<Cold>());
        let cold = buffers.take_cold();
        assert!(cold.is_empty() && cold.sent == 0);
        assert_eq!(buffers.kept(), 512 + 1024);
    }
}
