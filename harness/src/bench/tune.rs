//! The platform's host tuning, for as long as a run lasts.

use crate::cleanup::Setting;
use crate::error::Error;
use std::path::{Path, PathBuf};

/// Files below `/` and what the platform's scripts of 2026-04 write into them.
const SETTINGS: [(&str, &str); 9] = [
    ("proc/sys/net/core/somaxconn", "65535"),
    ("proc/sys/net/core/netdev_max_backlog", "65535"),
    ("proc/sys/net/core/rmem_max", "7500000"),
    ("proc/sys/net/core/wmem_max", "7500000"),
    ("proc/sys/net/ipv4/tcp_max_syn_backlog", "65535"),
    ("proc/sys/net/ipv4/ip_local_port_range", "1024 65535"),
    ("proc/sys/net/ipv4/tcp_max_tw_buckets", "131072"),
    ("proc/sys/net/ipv4/tcp_tw_reuse", "1"),
    ("sys/class/net/lo/mtu", "1500"),
];

/// A tuned host; dropping it puts everything back.
#[derive(Debug, Default)]
pub struct Tuned {
    /// Put back in this order.
    settings: Vec<Setting>,
    /// What was changed, and what could not be, for people and the record.
    pub lines: Vec<String>,
}

/// Tunes this host.
///
/// # Errors
/// Without the rights of root.
pub fn this_host() -> Result<Tuned, Error> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::environment(
            "--tune-host changes settings of the kernel, and for that it has to be root: sudo ./benchmark.sh ...",
        ));
    }
    let tuned = below(Path::new("/"));
    drop_caches();
    for line in &tuned.lines {
        println!("tune-host: {line}");
    }
    println!("tune-host: page cache dropped; what was changed is put back at the end");
    Ok(tuned)
}

fn below(root: &Path) -> Tuned {
    let mut tuned = Tuned::default();
    let settings = SETTINGS
        .iter()
        .map(|(path, value)| (root.join(path), *value))
        .chain(
            governors(root)
                .into_iter()
                .map(|path| (path, "performance")),
        );
    for (path, value) in settings {
        tuned.change(&path, value);
    }
    tuned
}

impl Tuned {
    fn change(&mut self, path: &Path, value: &str) {
        let name = path.display();
        match Setting::change(path, value) {
            Ok(None) => {}
            Ok(Some(setting)) => {
                self.lines
                    .push(format!("{name}: {} -> {value}", setting.before()));
                self.settings.push(setting);
            }
            Err(error) => self.lines.push(format!("{name} stays as it is: {error}")),
        }
    }
}

/// One file for each CPU; none in most virtual machines.
fn governors(root: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root.join("sys/devices/system/cpu"));
    let mut found: Vec<PathBuf> = folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| item.path().join("cpufreq/scaling_governor"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found
}

/// Nothing that could be put back. Failing costs nothing but the comparison
/// with a machine where it did not fail.
fn drop_caches() {
    rustix::fs::sync();
    let _ = std::fs::write("/proc/sys/vm/drop_caches", "3");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn settings_are_changed_and_put_back() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let ports = file("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
        let reuse = file("proc/sys/net/ipv4/tcp_tw_reuse", "1\n");
        let governor = file(
            "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor",
            "powersave\n",
        );
        file("sys/devices/system/cpu/cpuidle/x", "");
        let tuned = below(root.path());
        let read = |path: &Path| fs::read_to_string(path).unwrap().trim().to_owned();
        assert_eq!(read(&ports), "1024 65535");
        assert_eq!(read(&governor), "performance");
        let text = tuned.lines.join("\n");
        assert!(text.contains("32768 60999 -> 1024 65535"), "{text}");
        assert!(
            !text.contains("tcp_tw_reuse"),
            "as it should be already: {text}"
        );
        assert!(
            text.contains("lo/mtu stays as it is"),
            "there is none: {text}"
        );
        drop(tuned);
        assert_eq!(read(&ports), "32768 60999");
        assert_eq!(read(&reuse), "1");
        assert_eq!(read(&governor), "powersave");
    }
}
