//! Where the threads put what they have counted so far, ten times a second, for the main thread to show. Nothing waits on it: each
//! thread has a slot of its own, which is looked into for a moment only.

use crate::{clock::Nanos, histogram::Packed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one thread has counted since the window began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub sent: u64,
    /// Answers, as expected or not.
    pub answers: u64,
    pub bytes: u64,
    pub reconnects: u64,
    /// Answers by status code.
    pub codes: Vec<(usize, u64)>,
    /// Answers of each template.
    pub templates: Vec<u64>,
    /// Of the whole run.
    pub errors: Errors,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    pub connect: u64,
    pub read: u64,
    pub timeout: u64,
    /// Answers that were not as expected.
    pub wrong: u64,
    pub unsolicited: u64,
}

impl Errors {
    pub(crate) fn total(&self) -> u64 {
        self.connect + self.read + self.timeout + self.wrong + self.unsolicited
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.connect += other.connect;
        self.read += other.read;
        self.timeout += other.timeout;
        self.wrong += other.wrong;
        self.unsolicited += other.unsolicited;
    }
}

/// The place of one thread.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// When it was last written; 0 is never.
    pub at: Nanos,
    pub counts: Counts,
    /// Part of the time that the thread was on a CPU, lately.
    pub busy: f64,
    /// Of the answers since it was last read.
    pub latencies: Vec<Packed>,
}

/// The places of all threads.
#[derive(Debug)]
pub(crate) struct Board {
    slots: Vec<Mutex<Slot>>,
}

impl Board {
    pub(crate) fn new(threads: u32) -> Self {
        Self {
            slots: (0..threads).map(|_| Mutex::default()).collect(),
        }
    }

    /// That of a thread.
    pub(crate) fn slot(&self, thread: u32) -> Option<MutexGuard<'_, Slot>> {
        let slot = self.slots.get(thread as usize)?;
        // Whoever panicked with it left numbers all the same.
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn threads(&self) -> u32 {
        self.slots.len() as u32
    }
}
