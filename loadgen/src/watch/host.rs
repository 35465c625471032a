//! What the whole machine, and its network, went through during the window. Counters of the kernel since boot; reports
//! have their differences.

use crate::{
    clock::{self, Nanos},
    machine::{cpu::Times, pressure::Pressure},
};
use serde::Serialize;
use std::{fs, path::Path};

/// A reading of the counters. What this kernel does not tell is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    at: Nanos,
    times: Option<Times>,
    /// Microseconds in which some task waited.
    cpu: Option<u64>,
    memory: Option<u64>,
    io: Option<u64>,
}

/// What happened between two readings.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct HostUse {
    /// Part of the CPUs' time that the hypervisor gave to others.
    pub steal: Option<f64>,
    /// Part of the time in which some task waited for a CPU, for memory, for a disk (PSI, Linux 4.20).
    pub psi_cpu_some: Option<f64>,
    pub psi_memory_some: Option<f64>,
    pub psi_io_some: Option<f64>,
}

impl Reading {
    pub(super) fn now() -> Self {
        Self {
            at: clock::now(),
            times: Times::read(),
            cpu: pressure(Path::new("/proc/pressure/cpu")),
            memory: pressure(Path::new("/proc/pressure/memory")),
            io: pressure(Path::new("/proc/pressure/io")),
        }
    }

    pub(super) fn since(&self, earlier: &Self) -> HostUse {
        let micros = self.at.saturating_sub(earlier.at) as f64 / 1e3;
        let part =
            |now: Option<u64>, before: Option<u64>| share(now?.saturating_sub(before?), micros);
        let times = self.times.zip(earlier.times);
        let stolen = times.and_then(|(now, before)| Some(now.since(before)?.1));
        HostUse {
            steal: stolen.and_then(|part| rounded(part, 1.0)),
            psi_cpu_some: part(self.cpu, earlier.cpu),
            psi_memory_some: part(self.memory, earlier.memory),
            psi_io_some: part(self.io, earlier.io),
        }
    }
}

/// A part of 1, in steps that a reader can take in.
pub(super) fn share(part: u64, whole: f64) -> Option<f64> {
    rounded(part as f64, whole)
}

fn rounded(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| ((part / whole).min(1.0) * 1e4).round() / 1e4)
}

/// Microseconds of "some" in a PSI file.
pub(super) fn pressure(path: &Path) -> Option<u64> {
    Some(Pressure::parse(&fs::read_to_string(path).ok()?)?.total)
}

/// Counters of a network namespace, and of the machine's network cards, which the namespaces share. Of a reading: since
/// boot; of a result: over the window.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Network {
    /// Connections that a full accept queue turned away (`ListenOverflows`), and all that listeners dropped.
    pub listen_overflows: Option<u64>,
    pub listen_drops: Option<u64>,
    /// TCP segments that were sent again.
    pub retransmits: Option<u64>,
    /// Packets that found the CPU's backlog full, and times that its budget was used up.
    pub softnet_drops: Option<u64>,
    pub softnet_squeezed: Option<u64>,
}

impl Network {
    /// As seen by a process; that of this one is `self`.
    pub(super) fn read(process: &str) -> Self {
        let text = |name: &str| {
            fs::read_to_string(format!("/proc/{process}/net/{name}")).unwrap_or_default()
        };
        let (netstat, snmp, softnet) = (text("netstat"), text("snmp"), text("softnet_stat"));
        Self {
            listen_overflows: counter(&netstat, "TcpExt:", "ListenOverflows"),
            listen_drops: counter(&netstat, "TcpExt:", "ListenDrops"),
            retransmits: counter(&snmp, "Tcp:", "RetransSegs"),
            softnet_drops: column(&softnet, 1),
            softnet_squeezed: column(&softnet, 2),
        }
    }

    pub(super) fn since(&self, earlier: &Self) -> Self {
        let less = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            listen_overflows: less(self.listen_overflows, earlier.listen_overflows),
            listen_drops: less(self.listen_drops, earlier.listen_drops),
            retransmits: less(self.retransmits, earlier.retransmits),
            softnet_drops: less(self.softnet_drops, earlier.softnet_drops),
            softnet_squeezed: less(self.softnet_squeezed, earlier.softnet_squeezed),
        }
    }
}

/// A counter in pairs of lines: names, then values.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group));
    let names = lines.next()?.split_whitespace();
    let values = lines.next()?.split_whitespace();
    let (_, value) = names.zip(values).find(|(this, _)| *this == name)?;
    value.parse().ok()
}

/// The sum of a hexadecimal column, over the CPUs.
fn column(text: &str, number: usize) -> Option<u64> {
    let values = text
        .lines()
        .map(|line| u64::from_str_radix(line.split_whitespace().nth(number)?, 16).ok());
    let values: Option<Vec<u64>> = values.collect();
    values
        .filter(|values| !values.is_empty())
        .map(|values| values.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let text =
            "TcpExt: A ListenOverflows B\nTcpExt: 1 22 3\nIpExt: ListenOverflows\nIpExt: 9\n";
        assert_eq!(counter(text, "TcpExt:", "ListenOverflows"), Some(22));
        assert_eq!(counter(text, "TcpExt:", "Nothing"), None);
        assert_eq!(column("00 0000000a 01\n00 00000001 02\n", 1), Some(11));
        assert_eq!(column("", 1), None);
    }

    #[test]
    fn differences_are_parts_of_the_time() {
        let before = Reading {
            at: 1_000_000_000,
            times: Times::parse("cpu 90 0 0 0 0 0 0 10"),
            cpu: Some(500),
            ..Reading::default()
        };
        let after = Reading {
            at: 2_000_000_000,
            times: Times::parse("cpu 190 0 0 90 0 0 0 20"),
            cpu: Some(250_500),
            ..before
        };
        let use_ = after.since(&before);
        assert_eq!(use_.steal, Some(0.05));
        assert_eq!(use_.psi_cpu_some, Some(0.25));
        assert_eq!(use_.psi_memory_some, None);
        assert_eq!(before.since(&before).steal, None);
    }

    #[test]
    fn this_machine_has_a_network() {
        let reading = Network::read("self");
        assert!(reading.retransmits.is_some() && reading.listen_overflows.is_some());
        assert_eq!(reading.since(&reading).retransmits, Some(0));
    }
}
