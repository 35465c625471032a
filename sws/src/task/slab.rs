//! Where the tasks of an executor are kept.

use std::{pin::Pin, rc::Rc, sync::Arc, task::Waker};

use super::{
    join::Completion,
    waker::{GENERATION_MASK, Shared, TaskId, TaskWaker},
};

/// A task whose type has been forgotten.
pub(crate) trait Runnable {
    /// Polls the future and hands its output to whoever waits for it.
    fn run(self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<()>;

    /// Who has to be told if the task ends without an output.
    fn completion(&self) -> Option<Rc<dyn Completion>>;
}

pub(crate) type Task = Pin<Box<dyn Runnable>>;

/// End of the list of free entries.
const NONE: u32 = u32::MAX;
/// Links of an entry whose task is out to be polled.
const POLLING: u32 = 0;
const ABORTED: u32 = 1;

struct Entry {
    /// Absent while the task is polled or when there is none.
    task: Option<Task>,
    /// Absent while the task is polled. Kept beside `shared`, of which it holds one count, to spare each poll
    /// two atomic operations.
    waker: Option<Waker>,
    shared: Arc<TaskWaker>,
    /// Odd while there is a task.
    generation: u32,
    /// The next free entry; [`POLLING`] or [`ABORTED`] while the task is polled.
    link: u32,
}

const _: () = assert!(size_of::<Entry>() == 48);

/// Tasks by index and generation. Entries are reused, last freed first, together with their wakers.
pub(super) struct Slab {
    entries: Vec<Entry>,
    free: u32,
    len: usize,
}

impl Slab {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// Tasks in it, those that are being polled included.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, task: Task, shared: &Arc<Shared>) -> TaskId {
        let index = if self.free == NONE {
            self.grow(shared)
        } else {
            self.free
        };
        let entry = &mut self.entries[index as usize];
        self.free = entry.link;
        self.len += 1;
        entry.generation = entry.generation.wrapping_add(1) & GENERATION_MASK;
        // Two: the entry itself and its waker. Any other would wake this task for the one before it.
        if entry.shared.has_others(2) {
            entry.shared = TaskWaker::new(Arc::clone(shared), index);
            entry.waker = Some(Waker::from(Arc::clone(&entry.shared)));
        }
        entry.shared.renew(entry.generation);
        entry.task = Some(task);
        TaskId {
            index,
            generation: entry.generation,
        }
    }

    /// Adds a free entry.
    fn grow(&mut self, shared: &Arc<Shared>) -> u32 {
        if self.entries.len() == self.entries.capacity() {
            // By a quarter: doubling would waste half of a large slab.
            self.entries.reserve_exact((self.entries.len() / 4).max(64));
        }
        let index = self.entries.len() as u32;
        let task_waker = TaskWaker::new(Arc::clone(shared), index);
        self.entries.push(Entry {
            task: None,
            waker: Some(Waker::from(Arc::clone(&task_waker))),
            shared: task_waker,
            generation: 0,
            link: NONE,
        });
        index
    }

    fn live(&mut self, id: TaskId) -> Option<&mut Entry> {
        // Generations of free entries are even, those of tasks odd.
        self.entries
            .get_mut(id.index as usize)
            .filter(|entry| entry.generation == id.generation)
    }

    /// Whether the caller has to put `id` in a queue.
    pub(super) fn mark_queued(&mut self, id: TaskId) -> bool {
        self.live(id)
            .is_some_and(|entry| entry.shared.mark_queued())
    }

    /// The waker of the task that is being polled.
    #[cfg(debug_assertions)]
    pub(super) fn task_waker(&mut self, id: TaskId) -> Option<Arc<TaskWaker>> {
        self.live(id).map(|entry| Arc::clone(&entry.shared))
    }

    /// Takes a task out to be polled, unless it is gone or out already.
    pub(super) fn begin(&mut self, id: TaskId) -> Option<(Task, Waker)> {
        let entry = self.live(id)?;
        let task = entry.task.take()?;
        let waker = entry.waker.take()?;
        entry.link = POLLING;
        entry.shared.begin();
        Some((task, waker))
    }

    /// Puts back a task that has been polled. Gives it back if it was aborted meanwhile.
    pub(super) fn park(&mut self, id: TaskId, task: Task, waker: Waker) -> Option<Task> {
        let Some(entry) = self.live(id) else {
            return Some(task);
        };
        entry.waker = Some(waker);
        if entry.link == ABORTED {
            self.release(id.index);
            return Some(task);
        }
        entry.task = Some(task);
        None
    }

    /// The task that was taken out to be polled is over.
    pub(super) fn finish(&mut self, id: TaskId, waker: Waker) {
        if let Some(entry) = self.live(id) {
            entry.waker = Some(waker);
            self.release(id.index);
        }
    }

    /// Takes a task out for good. One that is being polled is marked instead.
    pub(super) fn abort(&mut self, id: TaskId) -> Option<Task> {
        let entry = self.live(id)?;
        let Some(task) = entry.task.take() else {
            entry.link = ABORTED;
            return None;
        };
        self.release(id.index);
        Some(task)
    }

    fn release(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1) & GENERATION_MASK;
        entry.link = self.free;
        self.free = index;
        self.len -= 1;
    }

    pub(super) fn is_live(&self, id: TaskId) -> bool {
        self.entries
            .get(id.index as usize)
            .is_some_and(|entry| entry.generation == id.generation)
    }

    /// Entries, free ones included.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The task at `index`, if there is one.
    pub(super) fn id_at(&self, index: usize) -> Option<TaskId> {
        let entry = self.entries.get(index)?;
        (entry.generation & 1 == 1).then_some(TaskId {
            index: index as u32,
            generation: entry.generation,
        })
    }
}
