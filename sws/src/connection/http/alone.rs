//! A protocol that is tested by itself.

use super::Http;
use crate::{Config, hooks::Hooks, local::Local};
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// What a protocol that is tested by itself stands on; to be dropped after it.
pub(crate) struct Alone {
    _local: crate::local::Entered,
    _tasks: crate::task::Entered,
}

impl<S: 'static> Http<S> {
    /// A protocol without a server around it, on this thread.
    pub(crate) fn alone(config: &Config, router: crate::Router<S>, state: S) -> (Self, Alone) {
        let executor = crate::task::Executor::new(Arc::new(|| ()), config.tasks_max);
        let tasks = crate::task::enter(Rc::clone(&executor));
        let state = Rc::new(RefCell::new(state));
        let local = Rc::new(Local {
            executor,
            inbox: Arc::new(crate::remote::Inbox::new(|| ())),
            peers: Arc::new(crate::peers::Peers::new(1).unwrap()),
            state: Rc::clone(&state) as Rc<_>,
            answers: RefCell::default(),
        });
        let alone = Alone {
            _local: crate::local::enter(Rc::clone(&local)),
            _tasks: tasks,
        };
        let table = Arc::new(router.compile().unwrap());
        (
            Self::new(config, table, Arc::new(Hooks::new()), state, local),
            alone,
        )
    }
}
