//! How the main thread and the workers agree on the borders of the run.

use crate::{
    clock::{NEVER, Nanos},
    live::Board,
};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Shared by all threads. The borders are set a little before they are due, and a worker compares them with
/// the time at which it saw a batch of completions, so all threads cut at the same instant.
#[derive(Debug)]
pub(crate) struct Control {
    /// Begin of the schedule of an open loop.
    origin: AtomicU64,
    start: AtomicU64,
    end: AtomicU64,
    /// When to give up waiting for answers.
    over: AtomicU64,
    /// Workers all of whose connections have been up.
    connected: AtomicU32,
    failed: AtomicBool,
    /// Workers that have sent all that they should and have nothing in flight, and when the last was so far.
    done: AtomicU32,
    done_at: AtomicU64,
    /// When the run is shown while it goes on.
    board: Option<Board>,
}

impl Control {
    /// Nothing is due yet.
    pub(crate) fn new(board: Option<Board>) -> Self {
        Self {
            origin: AtomicU64::new(NEVER),
            start: AtomicU64::new(NEVER),
            end: AtomicU64::new(NEVER),
            over: AtomicU64::new(NEVER),
            connected: AtomicU32::new(0),
            failed: AtomicBool::new(false),
            done: AtomicU32::new(0),
            done_at: AtomicU64::new(0),
            board,
        }
    }

    pub(crate) fn board(&self) -> Option<&Board> {
        self.board.as_ref()
    }

    /// Sets when the schedule of an open loop begins, and with it the borders of the window.
    pub(crate) fn set_schedule(&self, origin: Nanos, start: Nanos) {
        // In this order: who finds that the window has begun must know since when requests have been due.
        self.origin.store(origin, Ordering::Release);
        self.start.store(start, Ordering::Release);
    }

    #[inline]
    pub(crate) fn origin(&self) -> Nanos {
        self.origin.load(Ordering::Acquire)
    }

    /// Sets the begin of the window.
    pub(crate) fn set_start(&self, at: Nanos) {
        self.start.store(at, Ordering::Release);
    }

    /// Sets the end of the window and of the wait after it.
    pub(crate) fn set_end(&self, at: Nanos, over: Nanos) {
        self.over.store(over, Ordering::Release);
        self.end.store(at, Ordering::Release);
    }

    #[inline]
    pub(crate) fn start(&self) -> Nanos {
        self.start.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn end(&self) -> Nanos {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn over(&self) -> Nanos {
        self.over.load(Ordering::Acquire)
    }

    /// A worker says that all its connections have been up.
    pub(crate) fn worker_connected(&self) {
        self.connected.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn workers_connected(&self) -> u32 {
        self.connected.load(Ordering::Acquire)
    }

    /// A worker says that all its requests have ended.
    pub(crate) fn worker_done(&self, at: Nanos) {
        self.done_at.fetch_max(at, Ordering::AcqRel);
        self.done.fetch_add(1, Ordering::Release);
    }

    /// When the last of `workers` was done, once all are.
    pub(crate) fn all_done(&self, workers: u32) -> Option<Nanos> {
        let done = self.done.load(Ordering::Acquire) >= workers;
        done.then(|| self.done_at.load(Ordering::Acquire))
    }

    /// A worker says that it cannot go on.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}
