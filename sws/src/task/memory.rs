//! What a suspended task costs besides its future.
//!
//! Memory is the whole process's, and tests run side by side: the measurement runs alone, in a process of its own.

use super::{Executor, JoinHandle, enter};
use crate::time::sleep;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use std::{alloc::System, env, process::Command, rc::Rc, sync::Arc, time::Duration};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TASKS: usize = 100_000;

fn held(stats: &Stats) -> isize {
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

async fn suspended() -> u32 {
    sleep(Duration::from_secs(3600)).await;
    1
}

/// The size of what is boxed, besides a place for the handle's state.
fn future_bytes() -> isize {
    size_of_val(&suspended()) as isize
}

#[test]
#[ignore = "alone in its process: `suspended_tasks_are_small` runs it"]
fn measure() {
    let executor = Executor::new(Arc::new(|| ()), TASKS);
    let _entered = enter(Rc::clone(&executor));
    let per_task = |bytes: isize| bytes / TASKS as isize - future_bytes();

    let region = Region::new(ALLOCATOR);
    for _ in 0..TASKS {
        executor.spawn_now_detached(suspended()).unwrap();
    }
    let detached = per_task(held(&region.change()));
    assert!(detached <= 150, "detached: {detached} bytes");
    executor.abort_all();
    let left = held(&region.change()) / TASKS as isize;
    assert!(left <= 100, "after all: {left} bytes a task");

    // Entries and wakers are there; tasks come and go without more than their boxes.
    let region = Region::new(ALLOCATOR);
    for _ in 0..1000 {
        let id = executor.spawn_now_detached(suspended()).unwrap().unwrap();
        executor.abort(id);
    }
    let change = region.change();
    assert!(change.allocations <= 1000 + 20, "{change:?}");
    assert!(held(&change) < 10_000, "{change:?}");

    // Polling and waking allocates nothing.
    let id = executor.spawn_detached(std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        std::task::Poll::<()>::Pending
    }));
    executor.run(10);
    let region = Region::new(ALLOCATOR);
    executor.run(1000);
    assert_eq!(region.change().allocations, 0);
    executor.abort(id.unwrap());
    drop(executor);

    let executor = Executor::new(Arc::new(|| ()), TASKS);
    let _entered = enter(Rc::clone(&executor));
    let mut handles: Vec<JoinHandle<u32>> = Vec::with_capacity(TASKS);
    let region = Region::new(ALLOCATOR);
    for _ in 0..TASKS {
        handles.push(executor.spawn(suspended()).unwrap());
    }
    executor.run(TASKS);
    let joined = per_task(held(&region.change()));
    assert!(joined <= 200, "with handles: {joined} bytes");
    println!(
        "besides a future of {} bytes: detached {detached}, with a handle {joined}",
        future_bytes()
    );
}

#[test]
fn suspended_tasks_are_small() {
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "task::memory::measure",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn futures_of_this_crate_are_small() {
    fn bytes<F>(_: impl FnOnce() -> F) -> usize {
        size_of::<F>()
    }
    assert_eq!(bytes(|| sleep(Duration::ZERO)), 24);
    assert_eq!(bytes(|| crate::next::go(async { 1 }).unwrap()), 24);
    assert!(bytes(|| crate::next::submit(|| 1)) <= 40);
    assert!(bytes(|| crate::time::timeout(Duration::ZERO, std::future::ready(0u64))) <= 48);
}
