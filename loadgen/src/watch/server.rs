//! The server's side of the window.

use super::{
    cgroup::Cgroup,
    container,
    host::Network,
    proc::{self, Thread},
};
use crate::{args, files::ranges};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// Which processes are the server, and how that was said.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(super) how: &'static str,
    pub(super) name: String,
    /// Without a group: these and all that descend from them.
    pub(super) roots: Vec<u32>,
    pub(super) group: Option<Cgroup>,
}

impl Server {
    /// Looks it up; a message where it is not there.
    pub(crate) fn find(args: &args::Server) -> Result<Option<Self>, String> {
        if let Some(path) = &args.server_cgroup {
            let group = Cgroup::open(path).map_err(|error| format!("--server-cgroup: {error}"))?;
            return Ok(Some(Self {
                how: "cgroup",
                name: group.path().display().to_string(),
                roots: Vec::new(),
                group: Some(group),
            }));
        }
        if let Some(name) = &args.server_container {
            let process =
                container::process(name).map_err(|error| format!("--server-container: {error}"))?;
            is_there(process).map_err(|error| {
                format!("--server-container: {name} is said to be process {process}, but {error}")
            })?;
            return Ok(Some(Self {
                how: "container",
                name: name.clone(),
                roots: vec![process],
                // The group of the whole machine is no container's.
                group: Cgroup::of(process).filter(Cgroup::is_some),
            }));
        }
        for pid in &args.server_pid {
            is_there(*pid).map_err(|error| format!("--server-pid: {error}"))?;
        }
        let names: Vec<String> = args.server_pid.iter().map(u32::to_string).collect();
        Ok((!names.is_empty()).then(|| Self {
            how: "pid",
            name: names.join(","),
            roots: args.server_pid.clone(),
            group: None,
        }))
    }

    pub(super) fn members(&self) -> Vec<u32> {
        match &self.group {
            Some(group) => group.members().unwrap_or_default(),
            None => proc::with_descendants(&self.roots),
        }
    }

    /// How many CPUs' time it may use at most, besides the CPUs that its threads may run on.
    fn quota(&self) -> Option<f64> {
        match (&self.group, self.roots.first()) {
            (Some(group), _) => group.quota(),
            (None, Some(root)) => Cgroup::of(*root)?.quota(),
            (None, None) => None,
        }
    }
}

fn is_there(pid: u32) -> Result<(), String> {
    match proc::Stat::read(pid) {
        None => Err(format!("there is no process {pid}")),
        Some(stat) if stat.is_zombie => Err(format!("process {pid} ({}) has ended", stat.name)),
        Some(_) => Ok(()),
    }
}

/// What the server used over the window.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ServerUse {
    /// pid, cgroup or container, and which.
    pub source: &'static str,
    pub name: String,
    /// Names of its processes.
    pub programs: Vec<String>,
    pub processes: usize,
    pub threads: usize,
    /// CPUs that it may use, and how many of them at once.
    pub cpus: String,
    pub cpus_allowed: f64,
    #[serde(skip)]
    pub cpu: Duration,
    #[serde(skip)]
    pub user: Option<Duration>,
    pub cpu_cores_used: f64,
    /// Part of `cpus_allowed` that was used.
    pub cpu_saturation: Option<f64>,
    /// Part of the time that the busiest of its threads was on a CPU.
    pub busiest_thread: Option<f64>,
    /// Time in which the group was not let run because its quota was used up.
    pub throttled_us: Option<u64>,
    /// Part of the time in which some task of the group waited for a CPU.
    pub psi_cpu_some: Option<f64>,
    /// Resident memory at the end, and the most that was seen; pages that processes share count for each.
    pub rss_bytes: u64,
    pub rss_peak_bytes: u64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
    /// Whether it shares the network namespace of this program.
    pub shares_network: bool,
    #[serde(flatten)]
    pub network: Network,
    pub samples: Vec<Sample>,
    /// What went wrong.
    pub notes: Vec<String>,
}

impl ServerUse {
    /// How near the server was to its limit, 0 to 1: all CPUs that it may use, or its busiest thread, whichever is nearer.
    /// `None` when nothing was measured.
    pub(crate) fn saturation(&self) -> Option<f64> {
        match (self.cpu_saturation, self.busiest_thread) {
            (Some(all), Some(one)) => Some(all.max(one)),
            (all, one) => all.or(one),
        }
    }
}

/// The server at the end of an interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Since the begin of the window.
    pub t_ns: u64,
    /// CPUs in use since the sample before.
    pub cpu_cores: f64,
    pub rss_bytes: u64,
}

impl ServerUse {
    pub(super) fn limits(&mut self, server: &Server, mut cpus: Vec<usize>) {
        if cpus.is_empty() {
            cpus = server.group.as_ref().map(Cgroup::cpus).unwrap_or_default();
        }
        self.cpus = ranges(&cpus);
        let count = cpus.len() as f64;
        self.cpus_allowed = server.quota().map_or(count, |quota| quota.min(count));
        let saturation = || (self.cpu_cores_used / self.cpus_allowed * 1e3).round() / 1e3;
        self.cpu_saturation = (self.cpus_allowed > 0.0).then(saturation);
    }

    /// Threads that ended during the window are not known any more.
    pub(super) fn threads_since(
        &mut self,
        before: &BTreeMap<u32, Thread>,
        now: &BTreeMap<u32, Thread>,
        wall: f64,
    ) {
        for (id, thread) in now {
            let before = before.get(id).copied().unwrap_or_default();
            self.voluntary_switches += thread.voluntary.saturating_sub(before.voluntary);
            self.involuntary_switches += thread.involuntary.saturating_sub(before.involuntary);
            if let Some(ran) = thread.ran.filter(|_| wall > 0.0) {
                let busy = ran.saturating_sub(before.ran.unwrap_or(0)) as f64 / 1e9 / wall;
                let busy = (busy.min(1.0) * 1e3).round() / 1e3;
                self.busiest_thread = Some(self.busiest_thread.map_or(busy, |most| most.max(busy)));
            }
        }
    }
}
