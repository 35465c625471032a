//! Waiting for a task's end.

use std::{
    any::Any,
    cell::Cell,
    error, fmt,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use super::{Executor, TaskId, context};

/// Why a task has no output.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It was aborted, or its server stopped.
    Cancelled,
    /// It panicked, with this message.
    Panicked(String),
}

impl JoinError {
    /// The HTTP status that says it to a client: 503 if the task was cancelled, 500 if it panicked.
    pub fn status(&self) -> u16 {
        match self {
            Self::Cancelled => 503,
            Self::Panicked(_) => 500,
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => {
                f.write_str("the task was aborted before it ended, or its server stopped")
            }
            Self::Panicked(message) => write!(
                f,
                "the task panicked: {message}; see standard error for the place"
            ),
        }
    }
}

impl error::Error for JoinError {}

/// What a panic said. The payload is dropped, whatever that does.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is not text".to_owned()
    };
    // A payload that panics when it is dropped would otherwise panic here, outside of everything; so would the
    // payload of that panic.
    if let Err(again) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    message
}

enum State<T> {
    Running,
    Awaited(Waker),
    Over(Result<T, JoinError>),
    Taken,
}

/// Between a task and its handle.
pub(super) struct JoinState<T>(Cell<State<T>>);

/// A task's end, to whoever does not know its type.
pub(crate) trait Completion {
    /// It ended without an output.
    fn fail(&self, error: JoinError);
}

impl<T> JoinState<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self(Cell::new(State::Running)))
    }

    pub(super) fn complete(&self, result: Result<T, JoinError>) {
        if let State::Awaited(waker) = self.0.replace(State::Over(result)) {
            waker.wake();
        }
    }

    fn is_over(&self) -> bool {
        let state = self.0.replace(State::Taken);
        let over = matches!(state, State::Over(_) | State::Taken);
        self.0.set(state);
        over
    }
}

impl<T> Completion for JoinState<T> {
    fn fail(&self, error: JoinError) {
        self.complete(Err(error));
    }
}

/// A task that runs by itself; awaiting the handle gives the task's output.
///
/// Dropping the handle lets the task run on. The handle stays on the thread of its task.
pub struct JoinHandle<T> {
    state: Rc<JoinState<T>>,
    executor: Weak<Executor>,
    id: TaskId,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(state: Rc<JoinState<T>>, executor: Weak<Executor>, id: TaskId) -> Self {
        Self {
            state,
            executor,
            id,
        }
    }

    /// Drops the task's future, now or, if the task is what calls this, at its next await. The handle
    /// then gives [`JoinError::Cancelled`]. A task that is over is not changed.
    pub fn abort(&self) {
        if let Some(executor) = self.executor.upgrade() {
            executor.abort(self.id);
        }
    }

    /// Whether the task is over, in whatever way.
    pub fn is_finished(&self) -> bool {
        self.state.is_over()
    }

    /// Names the task to its executor.
    #[cfg(test)]
    pub(crate) fn id(&self) -> TaskId {
        self.id
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id)
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (waker, first) = match self.state.0.replace(State::Taken) {
            State::Over(result) => return Poll::Ready(result),
            State::Taken => context::polled_again("JoinHandle"),
            State::Awaited(mut waker) => {
                waker.clone_from(cx.waker());
                (waker, false)
            }
            State::Running => (cx.waker().clone(), true),
        };
        self.state.0.set(State::Awaited(waker));
        context::check_waits_in_task("JoinHandle", cx, first);
        Poll::Pending
    }
}

/// Aborts a task when it is dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop {
    executor: Weak<Executor>,
    id: TaskId,
}

impl AbortOnDrop {
    pub(crate) fn new(executor: &Rc<Executor>, id: TaskId) -> Self {
        Self {
            executor: Rc::downgrade(executor),
            id,
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(executor) = self.executor.upgrade() {
            executor.abort(self.id);
        }
    }
}
