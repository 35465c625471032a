//! What this machine is. Read once, before the run.

use crate::{args::Cpus, start_at::ClockState};
use serde::Serialize;
use std::{collections::BTreeSet, fs};
use sws_ring::sys;

/// Facts that a result depends on; what cannot be read is `None`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Host {
    pub host: Option<String>,
    pub kernel: Option<String>,
    pub cpu_model: Option<String>,
    /// CPUs that the threads may use, like 0-3,8.
    pub cpus: String,
    /// Each thread was bound to one of them.
    pub pinned: bool,
    /// Frequency governors of these CPUs; virtual machines have none.
    pub governor: Option<String>,
    pub clock: ClockState,
}

impl Host {
    /// Reads the facts.
    pub(crate) fn read(pinned: Option<&Cpus>) -> Self {
        let mut cpus = match pinned {
            Some(cpus) => cpus.0.clone(),
            None => sys::allowed_cpus(),
        };
        cpus.sort_unstable();
        cpus.dedup();
        Self {
            host: line("/proc/sys/kernel/hostname"),
            kernel: line("/proc/sys/kernel/osrelease"),
            cpu_model: cpu_model(),
            governor: governor(&cpus),
            clock: ClockState::read(),
            cpus: ranges(&cpus),
            pinned: pinned.is_some(),
        }
    }
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))?;
    Some(model.trim_start_matches([' ', '\t', ':']).trim().into())
}

fn governor(cpus: &[usize]) -> Option<String> {
    let governors = cpus.iter().filter_map(|cpu| {
        line(&format!(
            "/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"
        ))
    });
    let names: BTreeSet<String> = governors.collect();
    let names: Vec<String> = names.into_iter().collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// Sorted numbers as `--cpus` takes them.
pub(crate) fn ranges(cpus: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for cpu in cpus {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *cpu => *last = *cpu,
            _ => parts.push((*cpu, *cpu)),
        }
    }
    let parts = parts.into_iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_written_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn every_linux_has_a_kernel_and_a_cpu() {
        let host = Host::read(None);
        assert!(host.kernel.is_some() && !host.cpus.is_empty() && !host.pinned);
        assert_eq!(Host::read(Some(&Cpus(vec![3, 1, 2]))).cpus, "1-3");
    }
}
