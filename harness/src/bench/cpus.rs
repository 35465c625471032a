//! Which CPUs the server and the load generator get.

use std::collections::BTreeSet;
use std::fs;

/// Disjoint CPU sets where there are at least two cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// For the server.
    pub server: Vec<usize>,
    /// For the load generator, and for this process between its samples.
    pub client: Vec<usize>,
}

impl Split {
    /// Divides the CPUs that this process may use: whole cores, the lower half
    /// to the server.
    pub fn of_this_machine() -> Self {
        Self::of(&cores(&usable()))
    }

    fn of(cores: &[Vec<usize>]) -> Self {
        let half = cores.len() / 2;
        let flat = |cores: &[Vec<usize>]| cores.iter().flatten().copied().collect();
        if half == 0 {
            return Self {
                server: flat(cores),
                client: flat(cores),
            };
        }
        Self {
            server: flat(&cores[..half]),
            client: flat(&cores[half..]),
        }
    }

    /// Server and generator run on the same CPU.
    pub fn is_shared(&self) -> bool {
        self.server == self.client
    }

    /// One line for people.
    pub fn described(&self) -> String {
        let list = |cpus: &[usize]| crate::launch::docker::cpu_list(cpus);
        if self.is_shared() {
            return format!(
                "server and load generator share CPU {}: expect figures that depend on each other",
                list(&self.server)
            );
        }
        format!(
            "server on CPU {}, load generator on CPU {}",
            list(&self.server),
            list(&self.client)
        )
    }
}

/// Cores that this process may use, whatever their hardware threads.
pub(super) fn core_count() -> usize {
    cores(&usable()).len()
}

/// The CPUs in this process's affinity mask.
pub(super) fn usable() -> Vec<usize> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else {
        return vec![0];
    };
    (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|cpu| set.is_set(*cpu))
        .collect()
}

/// Groups CPUs that are hardware threads of one core.
fn cores(usable: &[usize]) -> Vec<Vec<usize>> {
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut cores = Vec::new();
    for cpu in usable {
        if seen.contains(cpu) {
            continue;
        }
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        let siblings = fs::read_to_string(path).map_or_else(|_| vec![*cpu], |text| parse(&text));
        let mut core: Vec<usize> = siblings
            .into_iter()
            .filter(|sibling| usable.contains(sibling))
            .collect();
        if !core.contains(cpu) {
            core.push(*cpu);
        }
        seen.extend(&core);
        cores.push(core);
    }
    cores
}

/// A kernel list such as `0-2,64`.
fn parse(list: &str) -> Vec<usize> {
    list.trim()
        .split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_not_torn_apart() {
        let split = Split::of(&[vec![0, 4], vec![1, 5], vec![2, 6]]);
        assert_eq!(
            split,
            Split {
                server: vec![0, 4],
                client: vec![1, 5, 2, 6]
            }
        );
        assert!(!split.is_shared());
    }

    #[test]
    fn a_single_core_is_shared_and_says_so() {
        let split = Split::of(&[vec![0]]);
        assert!(split.is_shared() && split.described().contains("share CPU 0"));
    }

    #[test]
    fn kernel_lists_are_read() {
        assert_eq!(parse("0-2,64\n"), [0, 1, 2, 64]);
        assert_eq!(parse(""), Vec::<usize>::new());
    }

    #[test]
    fn this_machine_has_cpus() {
        let split = Split::of_this_machine();
        assert!(!split.server.is_empty() && !split.client.is_empty());
    }
}
