//! Reads what the server has used: when the window begins, after each interval, and at the end.

use super::{
    cgroup::{Cgroup, Cpu},
    host::{self, Network},
    proc::{self, Thread},
    processes::Processes,
    server::{Sample, Server, ServerUse},
};
use crate::{
    clock::{self, Nanos},
    duration::display,
    report::units::per,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

/// Less than this is too short for a sample: it is what is left of the window after the last one.
const SAMPLE_MIN: Nanos = 20_000_000;

/// A window of which less than this part was watched has figures that are too low to pass without a word.
const COVERED: f64 = 0.95;

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

    pub(super) fn latest(&self) -> Option<&Sample> {
        self.samples.last()
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
        if wall < elapsed.as_secs_f64() * COVERED {
            self.notes.push(format!(
                "the server was watched for {wall:.3} s of {:.3} s only, because this program's own threads left no CPU to look \
                 at it: its figures are too low; use fewer threads (-t)",
                elapsed.as_secs_f64()
            ));
        }
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

/// All threads, and the CPUs that any of them may use.
fn threads(ids: &[u32]) -> (BTreeMap<u32, Thread>, BTreeSet<usize>) {
    let mut cpus = BTreeSet::new();
    let threads = ids
        .iter()
        .flat_map(|id| proc::threads(*id, &mut cpus))
        .collect();
    (threads, cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_this_process(elapsed: Duration) -> ServerUse {
        let mut meter = Meter::new(Server {
            how: "test",
            name: "this test".into(),
            roots: vec![std::process::id()],
            group: None,
        });
        meter.begin();
        meter.end(elapsed, false)
    }

    #[test]
    fn a_window_that_was_hardly_watched_is_said_so() {
        let notes = of_this_process(Duration::from_secs(3600)).notes;
        assert!(
            notes
                .iter()
                .any(|note| note.contains("of 3600.000 s only") && note.contains("-t")),
            "{notes:?}"
        );
        let notes = of_this_process(Duration::ZERO).notes;
        assert!(notes.is_empty(), "{notes:?}");
    }
}
