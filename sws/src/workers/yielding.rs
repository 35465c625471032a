//! Giving a worker back until something asynchronous is done.

use std::{
    cell::RefCell,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::pool::Pool;

/// Time between the first calls of a poll function; it doubles up to the longest.
const INTERVAL_MIN: Duration = Duration::from_micros(25);
const INTERVAL_MAX: Duration = Duration::from_millis(1);

/// What a worker thread knows of itself.
struct Worker {
    pool: Arc<Pool>,
    /// A future is being polled, not a closure called.
    polling: bool,
    /// Who wants to be polled again, and when.
    yielded: Vec<(Instant, Waker)>,
}

thread_local! {
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// Makes this thread a worker of `pool`.
pub(super) fn become_worker(pool: &Arc<Pool>) {
    WORKER.set(Some(Worker {
        pool: Arc::clone(pool),
        polling: false,
        yielded: Vec::new(),
    }));
}

pub(super) fn leave() {
    drop(WORKER.take());
}

/// The pool of this worker.
pub(super) fn pool() -> Option<Arc<Pool>> {
    with(|worker| Arc::clone(&worker.pool))
}

/// Notes what this worker is about to run.
pub(super) fn set_polling(polling: bool) {
    with(|worker| worker.polling = polling);
}

/// Takes who has yielded since the last time.
pub(super) fn take_yielded() -> Vec<(Instant, Waker)> {
    with(|worker| std::mem::take(&mut worker.yielded)).unwrap_or_default()
}

fn with<T>(f: impl FnOnce(&mut Worker) -> T) -> Option<T> {
    WORKER
        .try_with(|worker| worker.borrow_mut().as_mut().map(f))
        .ok()
        .flatten()
}

/// See [`next::worker_yield`](crate::next::worker_yield).
pub(crate) fn worker_yield<P: FnMut() -> bool>(poll: P) -> WorkerYield<P> {
    WorkerYield {
        poll,
        interval: INTERVAL_MIN,
    }
}

/// See [`next::worker_yield`](crate::next::worker_yield).
#[must_use = "nothing is polled until it is awaited"]
pub struct WorkerYield<P> {
    poll: P,
    interval: Duration,
}

impl<P> Unpin for WorkerYield<P> {}

impl<P: FnMut() -> bool> Future for WorkerYield<P> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert!(
            with(|worker| worker.polling) == Some(true),
            "worker_yield was awaited off the worker pool, where nothing would resume it: await it in the future \
             given to `next::submit_async` (on an I/O thread use `sws::time::sleep` or a waker)"
        );
        if (self.poll)() {
            return Poll::Ready(());
        }
        let due = Instant::now() + self.interval;
        self.interval = (self.interval * 2).min(INTERVAL_MAX);
        let waker = cx.waker().clone();
        with(|worker| worker.yielded.push((due, waker)));
        Poll::Pending
    }
}

impl<P> fmt::Debug for WorkerYield<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerYield").finish_non_exhaustive()
    }
}
