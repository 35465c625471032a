//! What `/proc` says of a process (proc_pid_stat(5), proc_pid_status(5)).

use crate::machine::cpu;
use std::{collections::BTreeSet, fs, str::SplitWhitespace};

/// The parts of `stat` that are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub name: String,
    /// It has ended, and its parent has not asked for it yet.
    pub is_zombie: bool,
    pub parent: u32,
    /// Clock ticks.
    pub user: u64,
    pub system: u64,
    pub threads: u64,
    /// Clock ticks since boot: tells two processes with the same id apart.
    pub started: u64,
}

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name may hold anything, also brackets and spaces.
    fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?;
        // Fields are numbered from 1; the state is the third.
        let mut number = 3;
        let mut field = |wanted: usize| -> Option<u64> {
            let value = skip(&mut fields, wanted - number - 1)?.parse().ok();
            number = wanted;
            value
        };
        Some(Self {
            name: name.into(),
            is_zombie: matches!(state, "Z" | "X"),
            parent: u32::try_from(field(4)?).ok()?,
            user: field(14)?,
            system: field(15)?,
            threads: field(20)?,
            started: field(22)?,
        })
    }
}

fn skip<'t>(fields: &mut SplitWhitespace<'t>, count: usize) -> Option<&'t str> {
    fields.nth(count)
}

/// Resident memory of a process now and at most, in bytes.
pub(super) fn memory(pid: u32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let bytes = |name: &str| Some(value(&text, name)?.parse::<u64>().ok()? * 1024);
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}

/// The first word after `name` at the begin of a line.
fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()
}

/// Counters of one thread since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Thread {
    /// Nanoseconds on a CPU; `None` where the kernel does not say.
    pub ran: Option<u64>,
    pub voluntary: u64,
    pub involuntary: u64,
}

/// The threads of a process with their ids; the CPUs that any of them may use are added to `cpus`.
pub(super) fn threads(pid: u32, cpus: &mut BTreeSet<usize>) -> Vec<(u32, Thread)> {
    let ids = numbers(&format!("/proc/{pid}/task"));
    let threads = ids.into_iter().filter_map(|id| {
        let path = format!("/proc/{pid}/task/{id}");
        let text = fs::read_to_string(format!("{path}/status")).ok()?;
        let count = |name: &str| value(&text, name).and_then(|value| value.parse().ok());
        cpus.extend(
            value(&text, "Cpus_allowed_list:")
                .into_iter()
                .filter_map(cpu::list)
                .flatten(),
        );
        let schedstat = fs::read_to_string(format!("{path}/schedstat")).ok();
        let ran = schedstat.and_then(|text| text.split_whitespace().next()?.parse().ok());
        let thread = Thread {
            ran,
            voluntary: count("voluntary_ctxt_switches:")?,
            involuntary: count("nonvoluntary_ctxt_switches:")?,
        };
        Some((id, thread))
    });
    threads.collect()
}

/// Entries of a directory that are numbers.
fn numbers(path: &str) -> Vec<u32> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// These processes and all that descend from them.
pub(super) fn with_descendants(roots: &[u32]) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = numbers("/proc")
        .into_iter()
        .filter_map(|pid| Some((pid, Stat::read(pid)?.parent)))
        .collect();
    let mut found: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let before = found.len();
        let children = parents
            .iter()
            .filter(|(_, parent)| found.contains(parent))
            .map(|(pid, _)| *pid)
            .collect::<Vec<_>>();
        found.extend(children);
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{self, Command};

    #[test]
    fn names_may_look_like_fields() {
        let text = "42 (a) R 1 (b) S 7 42 42 0 -1 4194304 10 0 0 0 11 12 0 0 20 0 5 0 9876 1 2 3";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat.name, "a) R 1 (b");
        assert_eq!((stat.parent, stat.user, stat.system), (7, 11, 12));
        assert_eq!((stat.threads, stat.started), (5, 9876));
        assert!(!stat.is_zombie && Stat::parse(&text.replace(") S", ") Z")).unwrap().is_zombie);
        assert_eq!(Stat::parse("42 (a) R 1 2"), None);
    }

    #[test]
    fn this_process_is_there() {
        let stat = Stat::read(process::id()).unwrap();
        assert!(stat.threads > 0 && stat.started > 0);
        let (now, most) = memory(process::id()).unwrap();
        assert!(now > 0 && most > 0);
        let mut cpus = BTreeSet::new();
        let threads = threads(process::id(), &mut cpus);
        assert!(!threads.is_empty() && !cpus.is_empty());
        assert_eq!(Stat::read(0), None);
    }

    #[test]
    fn children_are_found() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let found = with_descendants(&[process::id()]);
        assert!(found.contains(&process::id()) && found.contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
