//! Control groups, version 2: found by path or by a process in them, and read (Linux, cgroup-v2.rst).

use super::host;
use crate::machine::{
    cgroup::{counter, group, quota},
    cpu::list,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// A group of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

/// CPU time of all processes that are or were in a group.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    pub used: Duration,
    pub user: Duration,
    /// Time in which they had used up what `cpu.max` allows.
    pub throttled: Option<Duration>,
}

impl Cgroup {
    /// A directory, or a path below the place where groups are mounted.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let below = path.strip_prefix("/").unwrap_or(path);
        let places = [
            Some(path.to_owned()),
            mount().map(|mount| mount.join(below)),
        ];
        let mut places = places.into_iter().flatten();
        let found = places.find(|place| place.join("cgroup.procs").is_file());
        let group = Self {
            path: found.ok_or_else(|| {
                format!("there is no cgroup {shown}: give its directory under /sys/fs/cgroup")
            })?,
        };
        if group.cpu().is_none() {
            return Err(format!(
                "{} has no cpu.stat with usage_usec: it is no cgroup of version 2. Name the server's processes with \
                 --server-pid",
                group.path.display()
            ));
        }
        if group
            .members()
            .map_err(|error| format!("cannot read {shown}: {error}"))?
            .is_empty()
        {
            return Err(format!(
                "no process is in the cgroup {}",
                group.path.display()
            ));
        }
        Ok(group)
    }

    /// That of a process.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let path = mount()?.join(group(&text, "")?.trim_start_matches('/'));
        path.is_dir().then_some(Self { path })
    }

    /// Whether only some processes of this machine are in it.
    pub(super) fn is_some(&self) -> bool {
        mount().is_some_and(|mount| mount != self.path)
    }

    /// Processes in the group and those below it.
    pub(super) fn members(&self) -> io::Result<Vec<u32>> {
        let mut found = Vec::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            let text = fs::read_to_string(folder.join("cgroup.procs"));
            match text {
                Ok(text) => found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok())),
                // A group below that is gone by now, or one of threads only.
                Err(_) if folder != self.path => {}
                Err(error) => return Err(error),
            }
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(
                entries
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| entry.path()),
            );
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    pub(super) fn cpu(&self) -> Option<Cpu> {
        let text = fs::read_to_string(self.path.join("cpu.stat")).ok()?;
        let micros = |name: &str| counter(&text, name).map(Duration::from_micros);
        Some(Cpu {
            used: micros("usage_usec")?,
            user: micros("user_usec")?,
            throttled: micros("throttled_usec"),
        })
    }

    /// Microseconds in which some of its tasks waited for a CPU.
    pub(super) fn pressure(&self) -> Option<u64> {
        host::pressure(&self.path.join("cpu.pressure"))
    }

    /// How many CPUs' time the group, or one above it, may use.
    pub(super) fn quota(&self) -> Option<f64> {
        let mount = mount()?;
        let mut least: Option<f64> = None;
        for folder in self
            .path
            .ancestors()
            .take_while(|folder| folder.starts_with(&mount))
        {
            let text = fs::read_to_string(folder.join("cpu.max")).unwrap_or_default();
            if let Some(quota) = quota(&text) {
                least = Some(least.map_or(quota, |least| least.min(quota)));
            }
        }
        least
    }

    /// CPUs that the group may use, as far as it is confined to some.
    pub(super) fn cpus(&self) -> Vec<usize> {
        let text = fs::read_to_string(self.path.join("cpuset.cpus.effective"));
        list(&text.unwrap_or_default()).unwrap_or_default()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Where groups of version 2 are mounted: not always at the usual place.
fn mount() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mounts").ok()?;
    let mut mounts = text.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let place = fields.nth(1)?;
        (fields.next()? == "cgroup2").then(|| PathBuf::from(place))
    });
    mounts.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_group_is_explained() {
        for path in ["/no/such", "nothing-here", "/tmp"] {
            let error = Cgroup::open(Path::new(path)).unwrap_err();
            assert!(
                error.contains(path) && error.contains("/sys/fs/cgroup"),
                "{error}"
            );
        }
    }

    /// A directory with the same files: what a group is asked for.
    #[test]
    fn groups_are_read_with_those_below() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        let write =
            |folder: &Path, name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write(folder.path(), "cgroup.procs", "12\n3\n");
        write(&below, "cgroup.procs", "7\n3\n");
        assert!(
            Cgroup::open(folder.path())
                .unwrap_err()
                .contains("--server-pid")
        );
        let stat =
            "usage_usec 3000\nuser_usec 1000\nsystem_usec 2000\nnr_periods 1\nthrottled_usec 40\n";
        write(folder.path(), "cpu.stat", stat);
        let group = Cgroup::open(folder.path()).unwrap();
        assert_eq!(group.members().unwrap(), [3, 7, 12]);
        let cpu = group.cpu().unwrap();
        assert_eq!(cpu.used, Duration::from_millis(3));
        assert_eq!(cpu.throttled, Some(Duration::from_micros(40)));
        assert_eq!(group.quota(), None);
        write(folder.path(), "cgroup.procs", "");
        write(&below, "cgroup.procs", "");
        assert!(
            Cgroup::open(folder.path())
                .unwrap_err()
                .contains("no process")
        );
    }
}
