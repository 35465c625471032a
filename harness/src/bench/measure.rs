//! One measurement: a fresh server, the load, the readings, the end.

use super::cpus::Split;
use super::load::{Report, Run};
use super::sample::{INTERVAL, Track};
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
    /// Measured seconds.
    pub seconds: u32,
    /// Seconds of load before, on the same server; 0 for none.
    pub warmup_seconds: u32,
    /// The server's port.
    pub port: u16,
    /// Who runs where.
    pub cpus: &'a Split,
    /// The generation's data folder.
    pub data: &'a Path,
    /// The generator's program.
    pub loadgen: &'a Path,
    /// How long the server may take to start.
    pub ready_within: Duration,
}

/// The figures of one run.
#[derive(Debug, Clone)]
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
    /// CPUs that processes other than these two used meanwhile.
    pub foreign_cores: f64,
    /// Peak resident memory of the server's processes, in bytes.
    pub peak_memory: u64,
    /// Why the run does not count.
    pub objection: Option<String>,
}

impl Figures {
    /// Of a run that did not take place.
    pub fn missing(why: String) -> Self {
        Self {
            report: Report::default(),
            server_cpu_us: None,
            client_cpu_us: 0.0,
            server_cores: 0.0,
            client_cores: 0.0,
            foreign_cores: 0.0,
            peak_memory: 0,
            objection: Some(why),
        }
    }
}

/// Starts a fresh server, runs the load, and stops the server: memory and
/// leftovers of one run never reach the next.
///
/// # Errors
/// When the server or the generator cannot be started.
pub fn measure(setting: &Setting<'_>) -> Result<Figures, Error> {
    let start = Start {
        purpose: Purpose::Bench,
        port: setting.port,
        data: setting.data,
        generation: setting.profile.generation,
        cpus: Some(&setting.cpus.server),
        ready_within: setting.ready_within,
    };
    let mut server = Server::start(setting.entry, setting.mode, &start)?;
    if setting.warmup_seconds > 0 {
        let warmup = Loading::start(setting, setting.warmup_seconds)?;
        warmup.finish(None);
    }
    let busy = BusyCpus::start(setting.cpus);
    let loading = Loading::start(setting, setting.seconds)?;
    let mut track = server.process().map(|root| Track::new(root, loading.start));
    let loaded = loading.finish(track.as_mut());
    let used = loaded.track.used() + track.as_ref().map_or(0.0, Track::used);
    let foreign_cores = busy.beyond(used, loaded.track.span());
    let peak_memory = track.as_ref().map_or(0, Track::peak_memory);
    let death = server.death();
    server.stop();

    let (report, failure) = match &loaded.report {
        Ok(report) => (report.clone(), None),
        Err(why) => (Report::default(), Some(why.clone())),
    };
    let (from, to) = window(&report);
    let server_cores = track.as_ref().map_or(0.0, |track| track.rate(from, to));
    let client_cores = loaded.track.rate(from, to);
    let rate = report.all_per_second().max(f64::EPSILON);
    let objection = death
        .or(failure)
        .or_else(|| report.objection(setting.profile.expects_errors));
    Ok(Figures {
        server_cpu_us: track.is_some().then_some(server_cores * 1e6 / rate),
        client_cpu_us: report.cpu_us.unwrap_or(client_cores * 1e6 / rate),
        server_cores,
        client_cores,
        foreign_cores,
        peak_memory,
        objection,
        report,
    })
}

/// What all processes together use of the measured CPUs.
struct BusyCpus {
    cpus: Vec<usize>,
    before: f64,
}

impl BusyCpus {
    fn start(split: &Split) -> Self {
        let mut cpus = split.server.clone();
        cpus.extend(
            split
                .client
                .iter()
                .filter(|cpu| !split.server.contains(cpu)),
        );
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
struct Loading {
    process: Process,
    start: Instant,
    output: TempFolder,
    limit: Duration,
}

/// A generator that is done.
struct Loaded {
    report: Result<Report, String>,
    track: Track,
}

impl Loading {
    fn start(setting: &Setting<'_>, seconds: u32) -> Result<Self, Error> {
        let requests = setting.data.join("requests");
        let run = Run {
            profile: setting.profile,
            connections: setting.connections,
            threads: setting.cpus.client.len().min(setting.connections as usize),
            seconds,
            port: setting.port,
            requests: &requests,
        };
        let output = TempFolder::new("load")?;
        let file = |name: &str| {
            let path = output.path().join(name);
            std::fs::File::create(&path).context(|| format!("create {}", path.display()))
        };
        let mut command = Command::new(setting.loadgen);
        command
            .args(run.arguments())
            .stdin(Stdio::null())
            .stdout(file("report.json")?)
            .stderr(file("errors.txt")?);
        let start = Instant::now();
        let process = Process::spawn(&mut command, Some(&setting.cpus.client))
            .context(|| format!("start {}", setting.loadgen.display()))?;
        // The arena's limit is 45 s for its 5 s runs.
        let limit = Duration::from_secs(u64::from(seconds) + 40);
        Ok(Self {
            process,
            start,
            output,
            limit,
        })
    }

    /// Waits for the end, taking readings meanwhile.
    fn finish(mut self, mut server: Option<&mut Track>) -> Loaded {
        let mut track = Track::new(self.process.id(), self.start);
        let mut ended = None;
        while ended.is_none() && self.start.elapsed() < self.limit {
            ended = self.process.wait(INTERVAL);
            if ended.is_none() {
                track.sample();
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
        Loaded { report, track }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
