//! What has to be in order before anything is measured: the generator and the
//! entries, built, and the entries' answers right.

use super::record::Record;
use super::{Outcome, Plan};
use crate::check::Depth;
use crate::cleanup::Process;
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::launch;
use crate::profiles::Generation;
use crate::validate;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The load generator's program.
#[derive(Debug)]
pub struct Generator {
    /// Where it is.
    pub program: PathBuf,
    /// It has the flags that the arena's generator does not have.
    pub ours: bool,
}

impl Generator {
    /// Asks the program what it can do.
    fn of(program: PathBuf) -> io::Result<Self> {
        let help = Command::new(&program)
            .arg("--help")
            .stdin(Stdio::null())
            .output()?;
        let ours = String::from_utf8_lossy(&help.stdout).contains("--server-pid");
        Ok(Self { program, ours })
    }
}

/// The generator: `LOADGEN`, or the workspace's own, built now.
pub(super) fn generator(root: &Path) -> Result<Generator, Error> {
    if let Some(path) = std::env::var_os("LOADGEN") {
        let path = PathBuf::from(path);
        let name = path.display().to_string();
        return match path.is_file() {
            true => Generator::of(path)
                .map_err(|error| Error::usage(format!("LOADGEN: {name} cannot be run: {error}"))),
            false => Err(Error::usage(format!("LOADGEN: there is no file {name}"))),
        };
    }
    println!("building the load generator ...");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut command = Command::new("cargo");
    command
        .args([
            "build",
            "--release",
            "--package",
            "loadgen",
            "--bin",
            "loadgen",
        ])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .stdin(Stdio::null());
    let mut process = Process::spawn(&mut command, None).context(|| "start cargo".into())?;
    match process.wait(Duration::MAX) {
        Some(status) if status.success() => {
            let program = target.join("release/loadgen");
            let name = program.display().to_string();
            Generator::of(program).context(|| format!("run {name}"))
        }
        _ => Err(Error::environment("the load generator could not be built")),
    }
}

/// Builds and validates; who fails is not measured, and the others still are.
/// Also says how long the building took.
pub(super) fn fit_entries<'a>(
    plan: &'a Plan<'_>,
    outcome: &mut Outcome,
    record: &mut Record,
) -> (Vec<&'a Entry>, Duration) {
    let mut fit = Vec::new();
    let mut building = Duration::ZERO;
    for entry in &plan.entries {
        let start = Instant::now();
        let built = launch::build(entry, plan.mode);
        building += start.elapsed();
        let verdict = built.and_then(|()| refusal(plan, entry));
        let why = match verdict {
            Ok(None) => {
                fit.push(entry);
                continue;
            }
            Ok(Some(why)) => why,
            Err(error) if error.is_skip() => {
                println!("{error}; it is not measured");
                continue;
            }
            Err(error) => {
                outcome.broken = true;
                error.to_string()
            }
        };
        println!("REFUSED {}: {why}; it is not measured", entry.name);
        record.refuse(&entry.name, &why);
        outcome.failed += 1;
    }
    (fit, building)
}

/// Why an entry may not be measured.
fn refusal(plan: &Plan<'_>, entry: &Entry) -> Result<Option<String>, Error> {
    for generation in Generation::ALL {
        let profiles: Vec<String> = plan
            .profiles
            .iter()
            .filter(|row| row.generation == generation)
            .filter(|row| entry.lists(row.name))
            .map(|row| row.name.to_owned())
            .collect();
        if profiles.is_empty() {
            continue;
        }
        let tally = validate::run(&validate::Plan {
            entry,
            mode: plan.mode,
            profiles: &profiles,
            generation: Some(generation),
            data: plan.data,
            depth: if plan.quick {
                Depth::Quick
            } else {
                Depth::Full
            },
            seed: plan.seed,
            port: plan.port,
            ready_within: plan.ready_within,
            terse: true,
        })?;
        println!(
            "validated {} for {generation}: {}",
            entry.name,
            tally.summary()
        );
        if tally.failed > 0 {
            return Ok(Some(format!(
                "{} checks of {generation} failed",
                tally.failed
            )));
        }
    }
    Ok(None)
}
