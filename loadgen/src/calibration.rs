//! What this client can do here at most, as `loadgen calibrate` found it out, kept for later runs.

use crate::{
    error::Failure,
    files::{Host, Pending},
    plan::Plan,
};
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

const SCHEMA: &str = "loadgen-calibration/1";
const FILE: &str = "loadgen/calibration.json";

/// The file: one entry for each way to run on each machine that shares the folder.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Cache {
    schema: String,
    entries: Vec<Entry>,
}

/// A calibration and what it holds for.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub key: Key,
    pub measured_unix_ns: u64,
    pub connections: u32,
    pub keep_alive: Ceiling,
    pub pipelined: Ceiling,
    pub floor: Floor,
}

/// A change of any of these makes it another client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Key {
    pub host: Option<String>,
    pub kernel: Option<String>,
    pub version: String,
    /// Those that the threads may use.
    pub cpus: String,
    pub pinned: bool,
    pub threads: u32,
}

/// The most answers per second.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Ceiling {
    pub depth: u32,
    /// What was measured.
    pub rps: f64,
    /// The same if the client's threads had been busy all the time.
    pub ceiling_rps: f64,
    /// The client was not busy all the time, so the ceiling was not reached but reckoned.
    pub extrapolated: bool,
    pub cpu_us_per_answer: f64,
    /// Part of the time that the client's threads were busy, on average.
    pub client_busy: f64,
    /// The same of the busiest thread of the sink.
    pub sink_busy: f64,
    /// Parts of all CPUs that were used meanwhile.
    pub machine: Machine,
}

/// Who used how much of the CPUs of this machine, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Machine {
    pub cpus: usize,
    pub client: f64,
    pub sink: f64,
    /// Everything else; `None` when the system does not tell.
    pub others: Option<f64>,
}

/// The latency of one request at a time, which no server can be measured below.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Floor {
    pub min_ns: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
}

/// What a run is to be compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub ceiling_rps: f64,
    pub floor_ns: u64,
}

impl Key {
    /// Of a client on this host with so many threads.
    pub(crate) fn new(host: &Host, threads: u32) -> Self {
        Self {
            host: host.host.clone(),
            kernel: host.kernel.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            cpus: host.cpus.clone(),
            pinned: host.pinned,
            threads,
        }
    }
}

impl Entry {
    /// What holds for requests at this depth, if it was measured.
    fn limits(&self, depth: u32) -> Option<Limits> {
        let ceilings = [&self.keep_alive, &self.pipelined];
        let ceiling = ceilings
            .into_iter()
            .find(|ceiling| ceiling.depth == depth)?;
        Some(Limits {
            ceiling_rps: ceiling.ceiling_rps,
            floor_ns: self.floor.p50_ns,
        })
    }
}

impl Limits {
    /// For this run, if this client was calibrated. What was measured are plain requests on connections that stay open:
    /// whatever a run does beside that costs more, so it is never less than its limit.
    pub(crate) fn of(plan: &Plan, host: &Host) -> Option<Self> {
        let other = plan.upgrade.is_some() || plan.tls.is_some() || plan.hold.is_some();
        if other || plan.has_quota() {
            return None;
        }
        let key = Key::new(host, plan.threads);
        let cache = read(&path()?)?;
        let entry = cache.entries.into_iter().find(|entry| entry.key == key)?;
        entry.limits(plan.depth)
    }
}

/// Where calibrations are kept, if there is a place for such things.
pub(crate) fn path() -> Option<PathBuf> {
    // A relative path is to be ignored (XDG Base Directory Specification).
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from);
    let folder = absolute("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let folder = folder.or_else(|| {
        let home = absolute("HOME").filter(|path| path.is_absolute())?;
        Some(home.join(".cache"))
    });
    Some(folder?.join(FILE))
}

/// What cannot be read is as good as not there: it only has to be measured again.
fn read(path: &Path) -> Option<Cache> {
    let text = fs::read_to_string(path).ok()?;
    let cache: Cache = serde_json::from_str(&text).ok()?;
    (cache.schema == SCHEMA).then_some(cache)
}

/// Makes sure that a calibration can be kept, before there is one.
pub(crate) fn prepare(path: &Path) -> Result<Pending, Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| {
            Failure::Usage(format!("cannot make {}: {error}", folder.display()))
        })?;
    }
    Pending::new(path)
}

/// Keeps a calibration in place of an earlier one of the same client. `file` is what was prepared for `path`.
pub(crate) fn store(path: &Path, file: Pending, entry: Entry) -> Result<(), Failure> {
    let mut cache = read(path).unwrap_or_default();
    cache.schema = SCHEMA.into();
    cache.entries.retain(|old| old.key != entry.key);
    cache.entries.push(entry);
    file.write(|out| {
        serde_json::to_writer_pretty(&mut *out, &cache)?;
        writeln!(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(threads: u32, rps: f64) -> Entry {
        let ceiling = |depth| Ceiling {
            depth,
            rps,
            ceiling_rps: rps * f64::from(depth),
            extrapolated: false,
            cpu_us_per_answer: 5.0,
            client_busy: 0.99,
            sink_busy: 0.8,
            machine: Machine {
                cpus: 2,
                client: 0.5,
                sink: 0.4,
                others: None,
            },
        };
        Entry {
            key: Key {
                host: Some("h".into()),
                kernel: Some("6.18".into()),
                version: "1".into(),
                cpus: "0-1".into(),
                pinned: false,
                threads,
            },
            measured_unix_ns: 1,
            connections: 64,
            keep_alive: ceiling(1),
            pipelined: ceiling(16),
            floor: Floor {
                min_ns: 10_000,
                p50_ns: 12_000,
                p99_ns: 20_000,
            },
        }
    }

    fn keep(path: &Path, entry: Entry) {
        store(path, prepare(path).unwrap(), entry).unwrap();
    }

    #[test]
    fn the_newest_of_each_client_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/calibration.json");
        keep(&path, entry(1, 100.0));
        keep(&path, entry(2, 150.0));
        keep(&path, entry(1, 200.0));
        let cache = read(&path).unwrap();
        let rates: Vec<f64> = cache.entries.iter().map(|e| e.keep_alive.rps).collect();
        assert_eq!(rates, [150.0, 200.0]);
        assert_eq!(cache.entries[1].key, entry(1, 0.0).key);
    }

    #[test]
    fn what_is_no_cache_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calibration.json");
        for text in ["", "{}", r#"{"schema":"other","entries":[]}"#] {
            fs::write(&path, text).unwrap();
            assert!(read(&path).is_none(), "{text}");
        }
        keep(&path, entry(1, 100.0));
        assert_eq!(read(&path).unwrap().entries.len(), 1);
    }

    #[test]
    fn only_a_depth_that_was_measured_has_a_limit() {
        let entry = entry(1, 100.0);
        assert_eq!(entry.limits(1).unwrap().ceiling_rps, 100.0);
        assert_eq!(entry.limits(16).unwrap().ceiling_rps, 1600.0);
        assert_eq!(entry.limits(4), None);
    }
}
