//! Processes that left both their group and their parent: daemons that the
//! kernel gave to this process, as the nearest that adopts orphans.

use super::signal_tree;
use crate::processes;
use rustix::process::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Orphans come here and not to the system's first process.
static ADOPTS: AtomicBool = AtomicBool::new(false);
/// Those that were here before a server was started: of a build (a compiler's
/// cache), or a container's keeper. `None` as long as no server was.
static KNOWN: Mutex<Option<Vec<u32>>> = Mutex::new(None);

/// From now on orphans are adopted.
pub(super) fn adopt() {
    let me = rustix::process::getpid();
    let adopts = rustix::process::set_child_subreaper(Some(me)).is_ok();
    ADOPTS.store(adopts, Ordering::Relaxed);
}

fn adopted() -> Vec<u32> {
    processes::children_of_other_groups(std::process::id())
}

/// What is adopted after this is a server's.
pub fn leave_those_of_now() {
    *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(adopted());
}

/// Kills servers' daemons. Nothing may be at work that was started on purpose,
/// but for what runs in this process's own group.
pub(super) fn kill() {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(known) = known.as_ref().filter(|_| ADOPTS.load(Ordering::Relaxed)) else {
        return;
    };
    let strays = adopted().into_iter();
    for stray in strays.filter(|stray| !known.contains(stray)) {
        signal_tree(stray, Signal::KILL);
    }
}
