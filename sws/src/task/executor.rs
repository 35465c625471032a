//! Runs the tasks of one I/O thread.

use std::{
    any::Any,
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    fmt,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    rc::{Rc, Weak},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use super::{
    TaskId, TooManyTasks,
    join::{AbortOnDrop, Completion, JoinError, JoinHandle, JoinState, panic_message},
    slab::{Runnable, Slab, Task},
    timers::Timers,
    waker::Shared,
};
use crate::workers::Workers;

/// The tasks of one reactor. Stays on its thread; only wakes come from others.
///
/// While user code runs (a future is polled or dropped, a foreign waker is called) nothing of it is borrowed, so
/// that code may call anything here.
pub(crate) struct Executor {
    shared: Arc<Shared>,
    slab: RefCell<Slab>,
    ready: RefCell<VecDeque<TaskId>>,
    /// Taken in place of the list that other threads fill.
    spare: RefCell<Vec<TaskId>>,
    timers: Rc<Timers>,
    workers: OnceCell<Arc<Workers>>,
    tasks_max: usize,
    /// The task that is being polled.
    polling: Cell<Option<TaskId>>,
    /// All tasks are being aborted: no new ones.
    closing: Cell<bool>,
    panics: Cell<u64>,
    myself: Weak<Self>,
}

pin_project_lite::pin_project! {
    /// A task whose output nobody waits for.
    struct Detached<F> {
        #[pin]
        future: F,
    }
}

/// A task whose output nobody waits for, in its memory.
pub(crate) fn detached(future: impl Future + 'static) -> Task {
    Box::pin(Detached { future })
}

impl<F: Future> Runnable for Detached<F> {
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().future.poll(cx).map(drop)
    }

    fn completion(&self) -> Option<Rc<dyn Completion>> {
        None
    }
}

pin_project_lite::pin_project! {
    /// A task that has, or had, a handle.
    struct Joined<F: Future> {
        #[pin]
        future: F,
        state: Rc<JoinState<F::Output>>,
    }
}

impl<F: Future<Output: 'static>> Runnable for Joined<F> {
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.future
            .poll(cx)
            .map(|output| this.state.complete(Ok(output)))
    }

    fn completion(&self) -> Option<Rc<dyn Completion>> {
        Some(Rc::clone(&self.state) as Rc<dyn Completion>)
    }
}

impl Executor {
    /// At most `tasks_max` tasks at a time. `notify` is called from other threads, once before the list of their
    /// wakes is looked at: it has to end the wait of the executor's thread.
    pub(crate) fn new(notify: Arc<dyn Fn() + Send + Sync>, tasks_max: usize) -> Rc<Self> {
        Rc::new_cyclic(|myself| Self {
            shared: Arc::new(Shared::new(notify)),
            slab: RefCell::new(Slab::new()),
            ready: RefCell::default(),
            spare: RefCell::default(),
            timers: Rc::new(Timers::new()),
            workers: OnceCell::new(),
            tasks_max: tasks_max.min(u32::MAX as usize - 1),
            polling: Cell::new(None),
            closing: Cell::new(false),
            panics: Cell::new(0),
            myself: Weak::clone(myself),
        })
    }

    /// Where [`next::submit`](crate::next::submit) goes; set once, before tasks run.
    pub(crate) fn set_workers(&self, workers: Arc<Workers>) {
        // A second pool would be the caller's mistake; the first one stays.
        let _ = self.workers.set(workers);
    }

    pub(crate) fn workers(&self) -> Option<&Arc<Workers>> {
        self.workers.get()
    }

    pub(crate) fn timers(&self) -> &Rc<Timers> {
        &self.timers
    }

    /// Starts a task, which runs when its turn comes.
    pub(crate) fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TooManyTasks>
    where
        F: Future<Output: 'static> + 'static,
    {
        let (handle, id) = self.join(future)?;
        self.wake(id);
        Ok(handle)
    }

    /// Starts a task and runs it to its first await at once.
    #[cfg(test)]
    pub(crate) fn spawn_now<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TooManyTasks>
    where
        F: Future<Output: 'static> + 'static,
    {
        let (handle, id) = self.join(future)?;
        self.poll(id);
        Ok(handle)
    }

    /// [`spawn`](Self::spawn) for an output that nobody waits for.
    #[cfg(test)]
    pub(crate) fn spawn_detached<F>(&self, future: F) -> Result<TaskId, TooManyTasks>
    where
        F: Future + 'static,
    {
        let id = self.detach(future)?;
        self.wake(id);
        Ok(id)
    }

    /// [`spawn_now`](Self::spawn_now) for an output that nobody waits for. None if the task is over already.
    #[cfg(test)]
    pub(crate) fn spawn_now_detached<F>(&self, future: F) -> Result<Option<TaskId>, TooManyTasks>
    where
        F: Future + 'static,
    {
        let id = self.detach(future)?;
        self.poll(id);
        Ok(self.slab.borrow().is_live(id).then_some(id))
    }

    /// Starts a [`detached`] task that ends with its handle, and runs it to its first await at once. None if it is over
    /// already.
    pub(crate) fn start_now(&self, task: Task) -> Result<Option<AbortOnDrop>, TooManyTasks> {
        if let Err(error) = self.room() {
            self.guard(|| drop(task));
            return Err(error);
        }
        let id = self.slab.borrow_mut().insert(task, &self.shared);
        self.poll(id);
        let lives = self.slab.borrow().is_live(id);
        let executor = self.myself.upgrade().filter(|_| lives);
        Ok(executor.map(|executor| AbortOnDrop::new(&executor, id)))
    }

    fn join<F>(&self, future: F) -> Result<(JoinHandle<F::Output>, TaskId), TooManyTasks>
    where
        F: Future<Output: 'static> + 'static,
    {
        self.room()?;
        let state = JoinState::new();
        let task = Box::pin(Joined {
            future,
            state: Rc::clone(&state),
        });
        let id = self.slab.borrow_mut().insert(task, &self.shared);
        Ok((JoinHandle::new(state, Weak::clone(&self.myself), id), id))
    }

    #[cfg(test)]
    fn detach<F: Future + 'static>(&self, future: F) -> Result<TaskId, TooManyTasks> {
        self.room()?;
        Ok(self
            .slab
            .borrow_mut()
            .insert(detached(future), &self.shared))
    }

    fn room(&self) -> Result<(), TooManyTasks> {
        if self.closing.get() || self.len() >= self.tasks_max {
            return Err(TooManyTasks {
                tasks_max: self.tasks_max,
            });
        }
        Ok(())
    }

    /// One turn: expires timers, takes the wakes of other threads, polls at most `quantum` tasks. Must be
    /// [entered](super::enter). What is woken meanwhile goes to the end of the queue.
    pub(crate) fn run(&self, quantum: usize) {
        debug_assert!(
            super::current().is_some_and(|current| std::ptr::eq(&raw const *current, self)),
            "run() without enter()"
        );
        if !self.timers.is_empty() {
            self.guard(|| self.timers.expire(Instant::now(), quantum));
        }
        self.take_remote();
        for _ in 0..quantum {
            // A statement of its own, so that the queue is not borrowed while the task runs.
            let next = self.ready.borrow_mut().pop_front();
            let Some(id) = next else { break };
            self.poll(id);
        }
    }

    fn take_remote(&self) {
        if !self.shared.is_pending() {
            return;
        }
        let mut woken = self.spare.take();
        self.shared.take(&mut woken);
        self.ready.borrow_mut().extend(woken.drain(..));
        self.spare.replace(woken);
    }

    /// Whether there is something to do without waiting; what timers bring is told by
    /// [`next_deadline`](Self::next_deadline).
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.borrow().is_empty() || self.shared.is_pending()
    }

    /// When [`run`](Self::run) has to be called although nothing woke a task. May have passed.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// Tasks that there are.
    pub(crate) fn len(&self) -> usize {
        self.slab.borrow().len()
    }

    /// Panics caught so far: of tasks, of their destructors, of wakers.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.get()
    }

    /// Drops a task's future. A task that aborts itself is dropped at its next await. A stale `id` does nothing.
    pub(crate) fn abort(&self, id: TaskId) {
        let task = self.slab.borrow_mut().abort(id);
        if let Some(task) = task {
            self.discard(task, JoinError::Cancelled);
        }
    }

    /// Aborts every task; while it does, no task can be started.
    pub(crate) fn abort_all(&self) {
        let outer = self.closing.replace(true);
        let entries = self.slab.borrow().entries();
        for index in 0..entries {
            let id = self.slab.borrow().id_at(index);
            if let Some(id) = id {
                self.abort(id);
            }
        }
        self.closing.set(outer);
    }

    /// Queues a task, unless it is queued.
    fn wake(&self, id: TaskId) {
        if self.slab.borrow_mut().mark_queued(id) {
            self.queue(id);
        }
    }

    pub(super) fn queue(&self, id: TaskId) {
        self.ready.borrow_mut().push_back(id);
    }

    pub(super) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// The waker of the task that is being polled.
    #[cfg(debug_assertions)]
    pub(super) fn task_polled(&self) -> Option<Arc<super::waker::TaskWaker>> {
        let id = self.polling.get()?;
        self.slab.borrow_mut().task_waker(id)
    }

    fn poll(&self, id: TaskId) {
        let begun = self.slab.borrow_mut().begin(id);
        let Some((mut task, waker)) = begun else {
            return;
        };
        let outer = self.polling.replace(Some(id));
        let polled = panic::catch_unwind(AssertUnwindSafe(|| {
            task.as_mut().run(&mut Context::from_waker(&waker))
        }));
        self.polling.set(outer);
        match polled {
            Ok(Poll::Pending) => {
                let aborted = self.slab.borrow_mut().park(id, task, waker);
                if let Some(task) = aborted {
                    self.discard(task, JoinError::Cancelled);
                }
            }
            Ok(Poll::Ready(())) => {
                self.slab.borrow_mut().finish(id, waker);
                self.guard(|| drop(task));
            }
            Err(payload) => {
                self.slab.borrow_mut().finish(id, waker);
                let message = self.panicked(payload);
                self.discard(task, JoinError::Panicked(message));
            }
        }
    }

    /// Drops a task that gave no output; then says so to whoever waits for it.
    fn discard(&self, task: Task, error: JoinError) {
        let completion = task.as_ref().get_ref().completion();
        self.guard(|| drop(task));
        if let Some(completion) = completion {
            self.guard(|| completion.fail(error));
        }
    }

    /// Runs what may be anybody's code.
    fn guard(&self, code: impl FnOnce()) {
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(code)) {
            self.panicked(payload);
        }
    }

    fn panicked(&self, payload: Box<dyn Any + Send>) -> String {
        self.panics.set(self.panics.get() + 1);
        panic_message(payload)
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").finish_non_exhaustive()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.abort_all();
        self.shared.close();
    }
}
