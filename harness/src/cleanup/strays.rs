//! Processes that left both their group and their parent: a daemon that the
//! kernel gave to this process, as the nearest that adopts orphans.

use super::signal_tree;
use crate::processes;
use rustix::process::Signal;
use std::sync::atomic::{AtomicBool, Ordering};

/// Orphans come here and not to the system's first process.
static ADOPTS: AtomicBool = AtomicBool::new(false);

/// From now on orphans are adopted.
pub(super) fn adopt() {
    let me = rustix::process::getpid();
    let adopts = rustix::process::set_child_subreaper(Some(me)).is_ok();
    ADOPTS.store(adopts, Ordering::Relaxed);
}

/// Kills the adopted. Nothing may be at work that was started on purpose, but
/// for what runs in this process's own group.
pub(super) fn kill() {
    if !ADOPTS.load(Ordering::Relaxed) {
        return;
    }
    for stray in processes::children_of_other_groups(std::process::id()) {
        signal_tree(stray, Signal::KILL);
    }
}
