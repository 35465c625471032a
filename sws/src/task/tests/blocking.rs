//! Waiting for a task by blocking its I/O thread, which debug builds notice.

use super::{super::context, Loop, misuse::panic_of};
use crate::{next, time::sleep};
use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

/// The simplest `block_on` that gives up.
fn block_on<F: Future>(future: F) {
    struct Thread(thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Thread(thread::current())));
    let mut future = pin!(future);
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

#[test]
fn blocking_an_io_thread_is_noticed() {
    let l = Loop::new(10);
    let task = next::go(pending::<()>()).unwrap();
    let said = panic_of(|| block_on(sleep(Duration::from_secs(1))));
    assert!(said.contains("and `.await`"), "{said}");
    let said = panic_of(|| block_on(task));
    assert!(
        said.contains("JoinHandle was waited for on an I/O thread"),
        "{said}"
    );
    // Within a task it can only be suspected, because combinators have wakers of their own too.
    assert!(!context::take_suspected());
    l.until(async { block_on(sleep(Duration::from_secs(1))) });
    assert!(context::take_suspected());
}

#[test]
fn combinators_with_wakers_of_their_own_are_not_suspected() {
    /// Wakes two wakers.
    struct Both(Waker, AtomicUsize);
    impl Wake for Both {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.wake_by_ref();
        }
    }
    let l = Loop::new(10);
    l.until(async {
        let mut sleep = sleep(Duration::from_millis(1));
        poll_fn(|cx| {
            let own = Waker::from(Arc::new(Both(cx.waker().clone(), AtomicUsize::new(0))));
            pin!(&mut sleep).poll(&mut Context::from_waker(&own))
        })
        .await;
    });
    assert!(!context::take_suspected());
}
