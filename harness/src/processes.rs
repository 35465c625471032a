//! What `/proc` says about processes: trees, CPU time, memory, open ports.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;

/// `root` and everything that descends from it, `root` first.
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for pid in all() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(pid) = tree.get(next).copied() {
        tree.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    tree
}

fn all() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|item| item.file_name().to_str()?.parse().ok())
}

/// The fields of `/proc/PID/stat` after the command name, which may itself
/// contain spaces and parentheses. Index 0 is the state (field 3).
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// The living children of a process that are not of its process group.
pub fn children_of_other_groups(parent: u32) -> Vec<u32> {
    let group = |fields: &[String]| fields.get(2).cloned();
    let Some(own) = stat(parent).and_then(|fields| group(&fields)) else {
        return Vec::new();
    };
    let is_one = |pid: &u32| {
        stat(*pid).is_some_and(|fields| {
            fields.first().is_some_and(|state| state != "Z")
                && fields.get(1).is_some_and(|of| *of == parent.to_string())
                && group(&fields).is_some_and(|other| other != own)
        })
    };
    all().filter(is_one).collect()
}

/// When the process started, in the kernel's ticks after the boot; `None` for
/// one that has ended.
pub fn start_time(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    if fields.first()? == "Z" {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Whether the process exists and has not ended.
pub fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// The process's command name.
pub fn name(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .ok()
        .map(|text| text.trim().to_owned())
}

/// CPU time used so far by the threads of a process tree, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// By thread id, from the scheduler's own accounting.
    threads: BTreeMap<u32, u64>,
    /// The kernel's tick-based figure for the same processes; it also holds
    /// threads that have ended.
    ticks_ns: u64,
}

impl CpuTime {
    /// Reads the current figures of `root` and its descendants.
    pub fn of_tree(root: u32) -> Self {
        let mut time = Self::default();
        for pid in tree(root) {
            for (thread, ns) in thread_times(pid) {
                time.threads.insert(thread, ns);
            }
            time.ticks_ns += tick_time(pid).unwrap_or(0);
        }
        time
    }

    /// Nanoseconds between `earlier` and this reading. Exact as long as no
    /// thread has ended in between; otherwise the tick-based figure (10 ms
    /// steps) stands in, because an ended thread takes its account with it.
    pub fn since(&self, earlier: &Self) -> u64 {
        let complete = !self.threads.is_empty()
            && earlier
                .threads
                .keys()
                .all(|thread| self.threads.contains_key(thread));
        if !complete {
            return self.ticks_ns.saturating_sub(earlier.ticks_ns);
        }
        self.threads
            .iter()
            .map(|(thread, ns)| ns.saturating_sub(*earlier.threads.get(thread).unwrap_or(&0)))
            .sum()
    }
}

fn thread_times(pid: u32) -> Vec<(u32, u64)> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|item| {
            let thread = item.file_name().to_str()?.parse().ok()?;
            let text = fs::read_to_string(item.path().join("schedstat")).ok()?;
            Some((thread, text.split_whitespace().next()?.parse().ok()?))
        })
        .collect()
}

/// User and system time including ended threads. Linux reports it in hundredths
/// of a second on every architecture, whatever the kernel's own tick is.
fn tick_time(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some((user + system) * 10_000_000)
}

/// Seconds that these CPUs have been busy since boot, whoever used them; steps
/// of 10 ms.
pub fn busy_seconds(cpus: &[usize]) -> f64 {
    let table = fs::read_to_string("/proc/stat").unwrap_or_default();
    cpus.iter()
        .filter_map(|cpu| busy_ticks(&table, *cpu))
        .sum::<u64>() as f64
        / 100.0
}

/// User, nice, system, irq, softirq and steal of one CPU.
fn busy_ticks(table: &str, cpu: usize) -> Option<u64> {
    let name = format!("cpu{cpu} ");
    let line = table.lines().find_map(|line| line.strip_prefix(&name))?;
    let fields: Vec<u64> = line
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    Some(
        [0, 1, 2, 5, 6, 7]
            .iter()
            .filter_map(|index| fields.get(*index))
            .sum(),
    )
}

/// Peak resident memory of the tree's living processes, in bytes: the sum of
/// each one's own peak.
pub fn peak_memory(root: u32) -> u64 {
    tree(root)
        .into_iter()
        .filter_map(|pid| {
            let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        })
        .map(|kib| kib * 1024)
        .sum()
}

/// Who listens on a TCP port: process id and name, as far as `/proc` lets us
/// see (descriptors of other users' processes are hidden).
pub fn listener(port: u16) -> Option<(u32, String)> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    all().find_map(|pid| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        descriptors
            .flatten()
            .filter_map(|item| fs::read_link(item.path()).ok())
            .any(|target| {
                inodes
                    .iter()
                    .any(|inode| target.as_os_str() == inode.as_str())
            })
            .then(|| (pid, name(pid).unwrap_or_else(|| "?".into())))
    })
}

/// The TCP ports that a process tree listens on, as far as `/proc` lets us see.
pub fn ports(root: u32) -> Vec<u16> {
    let descriptors = tree(root).into_iter().filter_map(|pid| {
        let folder = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        Some(
            folder
                .flatten()
                .filter_map(|item| fs::read_link(item.path()).ok()),
        )
    });
    let own: Vec<PathBuf> = descriptors.flatten().collect();
    let is_own = |inode: &str| own.contains(&PathBuf::from(format!("socket:[{inode}]")));
    let mut ports: Vec<u16> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table))
        .filter(|(_, inode)| is_own(inode))
        .map(|(port, _)| port)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Socket inodes in state LISTEN on `port`, from a `/proc/net/tcp` table.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let listening = listening(table).into_iter();
    let on_port = listening.filter(|(number, _)| *number == port);
    on_port.map(|(_, inode)| inode).collect()
}

/// Ports and socket inodes in state LISTEN (0A), from the same table.
fn listening(table: &str) -> Vec<(u16, String)> {
    let lines = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, port) = fields.get(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        (*fields.get(3)? == "0A").then_some((port, (*fields.get(9)?).to_owned()))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn this_process_holds_the_port_it_listens_on() {
        let listener_socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener_socket.local_addr().unwrap().port();
        assert_eq!(listener(port).map(|(pid, _)| pid), Some(std::process::id()));
        assert!(ports(std::process::id()).contains(&port));
        drop(listener_socket);
        assert!(!ports(std::process::id()).contains(&port));
    }

    #[test]
    fn tables_are_read_by_port_and_state() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
             1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n";
        assert_eq!(listening_inodes(table, 8080), ["4711"]);
        assert!(listening_inodes(table, 8081).is_empty());
    }

    #[test]
    fn cpu_time_grows_with_work_and_falls_back_when_threads_end() {
        let before = CpuTime::of_tree(std::process::id());
        let mut sum = 0_u64;
        for number in 0..20_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_add(number));
        }
        let after = CpuTime::of_tree(std::process::id());
        // Other tests' threads come and go, so either figure may be used.
        assert!(after.ticks_ns >= before.ticks_ns);
        let mut gone = before.clone();
        gone.threads.insert(u32::MAX, 1);
        assert_eq!(after.since(&gone), after.ticks_ns - before.ticks_ns);
        let same = CpuTime {
            threads: BTreeMap::from([(1, 500)]),
            ticks_ns: 0,
        };
        let later = CpuTime {
            threads: BTreeMap::from([(1, 800), (2, 50)]),
            ticks_ns: 0,
        };
        assert_eq!(later.since(&same), 350);
    }

    #[test]
    fn busy_time_leaves_out_idle_and_waiting() {
        let table = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 1 2 4 1000 1000 8 16 32 0 0\n";
        assert_eq!(busy_ticks(table, 1), Some(63));
        assert_eq!(busy_ticks(table, 2), None);
    }

    #[test]
    fn peak_memory_of_this_process_is_plausible() {
        assert!(peak_memory(std::process::id()) > 1 << 20);
    }
}
