//! The executor, driven by hand.

#[cfg(debug_assertions)]
mod blocking;
mod ends;
mod misuse;
mod time;
mod turns;
mod wakes;

use super::{Entered, Executor, enter};
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::{Arc, Condvar, Mutex},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

/// Stands for the reactor: waits as it does, until a deadline or a notice.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<usize>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() += 1;
        self.heard.notify_all();
    }

    fn wait(&self, deadline: Option<Instant>) {
        let rung = self.rung.lock().unwrap();
        let long = Duration::from_secs(20);
        let left = deadline.map_or(long, |at| at.saturating_duration_since(Instant::now()));
        let (mut rung, waited) = self
            .heard
            .wait_timeout_while(rung, left, |rung| *rung == 0)
            .unwrap();
        assert!(
            deadline.is_some() || !waited.timed_out(),
            "a wake has been lost"
        );
        *rung = 0;
    }

    fn count(&self) -> usize {
        *self.rung.lock().unwrap()
    }
}

pub(super) struct Loop {
    pub(super) executor: Rc<Executor>,
    pub(super) bell: Arc<Bell>,
    _entered: Entered,
}

impl Loop {
    pub(super) fn new(tasks_max: usize) -> Self {
        let bell = Arc::new(Bell::default());
        let ring = Arc::clone(&bell);
        let executor = Executor::new(Arc::new(move || ring.ring()), tasks_max);
        Self {
            _entered: enter(Rc::clone(&executor)),
            executor,
            bell,
        }
    }

    fn turn(&self) {
        self.executor.run(usize::MAX);
    }

    /// As a reactor does, until `future` is over.
    pub(super) fn until<F: Future<Output: 'static> + 'static>(&self, future: F) -> F::Output {
        let output = Rc::new(RefCell::new(None));
        let to = Rc::clone(&output);
        self.executor
            .spawn_detached(async move {
                let value = future.await;
                *to.borrow_mut() = Some(value);
            })
            .unwrap();
        loop {
            self.executor.run(64);
            if let Some(output) = output.take() {
                return output;
            }
            if !self.executor.is_ready() {
                self.bell.wait(self.executor.next_deadline());
            }
        }
    }
}

#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<u32>>>);

impl Log {
    fn note(&self, number: u32) {
        self.0.borrow_mut().push(number);
    }

    fn take(&self) -> Vec<u32> {
        self.0.take()
    }
}

/// Gives its waker away and waits to be woken.
fn gives_waker() -> (impl Future<Output = ()>, Rc<Cell<Option<Waker>>>) {
    let place = Rc::new(Cell::new(None));
    let to = Rc::clone(&place);
    let mut polls = 0;
    let future = poll_fn(move |cx| {
        polls += 1;
        to.set(Some(cx.waker().clone()));
        if polls > 1 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    (future, place)
}
