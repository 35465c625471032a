//! A set of processes and what they have used, as readings follow each other.

use super::proc::{self, Stat};
use std::{collections::BTreeMap, time::Duration};
use sws_ring::sys;

/// CPU time; how it divides is known in clock ticks only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub cpu: Duration,
    user: u64,
    system: u64,
}

impl Used {
    fn read(pid: u32, stat: &Stat) -> Self {
        Self {
            cpu: sys::cpu_time_of(pid).unwrap_or_default(),
            user: stat.user,
            system: stat.system,
        }
    }

    fn add(&mut self, now: Self, before: Self) {
        self.cpu += now.cpu.saturating_sub(before.cpu);
        self.user += now.user.saturating_sub(before.user);
        self.system += now.system.saturating_sub(before.system);
    }

    /// Time in user mode, when a tick has passed.
    pub(super) fn user(&self) -> Option<Duration> {
        let ticks = self.user + self.system;
        (ticks > 0).then(|| self.cpu.mul_f64(self.user as f64 / ticks as f64))
    }
}

#[derive(Debug)]
struct Process {
    name: String,
    started: u64,
    /// At the last reading.
    before: Used,
    /// The most memory it had had when it was first seen.
    most_before: u64,
}

/// Processes that are watched.
#[derive(Debug, Default)]
pub(super) struct Processes {
    known: BTreeMap<u32, Process>,
    /// How many there have been.
    seen: usize,
    /// Since they were first seen.
    pub used: Used,
    /// Resident memory in bytes: at the last reading, and the most of all readings.
    pub memory: u64,
    pub memory_most: u64,
}

impl Processes {
    /// Takes in those that are new. They began with nothing when they are `born` after the first reading.
    pub(super) fn admit(&mut self, pids: &[u32], born: bool) {
        for pid in pids {
            let Some(stat) = Stat::read(*pid).filter(|stat| !stat.is_zombie) else {
                continue;
            };
            let is_known = self
                .known
                .get(pid)
                .is_some_and(|known| known.started == stat.started);
            if !is_known {
                let before = match born {
                    true => Used::default(),
                    false => Used::read(*pid, &stat),
                };
                let (_, most_before) = proc::memory(*pid).unwrap_or_default();
                let process = Process {
                    name: stat.name,
                    started: stat.started,
                    before,
                    most_before,
                };
                self.known.insert(*pid, process);
                self.seen += 1;
            }
        }
    }

    /// Adds what they have used since the last time, and returns those that have ended, with their names.
    pub(super) fn read(&mut self) -> Vec<(u32, String)> {
        let mut ended = Vec::new();
        let (mut memory, mut grown) = (0, 0);
        for (pid, process) in &mut self.known {
            let stat = Stat::read(*pid).filter(|stat| stat.started == process.started);
            if let Some(stat) = &stat {
                let now = Used::read(*pid, stat);
                self.used.add(now, process.before);
                process.before = now;
            }
            if stat.is_none_or(|stat| stat.is_zombie) {
                ended.push((*pid, process.name.clone()));
                continue;
            }
            let (now, most) = proc::memory(*pid).unwrap_or_default();
            memory += now;
            if most > process.most_before {
                grown = most;
            }
        }
        for (pid, _) in &ended {
            self.known.remove(pid);
        }
        self.memory = memory;
        self.memory_most = self.memory_most.max(memory);
        // What several had at most, they need not have had at once.
        if self.seen == 1 {
            self.memory_most = self.memory_most.max(grown);
        }
        ended
    }

    /// Those that were there at the last reading.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.known.keys().copied().collect()
    }

    /// Their names, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .known
            .values()
            .map(|process| process.name.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{self, Command};

    #[test]
    fn only_what_follows_the_first_reading_counts() {
        let mut processes = Processes::default();
        processes.admit(&[process::id(), process::id()], false);
        let before = sys::cpu_time_of(process::id()).unwrap();
        while sys::cpu_time_of(process::id()).unwrap() < before + Duration::from_millis(30) {}
        assert!(processes.read().is_empty());
        let used = processes.used.cpu;
        assert!(used >= Duration::from_millis(30), "{used:?}");
        assert!(used < sys::cpu_time_of(process::id()).unwrap());
        assert!(processes.memory > 0 && processes.memory_most >= processes.memory);
        assert_eq!(processes.ids(), [process::id()]);
        assert_eq!(processes.names().len(), 1);
    }

    #[test]
    fn the_end_of_one_is_noticed_once() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let mut processes = Processes::default();
        processes.admit(&[child.id()], true);
        assert!(processes.read().is_empty());
        child.kill().unwrap();
        // Not asked for by its parent yet, or gone: it has ended all the same.
        let ended = loop {
            let ended = processes.read();
            if !ended.is_empty() {
                break ended;
            }
        };
        assert_eq!(ended, [(child.id(), "sleep".into())]);
        child.wait().unwrap();
        assert!(processes.read().is_empty() && processes.ids().is_empty());
        assert_eq!(processes.memory, 0);
    }

    #[test]
    fn ticks_divide_the_time() {
        let used = Used {
            cpu: Duration::from_secs(2),
            user: 1,
            system: 3,
        };
        assert_eq!(used.user(), Some(Duration::from_millis(500)));
        assert_eq!(Used::default().user(), None);
    }
}
