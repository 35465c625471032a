//! A reactor's own value, for those that cannot be given it as an argument.

use crate::local;
use std::{cell::RefCell, fmt, rc::Rc};

/// A handle on the reactor's state, for tasks and `async` handlers. It stays on the reactor's thread.
pub struct State<S>(pub(crate) Rc<RefCell<S>>);

impl<S> State<S> {
    /// Works with the state. Nothing else can come in between, because `act` cannot wait.
    ///
    /// # Panics
    /// Within another `with` of the same state.
    #[expect(
        clippy::panic,
        reason = "a mistake of the program's, with a way out of it"
    )]
    pub fn with<R>(&self, act: impl FnOnce(&mut S) -> R) -> R {
        match self.0.try_borrow_mut() {
            Ok(mut state) => act(&mut state),
            Err(_) => panic!(
                "the state is in use: `with` was called within a handler's or another `with`'s call; \
                 use the state that was given there"
            ),
        }
    }
}

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> fmt::Debug for State<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// The state of the reactor that runs on this thread.
///
/// # Panics
/// On a thread that is no reactor, or if the server's state is not an `S`.
#[expect(
    clippy::panic,
    reason = "a mistake of the program's, with a way out of it"
)]
pub fn state<S: 'static>() -> State<S> {
    let Some(local) = local::current() else {
        panic!("sws::state: this thread is no reactor; use Remote::invoke to get onto one");
    };
    match Rc::clone(&local.state).downcast::<RefCell<S>>() {
        Ok(state) => State(state),
        Err(_) => panic!(
            "sws::state: the server's state is not a {}",
            std::any::type_name::<S>()
        ),
    }
}
