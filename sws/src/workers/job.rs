//! The two kinds of work: a closure, and a future that has a thread only while it is polled.

use std::{
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{
    SubmitError,
    pool::Pool,
    submitted::{Outcome, Work},
};
use crate::task::panic_message;

/// Whether a job is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Over,
    /// It was woken while it ran.
    Again,
    /// Somebody will wake it.
    Waits,
}

/// Work of any type, as the pool sees it.
pub(super) trait Job: Send + Sync {
    /// Runs on a worker until it is over or waits.
    fn run(self: Arc<Self>) -> Progress;

    /// Whether it may wait without being over.
    fn may_wait(&self) -> bool;

    /// Called when it is over and no longer counted: whoever waits for it may submit more at once.
    fn publish(&self) {}

    /// Resolves it without a result, and drops what it holds unless it is running.
    fn stop(&self);
}

/// A closure and its result, in one allocation.
pub(super) struct Closure<F, T> {
    closure: Mutex<Option<F>>,
    outcome: Outcome<T>,
}

impl<F, T> Closure<F, T> {
    pub(super) fn new(closure: F) -> Self {
        Self {
            closure: Mutex::new(Some(closure)),
            outcome: Outcome::new(),
        }
    }

    fn take(&self) -> Option<F> {
        self.closure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<F, T> Job for Closure<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(self: Arc<Self>) -> Progress {
        if let Some(closure) = self.take() {
            let result = panic::catch_unwind(AssertUnwindSafe(closure));
            self.outcome
                .complete(result.map_err(|payload| SubmitError::Panicked(panic_message(payload))));
        }
        Progress::Over
    }

    fn may_wait(&self) -> bool {
        false
    }

    fn stop(&self) {
        drop(self.take());
        self.outcome.complete(Err(SubmitError::Stopped));
    }
}

impl<F: Send, T: Send> Work<T> for Closure<F, T> {
    fn outcome(&self) -> &Outcome<T> {
        &self.outcome
    }
}

enum Stage<F, Fut: Future> {
    Start(F),
    Going(Pin<Box<Fut>>),
    /// Not yet published.
    Ended(Result<Fut::Output, SubmitError>),
    Over,
}

/// States of an [`AsyncJob`].
const QUEUED: u8 = 0;
const RUNNING: u8 = 1;
/// Woken while it ran.
const WOKEN: u8 = 2;
const WAITING: u8 = 3;
const OVER: u8 = 4;

/// A future, what makes it, and its result.
pub(super) struct AsyncJob<F, Fut: Future> {
    stage: Mutex<Stage<F, Fut>>,
    state: AtomicU8,
    pool: Weak<Pool>,
    outcome: Outcome<Fut::Output>,
}

impl<F, Fut> AsyncJob<F, Fut>
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output: Send> + Send,
{
    pub(super) fn new(pool: &Arc<Pool>, start: F) -> Arc<Self> {
        Arc::new(Self {
            stage: Mutex::new(Stage::Start(start)),
            state: AtomicU8::new(QUEUED),
            pool: Arc::downgrade(pool),
            outcome: Outcome::new(),
        })
    }

    fn replace(&self, stage: Stage<F, Fut>) -> Stage<F, Fut> {
        let mut current = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, stage)
    }

    fn end(&self, result: Result<Fut::Output, SubmitError>) -> Progress {
        self.state.store(OVER, Ordering::Release);
        self.replace(Stage::Ended(result));
        Progress::Over
    }

    /// Puts the future back and sees whether it was woken meanwhile.
    fn wait(&self, future: Pin<Box<Fut>>) -> Progress {
        self.replace(Stage::Going(future));
        let waits =
            self.state
                .compare_exchange(RUNNING, WAITING, Ordering::AcqRel, Ordering::Acquire);
        match waits {
            Ok(_) => Progress::Waits,
            Err(WOKEN) => {
                // If it is stopped just now it will find out when it runs.
                let _ =
                    self.state
                        .compare_exchange(WOKEN, QUEUED, Ordering::AcqRel, Ordering::Acquire);
                Progress::Again
            }
            Err(_) => {
                // It was stopped while it ran.
                drop(self.replace(Stage::Over));
                Progress::Over
            }
        }
    }
}

impl<F, Fut> Job for AsyncJob<F, Fut>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    fn run(self: Arc<Self>) -> Progress {
        // A read-modify-write, so that the poll sees what every wake before it has seen.
        let begun = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
                (state != OVER).then_some(RUNNING)
            });
        if begun.is_err() {
            return Progress::Over;
        }
        let stage = self.replace(Stage::Over);
        let waker = Waker::from(Arc::clone(&self));
        let polled = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut future = match stage {
                Stage::Start(start) => Box::pin(start()),
                Stage::Going(future) => future,
                Stage::Ended(_) | Stage::Over => return None,
            };
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => {
                    drop(future);
                    Some(Ok(output))
                }
                Poll::Pending => Some(Err(future)),
            }
        }));
        match polled {
            Ok(Some(Ok(output))) => self.end(Ok(output)),
            Ok(Some(Err(future))) => self.wait(future),
            // It was stopped.
            Ok(None) => self.end(Err(SubmitError::Stopped)),
            Err(payload) => self.end(Err(SubmitError::Panicked(panic_message(payload)))),
        }
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn publish(&self) {
        if let Stage::Ended(result) = self.replace(Stage::Over) {
            self.outcome.complete(result);
        }
    }

    fn stop(&self) {
        // In this order, so that either this or the run that is going on drops the future.
        self.state.store(OVER, Ordering::Release);
        drop(self.replace(Stage::Over));
        self.outcome.complete(Err(SubmitError::Stopped));
    }
}

impl<F, Fut> Work<Fut::Output> for AsyncJob<F, Fut>
where
    F: Send,
    Fut: Future<Output: Send> + Send,
{
    fn outcome(&self) -> &Outcome<Fut::Output> {
        &self.outcome
    }
}

impl<F, Fut> Wake for AsyncJob<F, Fut>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        let update = |state| match state {
            WAITING => Some(QUEUED),
            RUNNING => Some(WOKEN),
            // Also when nothing changes it is written, so that the next poll sees what this thread has done.
            QUEUED | WOKEN => Some(state),
            _ => None,
        };
        let before = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, update);
        if before == Ok(WAITING)
            && let Some(pool) = self.pool.upgrade()
        {
            pool.requeue(self);
        }
    }
}
