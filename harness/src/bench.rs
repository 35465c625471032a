//! `harness benchmark`: entries against each other in alternating rounds.

mod counts;
pub mod cpus;
mod fit;
pub mod load;
pub mod measure;
pub mod report;
pub mod result;
pub mod sample;
pub mod units;

use crate::data;
use crate::entries::Entry;
use crate::error::Error;
use crate::launch::{Mode, ports};
use crate::profiles::Profile;
use counts::Counts;
use cpus::Split;
use measure::{Figures, Setting, measure};
use result::Cell;
use std::path::Path;
use std::time::Duration;

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
    /// Something could not be built or started.
    pub broken: bool,
}

/// Validates, measures, prints and saves.
///
/// # Errors
/// When the load generator cannot be built, the machine cannot hold the
/// connections that were asked for, or a file cannot be written.
pub fn run(plan: &Plan<'_>) -> Result<Outcome, Error> {
    let cpus = Split::of_this_machine();
    let counts = Counts::of_this_machine(&cpus);
    counts.check(plan.connections)?;
    check_profiles(plan)?;
    let loadgen = fit::generator(plan.root)?;
    println!("{}", cpus.described());
    let mut outcome = Outcome::default();
    let entries = fit::fit_entries(plan, &mut outcome);
    // Sampling and waiting belong to the generator's side.
    stay_on(&cpus.client);
    let todo: Vec<(&'static Profile, u32)> = plan
        .profiles
        .iter()
        .flat_map(|profile| {
            counts
                .of(profile, plan)
                .into_iter()
                .map(|count| (*profile, count))
        })
        .collect();
    announce(plan, &todo, entries.len());
    let mut cells = Vec::new();
    for (profile, connections) in todo {
        let measured = measure_cells(plan, &entries, profile, connections, &cpus, &loadgen)?;
        for cell in &measured {
            cell.save(&plan.root.join("results"))?;
        }
        cells.push(measured);
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

/// A profile that none of the entries takes part in is a mistake of the caller.
fn check_profiles(plan: &Plan<'_>) -> Result<(), Error> {
    let listed = |row: &Profile| plan.entries.iter().any(|entry| entry.lists(row.name));
    match plan.profiles.iter().find(|row| !listed(row)) {
        None => Ok(()),
        Some(row) => Err(Error::usage(format!(
            "none of the entries lists {} in its tests",
            row.name
        ))),
    }
}

fn announce(plan: &Plan<'_>, todo: &[(&Profile, u32)], entries: usize) {
    let per_round: u32 = todo
        .iter()
        .map(|(profile, _)| plan.seconds_of(profile) + plan.warmup_seconds())
        .sum();
    let runs = todo.len() * entries * plan.rounds as usize;
    // Starting, connecting, draining and stopping take about half a second.
    let seconds = per_round as usize * entries * plan.rounds as usize + runs / 2;
    println!(
        "{runs} runs, each on a fresh server: about {} min",
        seconds.div_ceil(60)
    );
}

impl Plan<'_> {
    fn seconds_of(&self, profile: &Profile) -> u32 {
        self.seconds
            .unwrap_or(if self.quick { 1 } else { profile.duration_secs })
    }

    /// Of load before each measured run; a quick run relies on the warm-up
    /// that the generator makes by itself.
    fn warmup_seconds(&self) -> u32 {
        u32::from(!self.quick)
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
    let seconds = plan.seconds_of(profile);
    let mut cells: Vec<Cell<'a>> = entries
        .iter()
        .filter(|entry| entry.lists(profile.name))
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
                warmup_seconds: plan.warmup_seconds(),
                port,
                cpus,
                data: &data,
                loadgen,
                ready_within: plan.ready_within,
            })
            .unwrap_or_else(|error| Figures::missing(error.to_string()));
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

fn progress(figures: &Figures) -> String {
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
