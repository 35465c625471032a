//! The queue and what a worker does all day.

use std::{
    collections::{BinaryHeap, HashMap, VecDeque},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Instant,
};

use super::{
    Load, SubmitError,
    job::{Job, Progress},
    yielding,
};
use crate::task::panic_message;

/// Somebody who yielded and wants to be polled again.
struct Due {
    at: Instant,
    waker: Waker,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    /// Reversed: the heap gives its greatest first, and the earliest is wanted.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.at.cmp(&self.at)
    }
}

type Shared = Arc<dyn Job>;

/// Jobs are told apart by where they are.
fn address(job: &Shared) -> usize {
    Arc::as_ptr(job).cast::<()>() as usize
}

struct State {
    /// What has not begun, with ascending numbers.
    queue: VecDeque<(u64, Shared)>,
    number: u64,
    /// Futures that have begun and can go on.
    ready: VecDeque<Shared>,
    /// Futures that have begun and are not over.
    begun: HashMap<usize, Shared>,
    /// What each thread runs.
    running: Vec<Option<Shared>>,
    dues: BinaryHeap<Due>,
    /// What a waiting thread looks at the dues for: the earliest that it knew of.
    watched: Option<Instant>,
    /// Threads that wait.
    idle: usize,
    threads: usize,
    /// Whose turn it is: of what can go on, or of what has not begun.
    ready_first: bool,
    /// Nothing more is taken.
    stopping: bool,
    /// The deadline has passed: threads end as soon as they can.
    abandoned: bool,
}

/// What the threads of a pool share.
pub(super) struct Pool {
    state: Mutex<State>,
    /// There is work, or none will come any more.
    work: Condvar,
    /// A thread has ended.
    ended: Condvar,
    queue_max: usize,
}

impl Pool {
    pub(super) fn new(queue_max: usize, threads: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                number: 0,
                ready: VecDeque::new(),
                begun: HashMap::new(),
                running: vec![None; threads],
                dues: BinaryHeap::new(),
                watched: None,
                idle: 0,
                threads,
                ready_first: false,
                stopping: false,
                abandoned: false,
            }),
            work: Condvar::new(),
            ended: Condvar::new(),
            queue_max,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues new work; returns its number.
    pub(super) fn push(&self, job: Shared) -> Result<u64, SubmitError> {
        let mut state = self.lock();
        if state.stopping {
            return Err(SubmitError::Stopped);
        }
        if state.queue.len() + state.begun.len() >= self.queue_max {
            return Err(SubmitError::QueueFull);
        }
        let number = state.number;
        state.number += 1;
        state.queue.push_back((number, job));
        self.call(&state);
        Ok(number)
    }

    /// A future that has begun can go on.
    pub(super) fn requeue(&self, job: Shared) {
        let mut state = self.lock();
        // Not if it was stopped since.
        if state.begun.contains_key(&address(&job)) {
            state.ready.push_back(job);
            self.call(&state);
        }
    }

    /// Wakes a thread, if one waits.
    fn call(&self, state: &State) {
        if state.idle > 0 {
            self.work.notify_one();
        }
    }

    /// Takes work back that has not begun.
    pub(super) fn withdraw(&self, number: u64) {
        let mut state = self.lock();
        let found = state.queue.binary_search_by_key(&number, |entry| entry.0);
        let withdrawn = found.ok().and_then(|at| state.queue.remove(at));
        if withdrawn.is_some() && state.is_over() {
            self.work.notify_all();
        }
        drop(state);
        // The closure's own code may run now.
        drop(withdrawn);
    }

    /// A thread that was to be will not be.
    pub(super) fn lost_thread(&self) {
        let mut state = self.lock();
        // Those after it were not started either; only the ones before it end.
        state.abandoned = true;
        state.threads = 0;
    }

    /// See [`Workers::stop`](super::Workers::stop).
    pub(super) fn stop(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        state.stopping = true;
        self.work.notify_all();
        while state.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .ended
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.abandoned = true;
        self.work.notify_all();
        let queue = std::mem::take(&mut state.queue);
        let ready = std::mem::take(&mut state.ready);
        let begun = std::mem::take(&mut state.begun);
        let dues = std::mem::take(&mut state.dues);
        let running: Vec<Shared> = state.running.iter().flatten().cloned().collect();
        let clean = queue.is_empty() && begun.is_empty() && running.is_empty();
        drop(state);
        // Each may be anybody's code: nothing is locked.
        for job in queue
            .iter()
            .map(|entry| &entry.1)
            .chain(begun.values())
            .chain(&running)
        {
            quietly(|| job.stop());
        }
        quietly(|| drop((queue, ready, begun, dues, running)));
        clean
    }

    pub(super) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            queued: state.queue.len(),
            begun: state.begun.len(),
            running: state.running.iter().flatten().count(),
        }
    }

    /// Waits for work, or for the earliest due if nobody else looks out for it.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, now: Instant) -> MutexGuard<'a, State> {
        state.idle += 1;
        let due = state.dues.peek().map(|due| due.at);
        let mine = due.filter(|due| state.watched.is_none_or(|watched| *due < watched));
        let mut state = if let Some(due) = mine {
            state.watched = Some(due);
            let left = due.saturating_duration_since(now);
            let (mut state, _) = self
                .work
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            // Perhaps another one looks out for an earlier one; then two do for a while.
            state.watched = None;
            state
        } else {
            self.work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner)
        };
        state.idle -= 1;
        state
    }
}

impl State {
    /// Whether the threads can end.
    fn is_over(&self) -> bool {
        self.abandoned || self.stopping && self.queue.is_empty() && self.begun.is_empty()
    }

    /// What to run next: by turns what can go on and what has not begun, so that neither starves the other.
    fn take(&mut self) -> Option<Shared> {
        if self.abandoned {
            return None;
        }
        self.ready_first = !self.ready_first;
        if self.ready_first
            && let Some(job) = self.ready.pop_front()
        {
            return Some(job);
        }
        let Some((_, job)) = self.queue.pop_front() else {
            return self.ready.pop_front();
        };
        if job.may_wait() {
            self.begun.insert(address(&job), Arc::clone(&job));
        }
        Some(job)
    }

    /// Takes those out who want to be polled again by now.
    fn due(&mut self, now: Instant) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while self.dues.peek().is_some_and(|due| due.at <= now) {
            wakers.extend(self.dues.pop().map(|due| due.waker));
        }
        wakers
    }
}

/// A worker's life.
pub(super) fn work(pool: &Arc<Pool>, index: usize) {
    yielding::become_worker(pool);
    let mut state = pool.lock();
    while !state.is_over() {
        let now = Instant::now();
        let due = state.due(now);
        if !due.is_empty() {
            drop(state);
            quietly(|| due.into_iter().for_each(Waker::wake));
            // Everything may have changed, also that there will be nothing to wait for.
            state = pool.lock();
            continue;
        }
        let Some(job) = state.take() else {
            state = pool.wait(state, now);
            continue;
        };
        state.running[index] = Some(Arc::clone(&job));
        // Nobody may be looking out for dues now, and more than one job may be waiting.
        let unwatched = state.watched.is_none() && !state.dues.is_empty();
        if unwatched || !state.ready.is_empty() || !state.queue.is_empty() {
            pool.call(&state);
        }
        drop(state);
        state = run(pool, index, job);
    }
    state.threads = state.threads.saturating_sub(1);
    drop(state);
    yielding::leave();
    pool.work.notify_all();
    pool.ended.notify_all();
}

/// Runs one job and notes what became of it.
fn run<'a>(pool: &'a Pool, index: usize, job: Shared) -> MutexGuard<'a, State> {
    yielding::set_polling(job.may_wait());
    let mut progress = Progress::Over;
    quietly(|| progress = Arc::clone(&job).run());
    let yielded = yielding::take_yielded();
    let mut state = pool.lock();
    let ran = state.running[index].take();
    let mut over = None;
    let mut dropped = Vec::new();
    if state.abandoned {
        dropped = yielded;
    } else {
        let dues = yielded.into_iter().map(|(at, waker)| Due { at, waker });
        state.dues.extend(dues);
        match progress {
            Progress::Over => over = state.begun.remove(&address(&job)),
            Progress::Again => {
                if state.begun.contains_key(&address(&job)) {
                    state.ready.push_back(Arc::clone(&job));
                }
            }
            Progress::Waits => {}
        }
        if state.is_over() {
            pool.work.notify_all();
        }
    }
    drop(state);
    if progress == Progress::Over {
        quietly(|| job.publish());
    }
    // The last reference may be among them, and with it anybody's code.
    quietly(|| drop((ran, over, dropped, job)));
    pool.lock()
}

/// Runs what may be anybody's code, which must not end the thread.
fn quietly(code: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(code)) {
        drop(panic_message(payload));
    }
}
