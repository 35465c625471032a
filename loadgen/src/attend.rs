//! What the main thread does while the others make the load: wait for signals, look at the machine when it is time, and show how it
//! goes.

use crate::{
    clock::{self, NEVER, Nanos},
    live::Live,
    signals::{Signals, Stop},
    watch::{Watch, Watched},
};
use std::time::Duration;

/// The main thread during a run.
#[derive(Debug)]
pub(crate) struct Attendant<'s> {
    signals: &'s Signals,
    watch: Watch,
    live: Option<Live<'s>>,
}

impl<'s> Attendant<'s> {
    pub(crate) fn new(signals: &'s Signals, watch: Watch, live: Option<Live<'s>>) -> Self {
        Self {
            signals,
            watch,
            live,
        }
    }

    /// The window will begin then.
    pub(crate) fn announce(&mut self, start: Nanos) {
        self.watch.announce(start);
        if let Some(live) = &mut self.live {
            live.announce(start);
        }
    }

    /// Waits for a stop signal, at most this long, and does meanwhile what falls due.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Option<Stop> {
        let until = clock::now() + clock::nanos(timeout);
        loop {
            let now = clock::now();
            self.watch.turn(now);
            if let Some(live) = &mut self.live
                && let Some(stop) = live.turn(now, self.watch.latest())
            {
                return Some(stop);
            }
            let shown = self.live.as_ref().map_or(NEVER, Live::due);
            let next = self.watch.due().min(shown).min(until);
            let left = Duration::from_nanos(next.saturating_sub(clock::now()));
            let stop = self.signals.wait(left);
            if stop.is_some() || clock::now() >= until {
                return stop;
            }
        }
    }

    /// Waits for the end of the window, which lasts `elapsed` and may be over, and says what was seen of it. `is_done` says that
    /// nothing was left to do after its end.
    pub(crate) fn finish(mut self, end: Nanos, elapsed: Duration, is_done: bool) -> Watched {
        loop {
            let left = end.saturating_sub(clock::now());
            if left == 0 {
                return self.watch.end(elapsed, is_done);
            }
            // A second signal changes nothing: the end is near.
            self.wait(Duration::from_nanos(left));
        }
    }
}
