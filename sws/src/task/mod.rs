//! The tasks of an I/O thread: futures that need not be `Send`, run by the thread that polls its ring.
//!
//! A task costs its future and about 150 bytes. Everything happens on one thread, without locks; a waker may be
//! used on any thread, and then ends the wait of the I/O thread.

mod context;
mod executor;
mod join;
mod slab;
mod timers;
mod waker;

#[cfg(test)]
mod memory;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{error, fmt};

#[cfg(test)]
pub(crate) use context::Entered;
pub(crate) use context::{check_waits_in_task, current, enter, polled_again, require};
pub(crate) use executor::{Executor, detached};
pub(crate) use join::{AbortOnDrop, panic_message};
pub use join::{JoinError, JoinHandle};
pub(crate) use slab::Task;
pub(crate) use timers::Timers;
pub(crate) use waker::TaskId;

/// A task was not started, because its I/O thread has as many as it may have or is stopping. Its future has
/// been dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTasks {
    tasks_max: usize,
}

impl TooManyTasks {
    /// The HTTP status that says it to a client: 503.
    pub fn status(&self) -> u16 {
        503
    }
}

impl fmt::Display for TooManyTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no task was started: the I/O thread has its {} tasks or is stopping; answer 503, start fewer, or raise \
             the limit of tasks in the configuration",
            self.tasks_max
        )
    }
}

impl error::Error for TooManyTasks {}
