//! Waiting for submitted work.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use super::{SubmitError, pool::Pool};
use crate::task;

enum State<T> {
    Working(Option<Waker>),
    Done(Result<T, SubmitError>),
    /// Nobody wants the result any more, or it has been taken.
    Over,
}

/// Where work leaves its result.
pub(super) struct Outcome<T>(Mutex<State<T>>);

impl<T> Outcome<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(State::Working(None)))
    }

    fn replace(&self, state: State<T>) -> State<T> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, state)
    }

    /// Leaves the result. Only the first one counts. A result that nobody wants is dropped here; that and the
    /// waker may be anybody's code, so nothing is locked then.
    pub(super) fn complete(&self, result: Result<T, SubmitError>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Working(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Done(result);
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        } else {
            drop(state);
            drop(result);
        }
    }

    /// The result, or who is to be woken when it is there. Also says whether somebody waits for the first time.
    fn poll(&self, waker: &Waker) -> (Poll<Result<T, SubmitError>>, bool) {
        // Cloned in advance, because that may be anybody's code: nothing is locked then.
        let waker = waker.clone();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Over) {
            State::Done(result) => (Poll::Ready(result), false),
            State::Working(old) => {
                *state = State::Working(Some(waker));
                drop(state);
                (Poll::Pending, old.is_none())
            }
            State::Over => {
                drop(state);
                task::polled_again("Submitted")
            }
        }
    }
}

/// Work as its [`Submitted`] sees it.
pub(super) trait Work<T>: Send + Sync {
    fn outcome(&self) -> &Outcome<T>;
}

enum Inner<T> {
    Failed(SubmitError),
    Accepted {
        work: Arc<dyn Work<T>>,
        pool: Weak<Pool>,
        number: u64,
    },
    Over,
}

/// Work that was given to the worker pool; awaiting it gives its result.
///
/// If the work was refused, awaiting says why at once. Dropping this takes work that has not begun off the queue;
/// work that has begun goes on, and its result is dropped. Use [`detach`](Self::detach) for work whose result does
/// not matter.
#[must_use = "work that has not begun is taken back when this is dropped: await it, or call `detach`"]
pub struct Submitted<T> {
    inner: Inner<T>,
}

impl<T> Submitted<T> {
    pub(super) fn new(work: Arc<dyn Work<T>>, pool: &Arc<Pool>, number: u64) -> Self {
        Self {
            inner: Inner::Accepted {
                work,
                pool: Arc::downgrade(pool),
                number,
            },
        }
    }

    pub(super) fn failed(error: SubmitError) -> Self {
        Self {
            inner: Inner::Failed(error),
        }
    }

    /// Lets the work be done without anybody waiting for it; its result is dropped on the worker, and a panic is told on
    /// standard error alone.
    ///
    /// # Errors
    /// The work was refused: there is no pool, its queue is full, or it has stopped.
    pub fn detach(mut self) -> Result<(), SubmitError> {
        match std::mem::replace(&mut self.inner, Inner::Over) {
            Inner::Failed(error) => Err(error),
            Inner::Accepted { work, .. } => {
                drop(work.outcome().replace(State::Over));
                Ok(())
            }
            Inner::Over => Ok(()),
        }
    }
}

impl<T> Future for Submitted<T> {
    type Output = Result<T, SubmitError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Inner::Accepted { work, .. } = &self.inner else {
            return match std::mem::replace(&mut self.inner, Inner::Over) {
                Inner::Failed(error) => Poll::Ready(Err(error)),
                Inner::Accepted { .. } | Inner::Over => task::polled_again("Submitted"),
            };
        };
        let (polled, first) = work.outcome().poll(cx.waker());
        if polled.is_ready() {
            self.inner = Inner::Over;
        } else {
            task::check_waits_in_task("Submitted", cx, first);
        }
        polled
    }
}

impl<T> Drop for Submitted<T> {
    fn drop(&mut self) {
        if let Inner::Accepted { work, pool, number } =
            std::mem::replace(&mut self.inner, Inner::Over)
        {
            if let Some(pool) = pool.upgrade() {
                pool.withdraw(number);
            }
            drop(work.outcome().replace(State::Over));
        }
    }
}

impl<T> fmt::Debug for Submitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.inner {
            Inner::Failed(_) => "refused",
            Inner::Accepted { .. } => "accepted",
            Inner::Over => "over",
        };
        f.debug_tuple("Submitted").field(&state).finish()
    }
}
