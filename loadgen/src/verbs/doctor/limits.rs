//! Limits of this process, of the network and of the container.

use super::Finding;
use crate::{
    machine::{cgroup, limits, line, number},
    plan::SPARE_DESCRIPTORS,
};
use std::fs;

/// Two queues of a ring for each thread, at least.
const LOCKED_MIN: u64 = 1 << 20;
/// What a connection takes at both ends when they are on one machine, most of it in the kernel.
const CONNECTION_BYTES: u64 = 16 * 1024;
const BASE_BYTES: u64 = 64 << 20;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn check(wanted: u32) -> Vec<Finding> {
    let wanted = u64::from(wanted);
    let own = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let group = cgroup::Limits::read();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    vec![
        files(&own, wanted),
        locked(&own),
        ports(
            line("/proc/sys/net/ipv4/ip_local_port_range").as_deref(),
            wanted,
        ),
        backlog(number("/proc/sys/net/core/somaxconn"), wanted),
        reuse(number("/proc/sys/net/ipv4/tcp_tw_reuse")),
        quota(&group),
        free(
            limits::memory(&memory, "MemAvailable"),
            group.memory_left,
            wanted,
        ),
    ]
}

fn files(own: &str, wanted: u64) -> Finding {
    const NAME: &str = "open files";
    let needed = wanted + 1 + SPARE_DESCRIPTORS;
    let Some((soft, hard)) = limits::resource(own, "Max open files") else {
        return Finding::unknown(NAME);
    };
    let show = |limit: Option<u64>| limit.map_or_else(|| "unlimited".into(), |n| n.to_string());
    let text = format!(
        "soft {}, hard {} (a run raises its own to that); -c {wanted} needs {needed}",
        show(soft),
        show(hard)
    );
    match hard {
        Some(hard) if hard < needed => Finding::bad(
            NAME,
            text,
            format!(
                "sudo prlimit --pid $$ --nofile={needed}:{needed} (Docker: --ulimit nofile={needed})"
            ),
        ),
        _ => Finding::ok(NAME, text),
    }
}

fn locked(own: &str) -> Finding {
    const NAME: &str = "locked memory";
    match limits::resource(own, "Max locked memory") {
        None => Finding::unknown(NAME),
        Some((None, _)) => Finding::ok(NAME, "unlimited"),
        Some((Some(soft), _)) => {
            let text = format!(
                "{:.1} MiB; rings count against it since Linux 6.14",
                soft as f64 / MIB
            );
            if soft < LOCKED_MIN {
                Finding::warn(
                    NAME,
                    text,
                    "ulimit -l unlimited (Docker: --ulimit memlock=-1:-1)",
                )
            } else {
                Finding::ok(NAME, text)
            }
        }
    }
}

fn ports(range: Option<&str>, wanted: u64) -> Finding {
    const NAME: &str = "ports";
    let Some(ports) = range.and_then(limits::ports) else {
        return Finding::unknown(NAME);
    };
    let text = format!("{ports} local ports towards each address of a server; -c {wanted}");
    if ports < wanted {
        Finding::bad(
            NAME,
            text,
            "sudo sysctl -w net.ipv4.ip_local_port_range='1024 65535', or several addresses with --source-ip",
        )
    } else {
        Finding::ok(NAME, text)
    }
}

fn backlog(somaxconn: Option<u64>, wanted: u64) -> Finding {
    const NAME: &str = "backlog";
    match somaxconn {
        None => Finding::unknown(NAME),
        Some(most) if most < wanted => Finding::warn(
            NAME,
            format!(
                "net.core.somaxconn {most} is less than -c {wanted}: if the server runs here, connects may have to be repeated"
            ),
            format!(
                "sudo sysctl -w net.core.somaxconn={}, or --connect-rate",
                wanted.next_power_of_two()
            ),
        ),
        Some(most) => Finding::ok(NAME, format!("net.core.somaxconn {most}")),
    }
}

fn reuse(value: Option<u64>) -> Finding {
    const NAME: &str = "TIME_WAIT";
    match value {
        None => Finding::unknown(NAME),
        Some(0) => Finding::warn(
            NAME,
            "net.ipv4.tcp_tw_reuse 0: a port is lost for a minute when this side closes (-r with --close fin)",
            "sudo sysctl -w net.ipv4.tcp_tw_reuse=1",
        ),
        Some(2) => Finding::ok(
            NAME,
            "net.ipv4.tcp_tw_reuse 2: ports are used again over loopback",
        ),
        Some(value) => Finding::ok(
            NAME,
            format!("net.ipv4.tcp_tw_reuse {value}: ports are used again"),
        ),
    }
}

fn quota(group: &cgroup::Limits) -> Finding {
    const NAME: &str = "CPU quota";
    match group.cpus {
        None => Finding::ok(NAME, "none"),
        Some(cpus) => Finding::warn(
            NAME,
            format!(
                "{cpus:.2} CPUs' time, throttled {} times: whoever has used it up stands still until the next period",
                group
                    .throttled
                    .map_or_else(|| "an unknown number of".into(), |n| n.to_string())
            ),
            "docker run --cpuset-cpus … in place of --cpus (systemd: AllowedCPUs= in place of CPUQuota=)",
        ),
    }
}

fn free(available: Option<u64>, left: Option<u64>, wanted: u64) -> Finding {
    const NAME: &str = "memory";
    let Some(free) = available.into_iter().chain(left).min() else {
        return Finding::unknown(NAME);
    };
    let needed = BASE_BYTES + wanted * CONNECTION_BYTES;
    let text = format!(
        "{:.0} MiB free; -c {wanted} may need {:.0} MiB with the kernel's part",
        free as f64 / MIB,
        needed as f64 / MIB
    );
    if free < needed {
        Finding::bad(
            NAME,
            text,
            "ps -eo rss,comm --sort=-rss | head (Docker: a larger --memory)",
        )
    } else {
        Finding::ok(NAME, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::Level;

    #[test]
    fn files_must_do_for_all_connections() {
        let limits = "Max open files            1024                 4096                 files\n\
                      Max locked memory         65536                65536                bytes\n";
        assert_eq!(files(limits, 1000).level, Level::Ok);
        let bad = files(limits, 5000);
        assert_eq!(bad.level, Level::Bad);
        assert!(
            bad.fix.unwrap().contains("--nofile=5065:5065"),
            "{}",
            bad.text
        );
        assert_eq!(files("", 5000).level, Level::Unknown);
        assert_eq!(locked(limits).level, Level::Warn);
    }

    #[test]
    fn ports_must_do_as_well() {
        assert_eq!(ports(Some("32768\t60999"), 28_232).level, Level::Ok);
        let bad = ports(Some("32768\t60999"), 28_233);
        assert_eq!(bad.level, Level::Bad);
        assert!(bad.fix.unwrap().contains("--source-ip"));
        assert_eq!(ports(None, 1).level, Level::Unknown);
        assert_eq!(backlog(Some(128), 128).level, Level::Ok);
        assert!(
            backlog(Some(128), 500)
                .fix
                .unwrap()
                .contains("somaxconn=512")
        );
        assert_eq!(reuse(Some(0)).level, Level::Warn);
        assert_eq!(reuse(Some(2)).level, Level::Ok);
    }

    #[test]
    fn quotas_and_memory() {
        let group = cgroup::Limits {
            cpus: Some(1.5),
            throttled: Some(9),
            memory_left: Some(1 << 20),
        };
        let warned = quota(&group);
        assert_eq!(warned.level, Level::Warn);
        assert!(
            warned.text.contains("1.50") && warned.text.contains(" 9 "),
            "{}",
            warned.text
        );
        assert_eq!(quota(&cgroup::Limits::default()).level, Level::Ok);
        // The tighter of the machine and the container counts.
        assert_eq!(free(Some(1 << 34), group.memory_left, 1).level, Level::Bad);
        assert_eq!(free(Some(1 << 34), None, 100).level, Level::Ok);
        assert_eq!(free(Some(1 << 30), None, 100_000).level, Level::Bad);
    }
}
