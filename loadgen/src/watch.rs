//! The machine and the server while they are measured: read from `/proc` and the control groups by the main thread, when the
//! window begins, after each interval, and when it ends. The threads that make the load have no part in it.

mod cgroup;
mod container;
mod host;
mod meter;
mod proc;
mod processes;
mod server;

pub(crate) use host::{HostUse, Network};
pub(crate) use server::{Sample, Server, ServerUse};

use crate::clock::{self, NEVER, Nanos};
use meter::Meter;
use std::time::Duration;

/// What was seen over the window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    pub host: HostUse,
    /// As this program sees it.
    pub network: Network,
    /// Resident memory of this program, now and at most.
    pub rss: (u64, u64),
    /// Where it was asked for.
    pub server: Option<ServerUse>,
}

/// Watches over one window.
#[derive(Debug)]
pub(crate) struct Watch {
    interval: Nanos,
    server: Option<Meter>,
    /// When to look next.
    due: Nanos,
    begin: Option<(host::Reading, Network)>,
}

impl Watch {
    /// Nothing is read before the window is announced.
    pub(crate) fn new(server: Option<Server>, interval: Duration) -> Self {
        Self {
            interval: clock::nanos(interval).max(1),
            server: server.map(Meter::new),
            due: NEVER,
            begin: None,
        }
    }

    /// The window will begin then.
    pub(crate) fn announce(&mut self, start: Nanos) {
        self.due = start;
    }

    /// When to call [`turn`](Self::turn) next.
    pub(crate) fn due(&self) -> Nanos {
        self.due
    }

    /// Looks, when it is time.
    pub(crate) fn turn(&mut self, now: Nanos) {
        if now < self.due {
            return;
        }
        if self.begin.is_none() {
            self.begin();
        } else if let Some(server) = &mut self.server {
            server.sample();
        }
        // Without a server only the borders matter.
        self.due = match &self.server {
            Some(_) => self.due + self.interval * ((now - self.due) / self.interval + 1),
            None => NEVER,
        };
    }

    /// The server when it was last looked at.
    pub(crate) fn latest(&self) -> Option<&Sample> {
        self.server.as_ref()?.latest()
    }

    fn begin(&mut self) {
        if let Some(server) = &mut self.server {
            server.begin();
        }
        self.begin = Some((host::Reading::now(), Network::read("self")));
    }

    /// The window is over; `elapsed` is its length. `is_done` says that nothing was left to do after it.
    pub(crate) fn end(mut self, elapsed: Duration, is_done: bool) -> Watched {
        if self.begin.is_none() {
            self.begin();
        }
        let server = self
            .server
            .take()
            .map(|server| server.end(elapsed, is_done));
        let (host, network) = self.begin.take().unwrap_or_default();
        Watched {
            host: host::Reading::now().since(&host),
            network: Network::read("self").since(&network),
            rss: proc::memory(std::process::id()).unwrap_or_default(),
            server,
        }
    }
}
