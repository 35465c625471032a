//! Workers and the I/O thread whose task waits for them.

use super::{super::SubmitError, LONG, workers};
use crate::{
    next,
    task::{Executor, enter},
};
use std::{
    pin::pin,
    rc::Rc,
    sync::{Arc, mpsc},
    task::{Context, Poll, Waker},
};

#[test]
fn a_worker_wakes_the_task_that_waits_for_it() {
    let (ring, rung) = mpsc::channel();
    let executor = Executor::new(Arc::new(move || ring.send(()).unwrap()), 100);
    let _entered = enter(Rc::clone(&executor));
    assert_eq!(next::submit(|| ()).detach(), Err(SubmitError::NoPool));
    executor.set_workers(workers(2, 1000));
    for number in 0..1000 {
        let task = next::go(async move { next::submit(move || number + 1).await }).unwrap();
        executor.run(10);
        while !task.is_finished() {
            if !executor.is_ready() {
                rung.recv_timeout(LONG).unwrap();
            }
            executor.run(10);
        }
        let mut task = pin!(task);
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(Ok(Ok(number + 1))));
    }
}
