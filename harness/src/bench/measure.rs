//! One measurement: a fresh server, the load, the readings, the end.

use super::answers::{Report, ServerSide};
use super::cpus::usable;
use super::fit::Generator;
use super::load::Run;
use super::sample::{CpuTrack, INTERVAL, Track};
use crate::cleanup::{Process, TempFolder};
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::launch::{Mode, Purpose, Server, Start};
use crate::processes;
use crate::profiles::Profile;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is measured and with what.
#[derive(Debug)]
pub struct Setting<'a> {
    /// The server.
    pub entry: &'a Entry,
    /// Native or Docker.
    pub mode: &'a Mode,
    /// The load.
    pub profile: &'a Profile,
    /// Concurrent connections.
    pub connections: u32,
    /// Threads of the generator.
    pub threads: usize,
    /// How long to measure.
    pub window: Duration,
    /// Load before, on the same server; none when zero.
    pub warmup: Duration,
    /// The server's port.
    pub port: u16,
    /// The CPUs of the server; `None` for any.
    pub server_cpus: Option<&'a [usize]>,
    /// Those of the generator.
    pub client_cpus: Option<&'a [usize]>,
    /// The generation's data folder.
    pub data: &'a Path,
    /// The load generator.
    pub generator: &'a Generator,
    /// How long the server may take to start.
    pub ready_within: Duration,
}

/// The figures of one run.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// What the generator reports.
    pub report: Report,
    /// Server CPU microseconds per answer; `None` when its process is unknown.
    pub server_cpu_us: Option<f64>,
    /// Generator CPU microseconds per answer.
    pub client_cpu_us: f64,
    /// Server CPU seconds per second in the window.
    pub server_cores: f64,
    /// Generator CPU seconds per second in the window.
    pub client_cores: f64,
    /// The part of their time, 0 to 1, that the generator's CPUs were busy in the
    /// window, whoever used them; `None` where it has none of its own.
    pub client_side_busy: Option<f64>,
    /// CPUs that processes other than these two used meanwhile.
    pub foreign_cores: f64,
    /// Peak resident memory of the server's processes, in bytes.
    pub peak_memory: u64,
    /// What the server said of its engine at its start, if anything.
    pub engine: Option<String>,
    /// Why the run does not count.
    pub objection: Option<String>,
}

impl Figures {
    /// Of a run that did not take place.
    pub fn missing(why: String) -> Self {
        Self {
            objection: Some(why),
            ..Self::default()
        }
    }
}

/// Starts a fresh server, runs the load, and stops the server: memory and
/// leftovers of one run never reach the next.
///
/// # Errors
/// When the server or the generator cannot be started.
pub fn measure(setting: &Setting<'_>) -> Result<Figures, Error> {
    let mut server = start(setting)?;
    let figures = load(setting, &mut server)?;
    server.stop();
    Ok(figures)
}

/// Starts a server for one or several runs.
///
/// # Errors
/// When it cannot be started.
pub fn start(setting: &Setting<'_>) -> Result<Server, Error> {
    let start = Start {
        purpose: Purpose::Bench,
        port: setting.port,
        data: setting.data,
        generation: setting.profile.generation,
        cpus: setting.server_cpus,
        ready_within: setting.ready_within,
    };
    Server::start(setting.entry, setting.mode, &start)
}

/// One run against a server.
///
/// # Errors
/// When the generator cannot be started.
pub fn load(setting: &Setting<'_>, server: &mut Server) -> Result<Figures, Error> {
    let root = server.process();
    if !setting.generator.ours && !setting.warmup.is_zero() {
        let warmup = Loading::start(setting, setting.warmup, None)?;
        warmup.finish(None);
    }
    let busy = BusyCpus::start(setting);
    let loading = Loading::start(setting, setting.window, root)?;
    let mut track = root.map(|root| Track::new(root, loading.start));
    let loaded = loading.finish(track.as_mut());
    let used = loaded.track.used() + track.as_ref().map_or(0.0, Track::used);
    let foreign_cores = busy.beyond(used, loaded.track.span());
    let peak_memory = track.as_ref().map_or(0, Track::peak_memory);
    let death = server.death();

    let (mut report, failure) = match &loaded.report {
        Ok(report) => (report.clone(), None),
        Err(why) => (Report::default(), Some(why.clone())),
    };
    let (from, to) = window(&report);
    let client_cores = loaded.track.rate(from, to);
    let client_side_busy = loaded.client_side.map(|side| side.busy(from, to));
    let rate = report.all_per_second().max(f64::EPSILON);
    let seen = track.as_ref().map(|track| track.rate(from, to));
    report.server = report.server.filter(|side| is_plausible(side, seen));
    // The generator reads at the very borders of its window.
    let (server_cores, server_cpu_us) = match (report.server, seen) {
        (Some(side), _) => (side.cores, Some(side.cpu_us)),
        (None, Some(cores)) => (cores, Some(cores * 1e6 / rate)),
        (None, None) => (0.0, None),
    };
    let objection = death
        .or(failure)
        .or_else(|| report.objection(setting.profile.expects_errors));
    Ok(Figures {
        server_cpu_us,
        client_cpu_us: report.cpu_us.unwrap_or(client_cores * 1e6 / rate),
        server_cores,
        client_cores,
        client_side_busy,
        foreign_cores,
        peak_memory,
        engine: server.said("engine "),
        objection,
        report,
    })
}

/// On a machine with far more busy threads than CPUs the generator may take its
/// first reading so late that it has seen next to nothing of the window. Then
/// it is of no use, and readings from outside stand in.
fn is_plausible(side: &ServerSide, seen: Option<f64>) -> bool {
    seen.is_none_or(|seen| side.cores >= 0.6 * seen)
}

/// What all processes together use of the measured CPUs.
struct BusyCpus {
    cpus: Vec<usize>,
    before: f64,
}

impl BusyCpus {
    fn start(setting: &Setting<'_>) -> Self {
        let mut cpus: Vec<usize> = match (setting.server_cpus, setting.client_cpus) {
            (Some(server), Some(client)) => server.iter().chain(client).copied().collect(),
            _ => usable(),
        };
        cpus.sort_unstable();
        cpus.dedup();
        let before = processes::busy_seconds(&cpus);
        Self { cpus, before }
    }

    /// CPUs in use beyond the `used` seconds, over a span of seconds.
    fn beyond(&self, used: f64, span: f64) -> f64 {
        let all = processes::busy_seconds(&self.cpus) - self.before;
        if span > 0.0 {
            ((all - used) / span).max(0.0)
        } else {
            0.0
        }
    }
}

/// The inner nine tenths of the measured time, in seconds since the generator
/// was started: connecting, warm-up and the end of the load stay outside.
fn window(report: &Report) -> (f64, f64) {
    let margin = report.elapsed * 0.05;
    (
        report.warmup + margin,
        report.warmup + report.elapsed - margin,
    )
}

/// A generator at work.
pub(super) struct Loading {
    process: Process,
    start: Instant,
    output: TempFolder,
    limit: Duration,
    client_side: Option<CpuTrack>,
}

/// A generator that is done.
pub(super) struct Loaded {
    pub(super) report: Result<Report, String>,
    track: Track,
    client_side: Option<CpuTrack>,
}

impl Loading {
    pub(super) fn start(
        setting: &Setting<'_>,
        window: Duration,
        server: Option<u32>,
    ) -> Result<Self, Error> {
        let ours = setting.generator.ours;
        let requests = setting.data.join("requests");
        let run = Run {
            profile: setting.profile,
            connections: setting.connections,
            threads: setting.threads,
            window,
            warmup: (ours && !setting.warmup.is_zero()).then_some(setting.warmup),
            server: server.filter(|_| ours),
            port: setting.port,
            requests: &requests,
        };
        let output = TempFolder::new("load")?;
        let file = |name: &str| {
            let path = output.path().join(name);
            std::fs::File::create(&path).context(|| format!("create {}", path.display()))
        };
        let mut command = Command::new(&setting.generator.program);
        command
            .args(run.arguments())
            .stdin(Stdio::null())
            .stdout(file("report.json")?)
            .stderr(file("errors.txt")?);
        let start = Instant::now();
        let process = Process::spawn(&mut command, setting.client_cpus)
            .context(|| format!("start {}", setting.generator.program.display()))?;
        // The arena's limit is 45 s for its 5 s runs.
        let limit = window + setting.warmup + Duration::from_secs(40);
        Ok(Self {
            process,
            start,
            output,
            limit,
            client_side: setting.client_cpus.map(|cpus| CpuTrack::new(cpus, start)),
        })
    }

    /// Waits for the end, taking readings meanwhile.
    pub(super) fn finish(mut self, mut server: Option<&mut Track>) -> Loaded {
        let mut track = Track::new(self.process.id(), self.start);
        let mut ended = None;
        while ended.is_none() && self.start.elapsed() < self.limit {
            ended = self.process.wait(INTERVAL);
            if ended.is_none() {
                track.sample();
                if let Some(side) = &mut self.client_side {
                    side.sample();
                }
                if let Some(server) = server.as_deref_mut() {
                    server.sample();
                }
            }
        }
        let read = |name: &str| std::fs::read(self.output.path().join(name)).unwrap_or_default();
        let report = match ended {
            None => Err(format!(
                "the load generator did not end within {} s",
                self.limit.as_secs()
            )),
            Some(status) => Report::parse(&read("report.json")).map_err(|why| {
                let errors = String::from_utf8_lossy(&read("errors.txt"))
                    .trim()
                    .to_owned();
                format!("the load generator gave {why} ({status}) {errors}")
            }),
        };
        Loaded {
            report,
            track,
            client_side: self.client_side.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_missed_the_window_is_dropped() {
        let side = |cores| ServerSide {
            cores,
            ..ServerSide::default()
        };
        assert!(!is_plausible(&side(0.0), Some(0.7)));
        assert!(!is_plausible(&side(0.31), Some(0.7)));
        assert!(is_plausible(&side(0.65), Some(0.7)));
        assert!(is_plausible(&side(0.0), None));
    }

    #[test]
    fn the_window_leaves_out_both_ends() {
        let report = Report {
            elapsed: 2.0,
            warmup: 0.5,
            ..Report::default()
        };
        let (from, to) = window(&report);
        assert!((from - 0.6).abs() < 1e-9 && (to - 2.4).abs() < 1e-9);
    }
}
