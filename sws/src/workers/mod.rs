//! Threads for what would block an I/O thread: one pool for a server, shared by its reactors.
//!
//! Work waits in a bounded queue, first in, first out, under one lock that is held for a few instructions. Threads
//! without work are parked in the kernel. A pool takes closures, each of which has a thread until it returns, and
//! futures, which have one only while they are polled.

mod job;
mod pool;
mod submitted;
mod yielding;

#[cfg(test)]
mod tests;

use std::{
    error, fmt, io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use job::{AsyncJob, Closure};
use pool::Pool;
pub use submitted::Submitted;
pub use yielding::WorkerYield;
pub(crate) use yielding::worker_yield;

/// What a pool is like.
#[derive(Clone, Debug)]
pub(crate) struct WorkersConfig {
    /// Threads, at least 1.
    pub(crate) threads: usize,
    /// Work that may be there without having a thread: closures and futures that have not begun, and futures that
    /// have begun and wait. At least 1.
    pub(crate) queue_max: usize,
    /// Stack of each thread.
    pub(crate) stack_bytes: usize,
    /// Threads are called this with a number after it; the kernel shows 15 bytes.
    pub(crate) name: String,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            threads: 1,
            queue_max: 1024,
            stack_bytes: 2 << 20,
            name: "sws-worker-".to_owned(),
        }
    }
}

/// A pool of worker threads; they end when it is dropped or stopped.
pub(crate) struct Workers {
    pool: Arc<Pool>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl Workers {
    /// Starts the threads.
    pub(crate) fn new(config: &WorkersConfig) -> io::Result<Arc<Self>> {
        let threads = config.threads.max(1);
        let workers = Arc::new(Self {
            pool: Pool::new(config.queue_max.max(1), threads),
            threads: Mutex::default(),
        });
        for index in 0..threads {
            let pool = Arc::clone(&workers.pool);
            // If one cannot be started those before it end with `workers`.
            let thread = thread::Builder::new()
                .name(format!("{}{index}", config.name))
                .stack_size(config.stack_bytes)
                .spawn(move || pool::work(&pool, index))
                .inspect_err(|_| workers.pool.lost_thread())?;
            workers.lock_threads().push(thread);
        }
        Ok(workers)
    }

    /// Runs `closure` on a worker.
    #[cfg(test)]
    pub(crate) fn submit<T, F>(&self, closure: F) -> Submitted<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        submit(&self.pool, closure)
    }

    /// Runs the future that `start` makes on the workers.
    #[cfg(test)]
    pub(crate) fn submit_async<F, Fut>(&self, start: F) -> Submitted<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: Send + 'static> + Send + 'static,
    {
        submit_async(&self.pool, start)
    }

    /// Takes no more work, waits until what there is has been done or `deadline` has passed, and ends the threads.
    /// What is left then resolves to [`SubmitError::Stopped`]; closures that are running cannot be interrupted:
    /// their threads end after them, unattended. Returns whether everything was done.
    pub(crate) fn stop(&self, deadline: Instant) -> bool {
        let clean = self.pool.stop(deadline);
        let threads = std::mem::take(&mut *self.lock_threads());
        for thread in threads {
            // After a clean stop all have said their last word; otherwise those that still work are left alone.
            if clean || thread.is_finished() {
                // A worker catches all panics of what it runs.
                let _ = thread.join();
            }
        }
        clean
    }

    /// What there is to do.
    pub(crate) fn load(&self) -> Load {
        self.pool.load()
    }

    fn lock_threads(&self) -> std::sync::MutexGuard<'_, Vec<thread::JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.pool.stop(Instant::now());
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("load", &self.load())
            .finish_non_exhaustive()
    }
}

/// What a pool has to do at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Has not begun.
    pub(crate) queued: usize,
    /// Futures that have begun and are not over.
    pub(crate) begun: usize,
    /// Threads that are running something.
    pub(crate) running: usize,
}

fn submit<T, F>(pool: &Arc<Pool>, closure: F) -> Submitted<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let job = Arc::new(Closure::new(closure));
    match pool.push(Arc::clone(&job) as _) {
        Ok(number) => Submitted::new(job, pool, number),
        Err(error) => Submitted::failed(error),
    }
}

fn submit_async<F, Fut>(pool: &Arc<Pool>, start: F) -> Submitted<Fut::Output>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    let job = AsyncJob::new(pool, start);
    match pool.push(Arc::clone(&job) as _) {
        Ok(number) => Submitted::new(job, pool, number),
        Err(error) => Submitted::failed(error),
    }
}

/// [`next::submit`](crate::next::submit): to the pool of the I/O thread or of the worker that calls it.
pub(crate) fn submit_here<T, F>(closure: F) -> Submitted<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match pool_here() {
        Some(pool) => submit(&pool, closure),
        None => Submitted::failed(SubmitError::NoPool),
    }
}

/// [`next::submit_async`](crate::next::submit_async): likewise.
pub(crate) fn submit_async_here<F, Fut>(start: F) -> Submitted<Fut::Output>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    match pool_here() {
        Some(pool) => submit_async(&pool, start),
        None => Submitted::failed(SubmitError::NoPool),
    }
}

fn pool_here() -> Option<Arc<Pool>> {
    match crate::task::current() {
        Some(executor) => executor.workers().map(|workers| Arc::clone(&workers.pool)),
        None => yielding::pool(),
    }
}

/// Why submitted work has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitError {
    /// The server has no worker pool, or the caller is on neither an I/O thread nor a worker of it.
    NoPool,
    /// As much work is waiting as may wait.
    QueueFull,
    /// The work panicked, with this message.
    Panicked(String),
    /// The pool stopped before the work was done.
    Stopped,
}

impl SubmitError {
    /// The HTTP status that says it to a client: 503 if it may go better later, else 500.
    pub fn status(&self) -> u16 {
        match self {
            Self::QueueFull | Self::Stopped => 503,
            Self::NoPool | Self::Panicked(_) => 500,
        }
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPool => f.write_str(
                "there is no worker pool here: configure the server with at least one worker (it has none unless \
                 asked to), and submit work on its I/O threads or workers only",
            ),
            Self::QueueFull => f.write_str(
                "the queue of the worker pool is full: answer 503, submit less, or raise the number of workers or \
                 the length of their queue in the configuration",
            ),
            Self::Panicked(message) => write!(
                f,
                "the submitted work panicked: {message}; see standard error for the place"
            ),
            Self::Stopped => f.write_str(
                "the worker pool stopped before the work was done; allow more time for stopping if it has to be",
            ),
        }
    }
}

impl error::Error for SubmitError {}
