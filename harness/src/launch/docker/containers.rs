//! Whose a container is. Each one that the harness starts has a label with the
//! process that started it, so that what a cancelled run left can be told from
//! what a running one needs, and both from what is none of our business.

use crate::processes;
use std::fmt;

/// The label of our own containers; its value is an [`Owner`].
pub(super) const LABEL: &str = "sws.harness";

/// What `docker ps` is asked for; [`list`] reads it.
pub(super) const FORMAT: &str =
    "{{.ID}}\t{{.Names}}\t{{.State}}\t{{.Label \"sws.harness\"}}\t{{.Ports}}";

/// A process; no other has the same three figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    boot: String,
    pid: u32,
    /// In the kernel's ticks after the boot.
    start: u64,
}

impl Owner {
    pub(super) fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            boot: boot(),
            pid,
            start: processes::start_time(pid).unwrap_or(0),
        }
    }

    fn read(label: &str) -> Option<Self> {
        let mut fields = label.split('/');
        let owner = Self {
            boot: fields.next()?.to_owned(),
            pid: fields.next()?.parse().ok()?,
            start: fields.next()?.parse().ok()?,
        };
        fields.next().is_none().then_some(owner)
    }

    /// `None` where it ran before a restart, or on another machine that uses
    /// the same engine.
    fn is_alive(&self) -> Option<bool> {
        (self.boot == boot()).then(|| processes::start_time(self.pid) == Some(self.start))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.boot, self.pid, self.start)
    }
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// A container that the engine has, running or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    state: String,
    owner: Option<Owner>,
    ports: String,
}

impl Listed {
    /// Ours, and nobody will remove it any more.
    pub(super) fn is_stale(&self) -> bool {
        let Some(owner) = &self.owner else {
            return false;
        };
        owner
            .is_alive()
            .map_or_else(|| !self.is_running(), |alive| !alive)
    }

    /// Of this very run: a removal that failed.
    pub(super) fn is_left_over(&self) -> bool {
        self.owner.as_ref() == Some(&Owner::this_process())
    }

    fn is_running(&self) -> bool {
        !matches!(self.state.as_str(), "exited" | "dead" | "created")
    }

    /// Whether it listens on this port of the host: published, or through the
    /// host's network, where `holder` is the process that does.
    pub(super) fn holds(&self, port: u16, holder: Option<u32>) -> bool {
        self.ports.contains(&format!(":{port}->"))
            || holder
                .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok())
                .is_some_and(|groups| groups.contains(&self.id))
    }

    /// Why it is not simply removed, and what the user can do.
    pub(super) fn whose(&self, program: &str) -> String {
        match &self.owner {
            Some(owner) if owner.is_alive() == Some(true) => format!(
                "container {} belongs to another run, process {}, that still goes on",
                self.name, owner.pid
            ),
            Some(_) => format!(
                "container {} belongs to a run on another machine; if that is over: {program} rm --force {}",
                self.name, self.name
            ),
            None => format!(
                "container {} was not started by this harness; to remove it: {program} rm --force {}",
                self.name, self.name
            ),
        }
    }
}

/// The lines that `docker ps` prints with [`FORMAT`].
pub(super) fn list(text: &str) -> Vec<Listed> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some(Listed {
                id: fields.next().filter(|id| !id.is_empty())?.to_owned(),
                // Links come after the container's own name.
                name: fields.next()?.split(',').next()?.to_owned(),
                state: fields.next()?.to_owned(),
                owner: fields.next().and_then(Owner::read),
                ports: fields.next().unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(state: &str, label: &str) -> Listed {
        let line = format!("4711\tname\t{state}\t{label}\t127.0.0.1:9000->8080/tcp\n");
        let mut all = list(&line);
        assert_eq!(all.len(), 1, "{line}");
        all.remove(0)
    }

    #[test]
    fn the_format_asks_for_the_label() {
        assert!(FORMAT.contains(&format!("\"{LABEL}\"")));
    }

    #[test]
    fn a_label_is_read_as_it_is_written() {
        let owner = Owner::this_process();
        assert_eq!(Owner::read(&owner.to_string()), Some(owner.clone()));
        assert_eq!(owner.is_alive(), Some(true));
        for wrong in ["", "x", "boot/1", "boot/one/2", "boot/1/2/3"] {
            assert_eq!(Owner::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_a_run_that_ended_left_is_stale() {
        let living = Owner::this_process();
        let own = listed("running", &living.to_string());
        assert!(!own.is_stale() && own.is_left_over());
        // The same number, given to another process since.
        let reused = Owner {
            start: living.start + 1,
            ..living.clone()
        };
        let stale = listed("running", &reused.to_string());
        assert!(stale.is_stale() && !stale.is_left_over());
        let elsewhere = Owner {
            boot: "another".into(),
            ..living
        };
        assert!(!listed("running", &elsewhere.to_string()).is_stale());
        assert!(listed("exited", &elsewhere.to_string()).is_stale());
        for state in ["running", "exited"] {
            assert!(!listed(state, "").is_stale());
            assert!(!listed(state, "something else").is_stale());
        }
    }

    #[test]
    fn a_published_port_is_recognised() {
        let container = listed("running", "");
        assert!(container.holds(9000, None));
        assert!(!container.holds(900, None));
        assert!(!container.holds(8080, None));
    }

    #[test]
    fn what_is_in_the_way_is_named_with_its_cure() {
        let foreign = listed("running", "").whose("docker");
        assert!(
            foreign.contains("not started by this harness")
                && foreign.ends_with("docker rm --force name"),
            "{foreign}"
        );
        let living = listed("running", &Owner::this_process().to_string()).whose("docker");
        assert!(
            living.contains(&format!("process {}", std::process::id())) && !living.contains("rm"),
            "{living}"
        );
    }
}
