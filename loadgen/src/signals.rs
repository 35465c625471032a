//! Stopping by signal: the main thread waits for signals and time together, so no handler is needed.
#![expect(unsafe_code, reason = "signal masks are plain C calls")]

use std::{mem, ptr, time::Duration};

/// A signal that asks the run to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGINT: Ctrl-C.
    Interrupted,
    /// SIGTERM, as `timeout` sends it, or SIGHUP.
    Terminated,
}

impl Stop {
    /// The number that the exit status is made of.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Interrupted => 2,
            Self::Terminated => 15,
        }
    }
}

/// Holds the stop signals back from this thread and those that it starts later, so that [`Signals::wait`] gets them.
#[derive(Debug)]
pub(crate) struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    /// Call it before the first thread is started.
    pub(crate) fn hold() -> Self {
        // SAFETY: an all-zero sigset_t is a valid value to be emptied.
        let mut set: libc::sigset_t = unsafe { mem::zeroed() };
        // SAFETY: `set` is a valid set.
        unsafe { libc::sigemptyset(&raw mut set) };
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: `set` is a valid set and the numbers are signals.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        // SAFETY: `set` is a valid set; the old mask is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
        Self { set }
    }

    /// Waits for a stop signal, at most this long.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Stop> {
        let timeout = libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: set and timeout are valid for the call; the signal's details are not asked for.
        match unsafe {
            libc::sigtimedwait(&raw const self.set, ptr::null_mut(), &raw const timeout)
        } {
            libc::SIGINT => Some(Stop::Interrupted),
            libc::SIGTERM | libc::SIGHUP => Some(Stop::Terminated),
            _ => None,
        }
    }
}
