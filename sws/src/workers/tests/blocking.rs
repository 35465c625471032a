//! Waiting for a worker by blocking an I/O thread, which debug builds notice.

use super::{Door, block_on, occupy, workers};
use crate::{
    next,
    task::{Executor, enter, panic_message},
};
use std::{rc::Rc, sync::Arc};

#[test]
fn blocking_an_io_thread_on_a_worker_is_noticed() {
    let executor = Executor::new(Arc::new(|| ()), 100);
    let _entered = enter(Rc::clone(&executor));
    let pool = workers(1, 10);
    executor.set_workers(Arc::clone(&pool));
    let door = Door::default();
    let occupied = occupy(&pool, &door);
    let blocked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = block_on(next::submit(|| ()));
    }));
    let said = panic_message(blocked.unwrap_err());
    assert!(
        said.contains("Submitted was waited for on an I/O thread"),
        "{said}"
    );
    door.open();
    drop(occupied);
}
