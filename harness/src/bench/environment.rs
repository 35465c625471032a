//! What figures depend on and nobody remembers later.

use super::cpus::Split;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Settings below `/proc/sys` that move figures.
const SYSCTLS: [&str; 14] = [
    "kernel.io_uring_disabled",
    "kernel.numa_balancing",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "net.core.busy_poll",
    "net.core.netdev_max_backlog",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_tw_reuse",
];

/// The machine, its settings and the commit, as `docs/results.md` says.
pub fn of_this_machine(root: &Path, cpus: &Split) -> Value {
    json!({
        "cpu": cpu_model(),
        "cpus": std::thread::available_parallelism().map_or(1, usize::from),
        "cores": super::cpus::core_count(),
        "server_cpus": cpus.server,
        "generator_cpus": cpus.client,
        "memory_bytes": memory(),
        "virtual": virtual_machine(),
        "os": operating_system(),
        "kernel": line("/proc/sys/kernel/osrelease"),
        "governor": line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "mitigations": mitigations(),
        "transparent_hugepages": line("/sys/kernel/mm/transparent_hugepage/enabled"),
        "lo_mtu": line("/sys/class/net/lo/mtu").and_then(|text| text.parse::<u64>().ok()),
        "sysctls": sysctls(),
        "commit": git(root, &["rev-parse", "HEAD"]),
        "dirty": git(root, &["status", "--porcelain"]).map(|text| !text.is_empty()),
        "compiler": output(Command::new("rustc").arg("--version")),
    })
}

/// The trimmed content of a file with one line; `None` where there is none.
pub(super) fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn cpu_model() -> Option<String> {
    field(&fs::read_to_string("/proc/cpuinfo").ok()?, "model name")
}

/// The value of the first line `name: value`.
fn field(table: &str, name: &str) -> Option<String> {
    table.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn memory() -> Option<u64> {
    let table = fs::read_to_string("/proc/meminfo").ok()?;
    let text = field(&table, "MemTotal")?;
    Some(text.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Whether the CPU says that a hypervisor runs it.
fn virtual_machine() -> Option<bool> {
    let table = fs::read_to_string("/proc/cpuinfo").ok()?;
    let flags = field(&table, "flags")?;
    Some(flags.split(' ').any(|flag| flag == "hypervisor"))
}

fn operating_system() -> Option<String> {
    let table = fs::read_to_string("/etc/os-release").ok()?;
    let line = table
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// Vulnerabilities of this CPU, with what the kernel does about each.
fn mitigations() -> Map<String, Value> {
    let folder = fs::read_dir("/sys/devices/system/cpu/vulnerabilities");
    let mut known: Vec<(String, String)> = folder
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|item| Some((item.file_name().into_string().ok()?, line(item.path())?)))
        .filter(|(_, state)| state != "Not affected")
        .collect();
    known.sort();
    let values = known
        .into_iter()
        .map(|(name, state)| (name, Value::String(state)));
    values.collect()
}

fn sysctls() -> Map<String, Value> {
    let read = |name: &&str| {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        Some(((*name).to_owned(), Value::String(line(path)?)))
    };
    SYSCTLS.iter().filter_map(read).collect()
}

/// Of the repository that `root` is; `None` where it is none.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    if !root.join(".git").exists() {
        return None;
    }
    output(Command::new("git").arg("-C").arg(root).args(arguments))
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_tables() {
        let table = "processor\t: 0\nmodel name\t: AMD EPYC\nmodel\t: 17\n";
        assert_eq!(field(table, "model name").as_deref(), Some("AMD EPYC"));
        assert_eq!(field(table, "model").as_deref(), Some("17"));
        assert_eq!(field(table, "flags"), None);
    }

    #[test]
    fn this_machine_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let found = of_this_machine(folder.path(), &Split::of_this_machine());
        assert!(found["kernel"].is_string() && found["memory_bytes"].is_u64());
        assert!(found["cpus"].as_u64().is_some_and(|cpus| cpus > 0));
        assert!(found["sysctls"]["net.core.somaxconn"].is_string());
        assert!(found["commit"].is_null(), "no repository, no commit");
    }

    #[test]
    fn a_repository_has_a_commit_and_may_be_dirty() {
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
            let mut command = Command::new("git");
            command.arg("-C").arg(folder.path()).args(identity);
            assert!(command.args(arguments).output().unwrap().status.success());
        };
        run(&["init", "--quiet"]);
        run(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
        let found = || of_this_machine(folder.path(), &Split::of_this_machine());
        assert_eq!(found()["commit"].as_str().map(str::len), Some(40));
        assert_eq!(found()["dirty"], false);
        fs::write(folder.path().join("new"), "").unwrap();
        assert_eq!(found()["dirty"], true);
    }
}
