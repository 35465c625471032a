//! Connections that are held open for their own sake: what is asked for, and what became of them.

use crate::{
    args::{Args, WsMode},
    clock::Nanos,
    conn::End,
    error::Failure,
};
use std::{collections::BTreeMap, fs, net::SocketAddr, ops::AddAssign};

/// Connections that the server has ended are named up to this many.
const NAMED_MAX: usize = 5;

/// What the connections of a run are held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// To be used now and then, or not at all.
    Idle,
    /// To be upgraded.
    ConnectOnly,
    /// For what the server sends by itself.
    Push,
}

impl Hold {
    /// What the arguments ask for; `None` where connections are kept busy.
    pub(crate) fn new(args: &Args) -> Result<Option<Self>, Failure> {
        let (hold, mode) = match args.hold.ws_mode {
            None | Some(WsMode::Echo) => return Ok(args.hold.idle.then_some(Self::Idle)),
            Some(WsMode::ConnectOnly) => (Self::ConnectOnly, "connect-only"),
            Some(WsMode::Push) => (Self::Push, "push"),
        };
        let conflicts = [
            (args.rate().map_err(Failure::Usage)?.is_some(), "--rate"),
            (args.requests.is_some(), "--requests"),
            (
                args.requests_per_connection > 0,
                "--requests-per-connection",
            ),
            (args.think.is_some(), "--think"),
            (args.pipeline > 1, "--pipeline"),
            (args.ws_msg.is_some(), "--ws-msg"),
        ];
        match conflicts.into_iter().find(|(given, _)| *given) {
            None => Ok(Some(hold)),
            Some((_, flag)) => Err(Failure::Usage(format!(
                "{flag}: with --ws-mode {mode} no message is sent; leave one of them out"
            ))),
        }
    }

    /// What reports call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::ConnectOnly => "connect-only",
            Self::Push => "push",
        }
    }
}

/// How the connections were held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Connections that could carry requests at the borders of the window.
    pub up_at_start: u64,
    pub up_at_end: u64,
    /// Connections on which at least one request was answered, in the whole run.
    pub touched: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.up_at_start += other.up_at_start;
        self.up_at_end += other.up_at_end;
        self.touched += other.touched;
    }
}

/// Connections on which nothing was owed and that the server has ended, in the whole run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dropped {
    /// By how they ended.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub first: Vec<Named>,
}

/// One connection that the server has ended.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Named {
    /// Its number in the run, from 0.
    pub connection: u32,
    /// Its address on this side, which is what the server's log has.
    pub address: Option<SocketAddr>,
    /// How long nothing had been sent or received on it.
    pub idle_ns: Nanos,
    pub how: &'static str,
    /// When, to find the first.
    #[serde(skip)]
    at: Nanos,
}

impl Dropped {
    /// Adds a connection that ended at `now`, if that was the server's doing. `name` gives its number and address.
    pub(crate) fn add(
        &mut self,
        end: End,
        progress: Nanos,
        now: Nanos,
        name: impl FnOnce() -> (u32, Option<SocketAddr>),
    ) {
        let how = match end {
            End::Closed => "closed",
            End::Announced => "announced",
            End::Broken(_) => "broken",
            End::CutShort => "cut short",
            _ => return,
        };
        *self.kinds.entry(how).or_default() += 1;
        if self.first.len() < NAMED_MAX {
            let (connection, address) = name();
            self.first.push(Named {
                connection,
                address,
                idle_ns: now.saturating_sub(progress),
                how,
                at: now,
            });
        }
    }

    /// Of all kinds.
    pub(crate) fn total(&self) -> u64 {
        self.kinds.values().sum()
    }
}

impl AddAssign<&Self> for Dropped {
    fn add_assign(&mut self, other: &Self) {
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.first.extend_from_slice(&other.first);
        self.first.sort_by_key(|named| named.at);
        self.first.truncate(NAMED_MAX);
    }
}

/// Memory of this process before there were connections, and at the end of the window, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub before: u64,
    pub with_connections: u64,
}

impl Memory {
    /// What is resident now.
    pub(crate) fn now() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// By connection, with all that a run needs beside them.
    pub(crate) fn per_connection(&self, connections: u64) -> u64 {
        let grown = self.with_connections.saturating_sub(self.before);
        grown.checked_div(connections).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use clap::Parser;

    fn hold(line: &str) -> Result<Option<Hold>, String> {
        let words = std::iter::once("loadgen").chain(line.split_whitespace());
        let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
        let plan = Plan::new(args, drop).map_err(|error| error.to_string())?;
        Ok(plan.hold)
    }

    #[test]
    fn what_is_held_for_what() {
        let url = "http://127.0.0.1:1/";
        for (flags, expected) in [
            ("", None),
            ("--ws-mode echo", None),
            ("--idle", Some(Hold::Idle)),
            ("--idle --ws-mode echo", Some(Hold::Idle)),
            ("--ws-mode push", Some(Hold::Push)),
            ("--idle --ws-mode connect-only", Some(Hold::ConnectOnly)),
            ("--idle --rate 5", Some(Hold::Idle)),
        ] {
            assert_eq!(hold(&format!("{url} {flags}")), Ok(expected), "{flags}");
        }
        for (flags, named) in [
            ("--idle -n 5", "--requests"),
            ("--idle --think 5s", "--think"),
            ("--idle -r 5", "--requests-per-connection"),
            ("--ws-mode push --rate 5", "--rate"),
            ("--ws-mode connect-only -n 5", "--requests"),
            ("--ws-mode connect-only -p 2", "--pipeline"),
            ("--ws-mode push --ws-msg x", "--ws-msg"),
            ("--ws-mode push --raw x", "--raw"),
            ("--ws-mode push -s 200", "--expect-status"),
            ("--ws-mode stare", "--ws-mode"),
        ] {
            let error = hold(&format!("{url} {flags}")).unwrap_err();
            assert!(error.contains(named), "{flags}: {error}");
        }
    }

    #[test]
    fn the_first_are_named_and_all_are_counted() {
        let mut all = Dropped::default();
        for worker in 0..2 {
            let mut dropped = Dropped::default();
            for at in 0..10 {
                let number = at as u32 * 2 + worker;
                dropped.add(End::Closed, 0, at * 2 + u64::from(worker), || {
                    (number, None)
                });
            }
            dropped.add(End::Quota, 0, 0, || (99, None));
            all += &dropped;
        }
        assert_eq!((all.total(), all.kinds["closed"]), (20, 20));
        let first: Vec<u32> = all.first.iter().map(|named| named.connection).collect();
        assert_eq!(first, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn memory_is_known() {
        assert!(Memory::now() > 100_000);
        let memory = Memory {
            before: 1000,
            with_connections: 5000,
        };
        assert_eq!(
            (memory.per_connection(4), memory.per_connection(0)),
            (1000, 0)
        );
    }
}
