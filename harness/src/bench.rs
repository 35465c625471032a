//! `harness benchmark`: entries against each other in alternating rounds.

pub mod cpus;
pub mod load;
pub mod measure;
pub mod report;
pub mod result;
pub mod sample;
pub mod units;

use crate::check::Depth;
use crate::cleanup::Process;
use crate::data;
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::launch::{self, Mode, ports};
use crate::profiles::{Generation, Profile};
use crate::validate;
use cpus::Split;
use measure::{Setting, measure};
use result::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Connections per core that still leave room for anything but overhead.
const CONNECTIONS_PER_CPU: u32 = 2048;
/// Descriptors that a server or generator needs besides its connections.
const SPARE_FILES: u64 = 200;

/// What to measure and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The repository's root.
    pub root: &'a Path,
    /// The servers; the first is the reference of the ratios.
    pub entries: Vec<Entry>,
    /// Rows of the profile table.
    pub profiles: Vec<&'static Profile>,
    /// Where entries run.
    pub mode: &'a Mode,
    /// Runs per cell.
    pub rounds: u32,
    /// Measured seconds; the profile's own when not given.
    pub seconds: Option<u32>,
    /// Connection counts; those of the table, as far as they fit, when empty.
    pub connections: &'a [u32],
    /// Short runs, one connection count, quick validation.
    pub quick: bool,
    /// The generated data folder.
    pub data: &'a Path,
    /// The server's port.
    pub port: Option<u16>,
    /// How long a server may take to start.
    pub ready_within: Duration,
    /// Decides the random values of the validations.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Cells with at least one round that counts.
    pub passed: usize,
    /// Cells without one, and entries that were refused.
    pub failed: usize,
}

/// Validates, measures, prints and saves.
///
/// # Errors
/// When something cannot be built or started, or the machine cannot hold the
/// connections that were asked for.
pub fn run(plan: &Plan<'_>) -> Result<Outcome, Error> {
    let loadgen = generator(plan.root)?;
    let cpus = Split::of_this_machine();
    println!("{}", cpus.described());
    let counts = Counts::of_this_machine(&cpus);
    counts.check(plan.connections)?;
    let mut outcome = Outcome::default();
    let entries = fit_entries(plan, &mut outcome)?;
    // Sampling and waiting belong to the generator's side.
    stay_on(&cpus.client);
    let mut cells = Vec::new();
    for profile in &plan.profiles {
        for connections in counts.of(profile, plan) {
            let measured = measure_cells(plan, &entries, profile, connections, &cpus, &loadgen)?;
            for cell in &measured {
                cell.save(&plan.root.join("results"))?;
            }
            cells.push(measured);
        }
    }
    print_report(&cells, &cpus);
    for cell in cells.iter().flatten() {
        if cell.best().is_some() {
            outcome.passed += 1;
        } else {
            outcome.failed += 1;
        }
    }
    Ok(outcome)
}

/// The generator: `LOADGEN`, or the workspace's own, built now.
fn generator(root: &Path) -> Result<PathBuf, Error> {
    if let Some(path) = std::env::var_os("LOADGEN") {
        let path = PathBuf::from(path);
        return match path.is_file() {
            true => Ok(path),
            false => Err(Error::usage(format!(
                "LOADGEN: there is no file {}",
                path.display()
            ))),
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
        Some(status) if status.success() => Ok(target.join("release/loadgen")),
        _ => Err(Error::environment("the load generator could not be built")),
    }
}

/// Builds and validates; who fails is not measured.
fn fit_entries<'a>(plan: &'a Plan<'_>, outcome: &mut Outcome) -> Result<Vec<&'a Entry>, Error> {
    let mut fit = Vec::new();
    for entry in &plan.entries {
        launch::build(entry, plan.mode)?;
    }
    for entry in &plan.entries {
        match refusal(plan, entry)? {
            None => fit.push(entry),
            Some(why) => {
                println!("REFUSED {}: {why}; it is not measured", entry.name);
                outcome.failed += 1;
            }
        }
    }
    Ok(fit)
}

/// Why an entry may not be measured.
fn refusal(plan: &Plan<'_>, entry: &Entry) -> Result<Option<String>, Error> {
    for generation in Generation::ALL {
        let profiles: Vec<String> = plan
            .profiles
            .iter()
            .filter(|row| row.generation == generation)
            .filter(|row| entry.meta.tests.iter().any(|test| test == row.name))
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

/// How many connections this machine can hold.
#[derive(Debug)]
struct Counts {
    files: u64,
    cpus: u32,
}

impl Counts {
    fn of_this_machine(cpus: &Split) -> Self {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let all = if cpus.is_shared() {
            cpus.server.len()
        } else {
            cpus.server.len() + cpus.client.len()
        };
        Self {
            files: limit.unwrap_or(u64::MAX),
            cpus: all as u32,
        }
    }

    fn fits_files(&self, connections: u32) -> bool {
        u64::from(connections) + SPARE_FILES <= self.files
    }

    /// Counts that were asked for must fit.
    fn check(&self, asked: &[u32]) -> Result<(), Error> {
        match asked.iter().find(|count| !self.fits_files(**count)) {
            None => Ok(()),
            Some(count) => Err(Error::usage(format!(
                "--conns {count} does not fit the limit of {} open files",
                self.files
            ))),
        }
    }

    /// The counts of a profile; those of the table are left out where they do
    /// not fit, and that is said.
    fn of(&self, profile: &Profile, plan: &Plan<'_>) -> Vec<u32> {
        if !plan.connections.is_empty() {
            return plan.connections.to_vec();
        }
        let quick = [profile.quick_connections];
        let table = if plan.quick {
            &quick[..]
        } else {
            profile.local_connections
        };
        let mut fitting = Vec::new();
        for count in table.iter().copied() {
            if !self.fits_files(count) {
                println!(
                    "{}: {count} connections exceed the limit of {} open files",
                    profile.name, self.files
                );
            } else if count > self.cpus.saturating_mul(CONNECTIONS_PER_CPU) {
                println!(
                    "{}: {count} connections are too many for {} CPUs",
                    profile.name, self.cpus
                );
            } else {
                fitting.push(count);
            }
        }
        fitting
    }
}

fn stay_on(cpus: &[usize]) {
    let mut set = rustix::thread::CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    // Only a courtesy to the measured process.
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

/// All rounds of one profile and connection count: A B C, A B C, ...
fn measure_cells<'a>(
    plan: &Plan<'_>,
    entries: &[&'a Entry],
    profile: &'static Profile,
    connections: u32,
    cpus: &Split,
    loadgen: &Path,
) -> Result<Vec<Cell<'a>>, Error> {
    let data = data::folder(plan.data, profile.generation);
    let template_size = load::template_size(profile, &data.join("requests"))?;
    let seconds = plan
        .seconds
        .unwrap_or(if plan.quick { 1 } else { profile.duration_secs });
    let mut cells: Vec<Cell<'a>> = entries
        .iter()
        .filter(|entry| entry.meta.tests.iter().any(|test| test == profile.name))
        .map(|entry| Cell {
            entry,
            profile,
            connections,
            seconds,
            threads: cpus.client.len().min(connections as usize),
            template_size,
            rounds: Vec::new(),
        })
        .collect();
    for round in 1..=plan.rounds {
        for cell in &mut cells {
            let port = match (plan.port, plan.mode) {
                (Some(port), _) => port,
                (None, Mode::Native) => ports::free()?,
                (None, Mode::Docker(_)) => ports::ARENA,
            };
            let figures = measure(&Setting {
                entry: cell.entry,
                mode: plan.mode,
                profile,
                connections,
                seconds,
                warmup_seconds: u32::from(!plan.quick),
                port,
                cpus,
                data: &data,
                loadgen,
                ready_within: plan.ready_within,
            })?;
            println!(
                "{} {connections}c round {round}/{} {}: {}",
                profile.name,
                plan.rounds,
                cell.entry.name,
                progress(&figures)
            );
            cell.rounds.push(figures);
        }
    }
    Ok(cells)
}

fn progress(figures: &measure::Figures) -> String {
    if let Some(why) = &figures.objection {
        return format!("INVALID: {why}");
    }
    let server = figures
        .server_cpu_us
        .map(|us| format!(", {us:.2} us of server CPU per request"));
    let rps = units::thousands(figures.report.rps() as u64);
    format!("{rps} req/s{}", server.unwrap_or_default())
}

fn print_report(cells: &[Vec<Cell<'_>>], cpus: &Split) {
    println!();
    for line in cells.iter().flatten().filter_map(report::arena_lines) {
        println!("{line}");
    }
    println!("\n{}", cpus.described());
    for group in cells.iter().filter(|group| !group.is_empty()) {
        println!(
            "\n{}",
            report::table(&group.iter().collect::<Vec<_>>(), cpus.server.len()).trim_end()
        );
    }
    println!();
}
