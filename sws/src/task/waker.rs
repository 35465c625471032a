//! Waking a task, from its own thread or from any other.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering, fence},
    },
    task::Wake,
};

use super::context;

/// Names a task for as long as it lives; never names another one after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// Set in [`TaskWaker::state`] while the task is in a queue. The bits above hold the task's generation.
const QUEUED: u32 = 1;
/// What a generation is counted up in, so that it fits beside [`QUEUED`].
pub(super) const GENERATION_MASK: u32 = u32::MAX >> 1;

/// The waker of one entry of the slab. The tasks that use the entry one after another share it, unless one of them
/// left clones of it behind.
pub(super) struct TaskWaker {
    shared: Arc<Shared>,
    index: u32,
    state: AtomicU32,
}

impl TaskWaker {
    pub(super) fn new(shared: Arc<Shared>, index: u32) -> Arc<Self> {
        Arc::new(Self {
            shared,
            index,
            state: AtomicU32::new(0),
        })
    }

    /// Whether anybody holds it beside `held` holders that the caller knows of.
    pub(super) fn has_others(self: &Arc<Self>, held: usize) -> bool {
        let others = Arc::strong_count(self) > held;
        // What others did with it before they let go comes before the next task's use of it.
        fence(Ordering::Acquire);
        others
    }

    /// It wakes the task with this `generation` from now on. Nobody else may hold it.
    pub(super) fn renew(&self, generation: u32) {
        self.state.store(generation << 1, Ordering::Relaxed);
    }

    /// The task is about to be polled: it can be queued again.
    pub(super) fn begin(&self) {
        // A read-modify-write, so that the poll sees what every wake before it has seen, also of those that found
        // the task queued already.
        self.state.fetch_and(!QUEUED, Ordering::AcqRel);
    }

    /// Whether the caller has to queue the task.
    pub(super) fn mark_queued(&self) -> bool {
        self.state.fetch_or(QUEUED, Ordering::AcqRel) & QUEUED == 0
    }

    #[cfg(debug_assertions)]
    pub(super) fn is_queued(&self) -> bool {
        self.state.load(Ordering::Acquire) & QUEUED != 0
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = self.state.fetch_or(QUEUED, Ordering::AcqRel);
        if before & QUEUED != 0 {
            return;
        }
        let id = TaskId {
            index: self.index,
            generation: before >> 1,
        };
        if !context::queue_here(&self.shared, id) {
            self.shared.queue_remote(id);
        }
    }
}

/// What other threads reach of an executor.
pub(super) struct Shared {
    notify: Arc<dyn Fn() + Send + Sync>,
    remote: Mutex<Remote>,
    /// Whether `remote` holds anything: spares the owner the lock.
    pending: AtomicBool,
}

#[derive(Default)]
struct Remote {
    ids: Vec<TaskId>,
    /// The executor is gone.
    closed: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(notify: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self {
            notify,
            remote: Mutex::default(),
            pending: AtomicBool::new(false),
        }
    }

    fn queue_remote(&self, id: TaskId) {
        let first = {
            let mut remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner);
            if remote.closed {
                return;
            }
            remote.ids.push(id);
            self.pending.store(true, Ordering::Release);
            remote.ids.len() == 1
        };
        // The owner looks at the list before it waits, and empties it when it looks; so it has to be told only of
        // the first entry.
        if first {
            (self.notify)();
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Swaps what others queued for `empty`, whose memory is used again.
    pub(super) fn take(&self, empty: &mut Vec<TaskId>) {
        debug_assert!(empty.is_empty());
        let mut remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut remote.ids, empty);
        self.pending.store(false, Ordering::Release);
    }

    pub(super) fn close(&self) {
        let mut remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner);
        remote.closed = true;
        remote.ids = Vec::new();
        self.pending.store(false, Ordering::Release);
    }
}
