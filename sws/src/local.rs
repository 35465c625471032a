//! What belongs to the reactor of this thread and is found without being handed along.

use crate::{connection::ConnId, peers::Peers, remote::Inbox, reply::Reply, task::Executor};
use std::{any::Any, cell::RefCell, rc::Rc, sync::Arc};

pub(crate) struct Local {
    pub(crate) executor: Rc<Executor>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) peers: Arc<Peers>,
    /// A `RefCell` of the server's state.
    pub(crate) state: Rc<dyn Any>,
    /// Answers of `async` handlers that have ended.
    pub(crate) answers: RefCell<Vec<(ConnId, u32, Reply)>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Local>>> = const { RefCell::new(None) };
}

/// The reactor of this thread, if it is one.
pub(crate) fn current() -> Option<Rc<Local>> {
    // After the thread's locals have been destroyed there is none.
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// Whether this thread is the reactor that `inbox` belongs to.
pub(crate) fn is_inbox(inbox: &Inbox) -> bool {
    CURRENT
        .try_with(|current| {
            current
                .borrow()
                .as_ref()
                .is_some_and(|local| std::ptr::eq(&raw const *local.inbox, inbox))
        })
        .unwrap_or(false)
}

/// Makes `local` this thread's until the guard is dropped.
pub(crate) fn enter(local: Rc<Local>) -> Entered {
    let before = CURRENT.with(|current| current.replace(Some(local)));
    debug_assert!(before.is_none(), "a thread is one reactor");
    Entered(())
}

pub(crate) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        let local = CURRENT.try_with(|current| current.take());
        drop(local);
    }
}
