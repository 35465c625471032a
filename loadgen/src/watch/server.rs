//! The server's side of the window.

use super::{
    cgroup::{Cgroup, Cpu},
    container,
    host::{self, Network},
    proc::{self, Thread},
    processes::Processes,
};
use crate::{
    args,
    clock::{self, Nanos},
    duration::display,
    files::ranges,
    report::units::per,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

/// Less than this is too short for a sample: it is what is left of the window after the last one.
const SAMPLE_MIN: Nanos = 20_000_000;

/// Which processes are the server, and how that was said.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    how: &'static str,
    name: String,
    /// Without a group: these and all that descend from them.
    roots: Vec<u32>,
    group: Option<Cgroup>,
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

    fn members(&self) -> Vec<u32> {
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

/// Reads what the server has used.
#[derive(Debug)]
pub(super) struct Meter {
    server: Server,
    processes: Processes,
    begin: Option<Begin>,
    /// Time and CPU time of the last sample.
    last: (Nanos, Duration),
    /// From the first reading to the last one.
    span: Nanos,
    samples: Vec<Sample>,
    notes: Vec<String>,
}

/// Counters when the window began.
#[derive(Debug)]
struct Begin {
    at: Nanos,
    cpu: Option<Cpu>,
    pressure: Option<u64>,
    threads: BTreeMap<u32, Thread>,
    cpus: BTreeSet<usize>,
    network: Network,
    shares_network: bool,
    /// A process whose network it is.
    witness: String,
}

impl Meter {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            processes: Processes::default(),
            begin: None,
            last: (0, Duration::ZERO),
            span: 0,
            samples: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The window begins.
    pub(super) fn begin(&mut self) {
        self.processes.admit(&self.server.members(), false);
        let at = clock::now();
        self.last = (at, Duration::ZERO);
        let cpu = self.group_cpu();
        self.processes.read();
        let ids = self.processes.ids();
        for root in self.server.roots.iter().filter(|root| !ids.contains(root)) {
            self.notes.push(format!(
                "process {root} of the server ended before the window"
            ));
        }
        let (threads, cpus) = threads(&ids);
        let witness = ids
            .first()
            .map_or_else(|| "self".to_owned(), u32::to_string);
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
        self.begin = Some(Begin {
            at,
            cpu,
            pressure: self.server.group.as_ref().and_then(Cgroup::pressure),
            threads,
            cpus,
            network: Network::read(&witness),
            // Who may not be asked about is taken for a neighbour.
            shares_network: namespace(&witness).is_none_or(|its| Some(its) == namespace("self")),
            witness,
        });
    }

    fn group_cpu(&self) -> Option<Cpu> {
        self.server.group.as_ref()?.cpu()
    }

    /// CPU time since the begin.
    fn used(&self, begin: &Begin) -> Duration {
        match (self.group_cpu(), begin.cpu) {
            (Some(now), Some(before)) => now.used.saturating_sub(before.used),
            _ => self.processes.used.cpu,
        }
    }

    /// An interval is over.
    pub(super) fn sample(&mut self) {
        let Some(begin) = &self.begin else {
            return;
        };
        let at = clock::now();
        let ended = self.processes.read();
        let used = self.used(begin);
        let since = at.saturating_sub(begin.at);
        self.span = since;
        let (last, before) = self.last;
        if at.saturating_sub(last) >= SAMPLE_MIN {
            self.last = (at, used);
            let seconds = (at - last) as f64 / 1e9;
            let cores = used.saturating_sub(before).as_secs_f64() / seconds;
            self.samples.push(Sample {
                t_ns: since,
                cpu_cores: (cores * 1e3).round() / 1e3,
                rss_bytes: self.processes.memory,
            });
        }
        let is_root = |pid: &u32| self.server.roots.contains(pid);
        for (pid, name) in ended.into_iter().filter(|(pid, _)| is_root(pid)) {
            self.notes.push(format!(
                "process {pid} ({name}) of the server ended {} after the begin of the window",
                display(Duration::from_millis(since / 1_000_000))
            ));
        }
    }

    /// The window is over; `elapsed` is its length. When the server was idle after it, its CPU time belongs to just that.
    pub(super) fn end(mut self, elapsed: Duration, was_idle: bool) -> ServerUse {
        // Those that were born since.
        self.processes.admit(&self.server.members(), true);
        self.sample();
        let Some(begin) = self.begin.take() else {
            return ServerUse::default();
        };
        let cpu = self.used(&begin);
        let ids = self.processes.ids();
        if ids.is_empty() {
            self.notes
                .push("no process of the server was left at the end of the window".into());
        }
        // Readings take a moment, so the time between them is a little more than the window.
        let span = self.span as f64 / 1e9;
        let wall = if was_idle {
            span.min(elapsed.as_secs_f64())
        } else {
            span
        };
        let cores = per(cpu.as_secs_f64(), wall);
        let scale = per(elapsed.as_secs_f64(), wall).min(1.0);
        let group = self.group_cpu().zip(begin.cpu);
        let user = match group {
            Some((now, before)) => Some(now.user.saturating_sub(before.user)),
            None => self.processes.used.user(),
        };
        let (threads, more_cpus) = threads(&ids);
        let mut result = ServerUse {
            source: self.server.how,
            name: self.server.name.clone(),
            programs: self.processes.names(),
            processes: ids.len(),
            threads: threads.len(),
            cpu: cpu.mul_f64(scale),
            user: user.map(|user| user.mul_f64(scale)),
            cpu_cores_used: (cores * 1e3).round() / 1e3,
            throttled_us: group.and_then(|(now, before)| {
                let throttled = now.throttled?.saturating_sub(before.throttled?);
                Some(clock::nanos(throttled) / 1000)
            }),
            psi_cpu_some: self.pressure_since(&begin, wall),
            rss_bytes: self.processes.memory,
            rss_peak_bytes: self.processes.memory_most,
            shares_network: begin.shares_network,
            network: Network::read(&begin.witness).since(&begin.network),
            samples: self.samples,
            notes: self.notes,
            ..ServerUse::default()
        };
        result.limits(
            &self.server,
            begin.cpus.union(&more_cpus).copied().collect(),
        );
        result.threads_since(&begin.threads, &threads, wall);
        result
    }

    fn pressure_since(&self, begin: &Begin, wall: f64) -> Option<f64> {
        let now = self.server.group.as_ref()?.pressure()?;
        host::share(now.saturating_sub(begin.pressure?), wall * 1e6)
    }
}

impl ServerUse {
    fn limits(&mut self, server: &Server, mut cpus: Vec<usize>) {
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
    fn threads_since(
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

/// All threads, and the CPUs that any of them may use.
fn threads(ids: &[u32]) -> (BTreeMap<u32, Thread>, BTreeSet<usize>) {
    let mut cpus = BTreeSet::new();
    let threads = ids
        .iter()
        .flat_map(|id| proc::threads(*id, &mut cpus))
        .collect();
    (threads, cpus)
}
