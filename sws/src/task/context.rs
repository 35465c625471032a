//! The executor of a thread, and what is right and wrong to do there.

use std::{cell::RefCell, rc::Rc, sync::Arc, task::Context};

use super::{
    Executor,
    waker::{Shared, TaskId},
};

thread_local! {
    static CURRENT: RefCell<Option<Rc<Executor>>> = const { RefCell::new(None) };
}

/// Makes `executor` the one that the functions of [`next`](crate::next) and [`time`](crate::time) mean on this
/// thread, until the guard is dropped.
pub(crate) fn enter(executor: Rc<Executor>) -> Entered {
    Entered {
        before: CURRENT.replace(Some(executor)),
    }
}

/// See [`enter`].
#[must_use = "the executor is left when this is dropped"]
#[derive(Debug)]
pub(crate) struct Entered {
    before: Option<Rc<Executor>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // While the thread ends there may be nothing left to put it in. What was there is dropped when the cell
        // can be used again: it may run user code.
        let here = CURRENT.try_with(|current| current.replace(self.before.take()));
        drop(here);
    }
}

/// This thread's executor.
pub(crate) fn current() -> Option<Rc<Executor>> {
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// This thread's executor, which `what` cannot do without.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a mistake in the calling program, never a peer's"
)]
pub(crate) fn require(what: &str) -> Rc<Executor> {
    match current() {
        Some(executor) => executor,
        None => panic!(
            "{what} was called off an I/O thread: call it in a handler, a hook or a task of the server; from \
             another thread, hand the call over to the I/O thread first"
        ),
    }
}

/// Queues a task if this is the thread of its executor.
pub(super) fn queue_here(shared: &Arc<Shared>, id: TaskId) -> bool {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            let Some(executor) = current.as_ref().filter(|here| here.is_of(shared)) else {
                return false;
            };
            executor.queue(id);
            true
        })
        .unwrap_or(false)
}

/// In debug builds, stops a program that waits on an I/O thread for what only that thread can bring about.
///
/// Outside of a task that is sure, and panics. Within one it can only be suspected: if waking does not reach the
/// task then nobody passes the wake on, as combinators do. `first`: whether the future waits for the first time.
#[track_caller]
#[inline]
pub(crate) fn check_waits_in_task(what: &str, cx: &Context<'_>, first: bool) {
    #[cfg(debug_assertions)]
    debug::check(what, cx, first);
    #[cfg(not(debug_assertions))]
    let _ = (what, cx, first);
}

#[cfg(debug_assertions)]
mod debug {
    use super::{Context, current};
    use std::cell::Cell;

    thread_local! {
        static SUSPECTED: Cell<bool> = const { Cell::new(false) };
    }

    #[track_caller]
    #[expect(
        clippy::panic,
        reason = "a mistake in the calling program that would stop the server for ever"
    )]
    pub(super) fn check(what: &str, cx: &Context<'_>, first: bool) {
        let Some(executor) = current() else { return };
        let Some(task) = executor.task_polled() else {
            panic!(
                "{what} was waited for on an I/O thread but outside of its tasks, as `block_on` does: the server \
                 would stop. Use an `async` handler and `.await`, or start a task with `next::go`"
            );
        };
        let own = std::ptr::addr_eq(cx.waker().data(), std::sync::Arc::as_ptr(&task));
        if own || !first || task.is_queued() {
            return;
        }
        cx.waker().wake_by_ref();
        if !task.is_queued() && !SUSPECTED.replace(true) {
            eprintln!(
                "sws: {what} is waited for in a task on an I/O thread with a waker that does not reach the task. \
                 If that is `block_on` the server stops here: use `.await` instead. (Said once a thread, in debug \
                 builds.)"
            );
        }
    }

    #[cfg(test)]
    pub(in crate::task) fn take_suspected() -> bool {
        SUSPECTED.take()
    }
}

#[cfg(all(test, debug_assertions))]
pub(super) use debug::take_suspected;

/// A future was polled after it had given its output.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "what every future does; only broken code polls again"
)]
pub(crate) fn polled_again(what: &str) -> ! {
    panic!("{what} was polled after it had completed")
}
