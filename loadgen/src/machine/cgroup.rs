//! Limits of the control groups (versions 1 and 2) that this process is in.

use super::{line, number};
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";
/// Version 1 writes a number near the largest one where there is no limit.
const MEMORY_NO_LIMIT: u64 = 1 << 60;

/// What the groups allow; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// CPUs' worth of time.
    pub cpus: Option<f64>,
    /// Periods in which the time was used up before their end.
    pub throttled: Option<u64>,
    /// Bytes that are left of the limit on memory.
    pub memory_left: Option<u64>,
}

/// The group of a controller in /proc/self/cgroup; the empty name is that of version 2.
pub(crate) fn group<'t>(cgroup: &'t str, controller: &str) -> Option<&'t str> {
    cgroup.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        controllers
            .split(',')
            .any(|name| name == controller)
            .then_some(path)
    })
}

/// `cpu.max` of version 2: a quota, or none, and its period.
pub(crate) fn quota(cpu_max: &str) -> Option<f64> {
    let mut fields = cpu_max.split_whitespace();
    let quota: f64 = fields.next()?.parse().ok()?;
    let period: f64 = fields.next()?.parse().ok()?;
    (period > 0.0).then(|| quota / period)
}

/// A number of a file of names and numbers, such as cpu.stat.
pub(crate) fn counter(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then(|| value.trim().parse().ok())?
    })
}

/// The folders of a group and of those that it is in, the innermost first. A container sees its own group as the root.
fn folders(root: &Path, group: &str) -> Vec<PathBuf> {
    let relative = Path::new(group.trim_start_matches('/'));
    let inside = relative
        .ancestors()
        .map(|part| root.join(part))
        .filter(|folder| folder.is_dir());
    inside.collect()
}

impl Limits {
    /// Those in force.
    pub(crate) fn read() -> Self {
        let Ok(groups) = std::fs::read_to_string("/proc/self/cgroup") else {
            return Self::default();
        };
        Self::of(&groups, Path::new(ROOT))
    }

    fn of(groups: &str, root: &Path) -> Self {
        let mut limits = Self::default();
        let mounts = [root.to_owned(), root.join("unified")];
        let second = group(groups, "").unwrap_or("/");
        for folder in mounts.iter().flat_map(|mount| folders(mount, second)) {
            let cpus = line(folder.join("cpu.max")).and_then(|text| quota(&text));
            let left = number(folder.join("memory.max"))
                .zip(number(folder.join("memory.current")))
                .map(|(most, used)| most.saturating_sub(used));
            limits.tighten(cpus, line(folder.join("cpu.stat")), left);
        }
        for folder in folders(&root.join("cpu"), group(groups, "cpu").unwrap_or("/")) {
            let quota = number(folder.join("cpu.cfs_quota_us"));
            let period = number(folder.join("cpu.cfs_period_us")).filter(|period| *period > 0);
            let cpus = quota
                .zip(period)
                .map(|(quota, period)| quota as f64 / period as f64);
            limits.tighten(cpus, line(folder.join("cpu.stat")), None);
        }
        for folder in folders(&root.join("memory"), group(groups, "memory").unwrap_or("/")) {
            let left = number(folder.join("memory.limit_in_bytes"))
                .filter(|most| *most < MEMORY_NO_LIMIT)
                .zip(number(folder.join("memory.usage_in_bytes")))
                .map(|(most, used)| most.saturating_sub(used));
            limits.tighten(None, None, left);
        }
        limits
    }

    fn tighten(&mut self, cpus: Option<f64>, stat: Option<String>, left: Option<u64>) {
        if let Some(cpus) = cpus
            && self.cpus.is_none_or(|least| cpus < least)
        {
            self.cpus = Some(cpus);
            self.throttled = stat.and_then(|stat| counter(&stat, "nr_throttled"));
        }
        if let Some(left) = left {
            self.memory_left = Some(self.memory_left.map_or(left, |least| least.min(left)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn groups_are_found_by_their_controller() {
        let text = "4:memory:/process_api/c0e5\n2:cpu,cpuacct:/x:y\n1:name=systemd:/\n0::/user.slice/a.scope\n";
        assert_eq!(group(text, "memory"), Some("/process_api/c0e5"));
        assert_eq!(group(text, "cpu"), Some("/x:y"));
        assert_eq!(group(text, ""), Some("/user.slice/a.scope"));
        assert_eq!(group(text, "pids"), None);
    }

    #[test]
    fn quotas_and_counters() {
        assert_eq!(quota("150000 100000"), Some(1.5));
        assert_eq!(quota("max 100000"), None);
        assert_eq!(quota("5 0"), None);
        let stat = "nr_periods 10\nnr_throttled 3\n";
        assert_eq!(counter(stat, "nr_throttled"), Some(3));
        assert_eq!(counter(stat, "nr"), None);
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let (outer, inner) = (root.path().join("a"), root.path().join("a/b"));
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("cpu.max"), "max 100000\n").unwrap();
        fs::write(outer.join("cpu.max"), "50000 100000\n").unwrap();
        fs::write(outer.join("cpu.stat"), "nr_throttled 7\n").unwrap();
        fs::write(inner.join("memory.max"), "1000\n").unwrap();
        fs::write(inner.join("memory.current"), "400\n").unwrap();
        fs::write(outer.join("memory.max"), "max\n").unwrap();
        let limits = Limits::of("0::/a/b\n", root.path());
        assert_eq!(limits.cpus, Some(0.5));
        assert_eq!(limits.throttled, Some(7));
        assert_eq!(limits.memory_left, Some(600));
    }

    #[test]
    fn version_1_has_the_same_limits_in_other_files() {
        let root = tempfile::tempdir().unwrap();
        let (cpu, memory) = (root.path().join("cpu/x"), root.path().join("memory"));
        fs::create_dir_all(&cpu).unwrap();
        fs::create_dir_all(&memory).unwrap();
        fs::write(cpu.join("cpu.cfs_quota_us"), "200000\n").unwrap();
        fs::write(cpu.join("cpu.cfs_period_us"), "100000\n").unwrap();
        fs::write(
            memory.join("memory.limit_in_bytes"),
            "9223372036854771712\n",
        )
        .unwrap();
        fs::write(memory.join("memory.usage_in_bytes"), "5\n").unwrap();
        let limits = Limits::of("2:cpu:/x\n", root.path());
        assert_eq!((limits.cpus, limits.memory_left), (Some(2.0), None));
        fs::write(cpu.join("cpu.cfs_quota_us"), "-1\n").unwrap();
        assert_eq!(Limits::of("2:cpu:/x\n", root.path()).cpus, None);
    }
}
