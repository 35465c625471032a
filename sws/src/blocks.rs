//! Memory for request bodies that a handler takes whole: small ones anywhere, large ones from a bounded pool of blocks.

use std::{cell::RefCell, fmt, ops::Deref, rc::Rc};

/// A body up to this long needs no block.
pub(crate) const SMALL_BYTES_MAX: usize = 32 * 1024;

/// A reactor's large blocks. They are made as they are first needed and kept.
pub(crate) struct Blocks {
    free: RefCell<Vec<Vec<u8>>>,
    /// Blocks in use.
    used: std::cell::Cell<u32>,
    limit: u32,
    block_bytes: usize,
}

/// All blocks are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoBlock;

impl Blocks {
    pub(crate) fn new(limit: u32, block_bytes: usize) -> Rc<Self> {
        Rc::new(Self {
            free: RefCell::default(),
            used: std::cell::Cell::new(0),
            limit,
            block_bytes,
        })
    }

    pub(crate) fn used(&self) -> u32 {
        self.used.get()
    }

    fn take(&self) -> Result<Vec<u8>, NoBlock> {
        if self.used.get() == self.limit {
            return Err(NoBlock);
        }
        self.used.set(self.used.get() + 1);
        let free = self.free.borrow_mut().pop();
        Ok(free.unwrap_or_else(|| Vec::with_capacity(self.block_bytes)))
    }

    fn give(&self, mut block: Vec<u8>) {
        block.clear();
        self.used.set(self.used.get() - 1);
        self.free.borrow_mut().push(block);
    }
}

/// A body that is collected, or has been.
#[derive(Default)]
pub(crate) struct Collected {
    bytes: Vec<u8>,
    /// Where the memory goes back to, if it is a block.
    pool: Option<Rc<Blocks>>,
}

impl Collected {
    /// Adds bytes; `announced` is the length that the whole will have, as far as is known.
    pub(crate) fn push(
        &mut self,
        pool: &Rc<Blocks>,
        bytes: &[u8],
        announced: u64,
    ) -> Result<(), NoBlock> {
        let len = self.bytes.len() + bytes.len();
        let large = len > SMALL_BYTES_MAX || announced > SMALL_BYTES_MAX as u64;
        if large && self.pool.is_none() {
            let mut block = pool.take()?;
            block.extend_from_slice(&self.bytes);
            self.bytes = block;
            self.pool = Some(Rc::clone(pool));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Deref for Collected {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for Collected {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, pool: None }
    }
}

impl Drop for Collected {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.give(std::mem::take(&mut self.bytes));
        }
    }
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_need_no_block() {
        let pool = Blocks::new(0, 1 << 20);
        let mut body = Collected::default();
        body.push(&pool, &[1; SMALL_BYTES_MAX], 0).unwrap();
        assert_eq!(body.push(&pool, &[2], 0), Err(NoBlock));
        assert_eq!(Collected::default().push(&pool, &[1], 40_000), Err(NoBlock));
    }

    #[test]
    fn blocks_are_bounded_and_come_back() {
        let pool = Blocks::new(2, 1 << 20);
        let mut bodies: Vec<Collected> = (0..2)
            .map(|_| {
                let mut body = Collected::default();
                body.push(&pool, b"start", 50_000).unwrap();
                body
            })
            .collect();
        assert_eq!(pool.used(), 2);
        let mut third = Collected::default();
        assert_eq!(third.push(&pool, b"x", 50_000), Err(NoBlock));
        let memory = bodies[0].bytes.as_ptr();
        bodies.remove(0);
        third.push(&pool, b"x", 50_000).unwrap();
        assert_eq!(third.bytes.as_ptr(), memory, "a block is used again");
        assert_eq!(&*third, b"x");
        drop((third, bodies));
        assert_eq!(pool.used(), 0);
    }
}
