//! Which run this is, and the files that it leaves.

use super::{DerivedFiles, Host, Options, Pending, RunFile, secret};
use crate::{calibration::Limits, clock, error::Failure, plan::Plan};
use clap::{ArgMatches, Command};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

/// Arguments that may differ between the workers of one run, besides those of [`Options`].
const OF_ONE_WORKER: [&str; 14] = [
    "worker",
    "start_at",
    "cpus",
    "json",
    "server_pid",
    "server_cgroup",
    "server_container",
    "tui",
    "buckets",
    "plain",
    "quiet",
    "clear_history",
    "latency",
    "percentiles",
];

/// What result files say about the run itself.
#[derive(Debug)]
pub(crate) struct Session {
    /// Time, host and a random number.
    pub id: String,
    pub argv: Vec<String>,
    /// Hash of all arguments that say what is done, given or not. Workers of one run have the same.
    pub config: String,
    pub labels: BTreeMap<String, String>,
    pub host: Host,
    /// What this client can do at most, if it was calibrated.
    pub limits: Option<Limits>,
    /// Where the result goes.
    pub output: Option<PathBuf>,
}

/// The files that were asked for.
#[derive(Debug)]
pub(crate) struct Files {
    json: Option<Pending>,
    derived: DerivedFiles,
}

impl Session {
    /// Of the run that these arguments describe.
    pub(crate) fn new(
        command: &Command,
        matches: &ArgMatches,
        options: &Options,
        plan: &Plan,
    ) -> Self {
        let host = Host::read(plan.cpus.as_ref());
        let name = host.host.as_deref().unwrap_or("unknown");
        let now = UNIX_EPOCH + Duration::from_nanos(clock::unix(clock::now()));
        let random = RandomState::new().hash_one(0) as u16;
        Self {
            id: format!(
                "{}-{name}-{random:04x}",
                humantime::format_rfc3339_seconds(now)
            ),
            argv: secret::without(
                env::args_os().map(|arg| arg.to_string_lossy().into_owned()),
                matches,
            ),
            config: config(command, matches),
            labels: options.labels.iter().cloned().collect(),
            limits: Limits::of(plan, &host),
            host,
            output: options.output.clone(),
        }
    }
}

/// FNV-1a, because it has to be the same in every build.
fn config(command: &Command, matches: &ArgMatches) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    let output = <Options as clap::Args>::augment_args(Command::new("output"));
    let skipped: BTreeSet<&str> = output
        .get_arguments()
        .map(|argument| argument.get_id().as_str())
        .chain(OF_ONE_WORKER)
        .collect();
    let arguments: BTreeSet<&str> = command
        .get_arguments()
        .map(|argument| argument.get_id().as_str())
        .filter(|id| !skipped.contains(id))
        .collect();
    for id in arguments {
        let Ok(Some(values)) = matches.try_get_raw(id) else {
            continue;
        };
        eat(id.as_bytes());
        for value in values {
            eat(b"\0");
            eat(value.as_encoded_bytes());
        }
        eat(b"\n");
    }
    format!("{hash:016x}")
}

impl Files {
    /// Makes sure that all of them can be written.
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        Ok(Self {
            json: Pending::maybe(options.output.as_ref())?,
            derived: DerivedFiles::new(&options.derived)?,
        })
    }

    /// Writes them: the report as it is printed, and what is derived from it.
    pub(crate) fn write(self, report: &[u8], run: &RunFile) -> Result<(), Failure> {
        if let Some(file) = self.json {
            file.write(|out| out.write_all(report))?;
        }
        self.derived.write(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::CommandFactory;

    fn hash(line: &str) -> String {
        let mut command = Args::command();
        let words = std::iter::once("loadgen").chain(line.split_whitespace());
        let matches = command.try_get_matches_from_mut(words).unwrap();
        config(&command, &matches)
    }

    #[test]
    fn only_what_is_done_is_hashed() {
        let plain = hash("http://h -c 5");
        for same in [
            "-c5 http://h",
            "http://h --connections=5 -d 10s",
            "http://h -c 5 -o a.json --hlog x --label a=b --json",
            "http://h -c 5 --cpus 0-3",
            "http://h -c 5 --server-pid 1 --quiet -b 20 -l",
        ] {
            assert_eq!(hash(same), plain, "{same}");
        }
        for other in ["http://h -c 6", "http://i -c 5", "http://h -c 5 --ws"] {
            assert_ne!(hash(other), plain, "{other}");
        }
    }
}
