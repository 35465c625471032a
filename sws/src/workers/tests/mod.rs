//! The pool, without a server.

#[cfg(debug_assertions)]
mod blocking;
mod queue;
mod random;
mod reactor;
mod stop;
mod yielding;

use super::{Submitted, Workers, WorkersConfig};
use std::{
    pin::pin,
    sync::{Arc, Condvar, Mutex, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// More than anything here takes; so long only if something is broken.
const LONG: Duration = Duration::from_secs(20);

fn workers(threads: usize, queue_max: usize) -> Arc<Workers> {
    let config = WorkersConfig {
        threads,
        queue_max,
        ..WorkersConfig::default()
    };
    Workers::new(&config).unwrap()
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on a thread that is no I/O thread, where that is allowed.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let end = Instant::now() + LONG;
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park_timeout(LONG),
        }
        assert!(Instant::now() < end, "a wake has been lost");
    }
}

/// A door that work waits at.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        let (_open, waited) = self
            .0
            .1
            .wait_timeout_while(open, LONG, |open| !*open)
            .unwrap();
        assert!(!waited.timed_out());
    }
}

/// Occupies a worker until the door is opened; returns when it has begun.
fn occupy(workers: &Workers, door: &Door) -> Submitted<()> {
    let (begun, wait) = mpsc::channel();
    let door = door.clone();
    let submitted = workers.submit(move || {
        begun.send(()).unwrap();
        door.pass();
    });
    wait.recv_timeout(LONG).unwrap();
    submitted
}
