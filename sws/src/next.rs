//! What to do next, and where: a task on this I/O thread ([`go`]), or work for the worker pool ([`submit`],
//! [`submit_async`]).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use crate::{task, workers};
pub use crate::{
    task::{JoinError, JoinHandle, TooManyTasks},
    workers::{SubmitError, Submitted, WorkerYield},
};

/// Starts a task on this I/O thread. It runs when everything that is ready now has had its turn, in the order in
/// which tasks were started, and goes on when the handle is dropped.
///
/// The future needs not be `Send`: it never leaves the thread. It must not block. It costs its own size and about
/// 200 bytes.
///
/// ```no_run
/// # use std::time::Duration;
/// # fn handler() -> Result<(), sws::next::TooManyTasks> {
/// sws::next::go(async {
///     sws::time::sleep(Duration::from_secs(3)).await;
///     println!("three seconds later, on the same thread");
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`TooManyTasks`] if the thread has as many tasks as the configuration allows, or is stopping; the future is
/// dropped. Handlers pass it on with `?`, which answers 503.
///
/// # Panics
/// Off an I/O thread.
#[track_caller]
pub fn go<F>(future: F) -> Result<JoinHandle<F::Output>, TooManyTasks>
where
    F: Future<Output: 'static> + 'static,
{
    task::require("sws::next::go").spawn(future)
}

/// Lets everything else that is ready run first. Long computations on an I/O thread await it now and then.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// See [`yield_now`].
#[derive(Debug)]
#[must_use = "nothing else runs until this is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Runs `closure` on the server's worker pool, where it may block. Await the result:
///
/// ```no_run
/// # async fn f() -> Result<u64, sws::next::SubmitError> {
/// let sum = sws::next::submit(|| (1..=10_000_000u64).sum::<u64>()).await?;
/// # Ok(sum)
/// # }
/// ```
///
/// It is queued at once, before it is awaited. Errors are what awaiting gives: see
/// [`SubmitError`]. Can be called on the server's I/O threads and workers.
///
/// A closure must not wait for other submitted work: if all workers did that nobody would do the work. That is what
/// [`submit_async`] is for.
pub fn submit<T, F>(closure: F) -> Submitted<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    workers::submit_here(closure)
}

/// Runs the future that `start` makes on the server's worker pool. `start` is called there. While the future
/// waits, be it for [`worker_yield`] or for a waker that a device's callback holds, the worker does other work.
///
/// The functions of [`time`](crate::time) work on I/O threads only. Otherwise like [`submit`].
pub fn submit_async<F, Fut>(start: F) -> Submitted<Fut::Output>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    workers::submit_async_here(start)
}

/// Gives the worker back until `poll` says true, for work that has been started elsewhere and cannot wake anybody,
/// such as a GPU kernel. To be awaited in the future given to [`submit_async`].
///
/// ```no_run
/// # struct Kernel;
/// # impl Kernel { fn launch(_: u32) -> Self { Self } fn is_done(&self) -> bool { true } fn result(&self) -> u32 { 1 } }
/// # async fn f() -> Result<u32, sws::next::SubmitError> {
/// let answer = sws::next::submit_async(|| async {
///     let kernel = Kernel::launch(7);
///     sws::next::worker_yield(|| kernel.is_done()).await;
///     kernel.result()
/// })
/// .await?;
/// # Ok(answer)
/// # }
/// ```
///
/// `poll` is called on a worker: at once, after 25 µs, then at intervals that double up to 1 ms, later if all
/// workers are busy. It must not block.
///
/// # Panics
/// When it is awaited anywhere else.
pub fn worker_yield<P: FnMut() -> bool>(poll: P) -> WorkerYield<P> {
    workers::worker_yield(poll)
}
