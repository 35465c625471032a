//! Arena-exact mode: the platform's durations, connection counts, threads,
//! runs and pinning, its result and site-data files, its lines on standard
//! output. Entries one after the other; nothing is scaled to the machine.

use super::cell::Cell;
use super::counts::Counts;
use super::fit::Generator;
use super::load;
use super::measure::{self, Figures, Setting};
use super::record::Record;
use super::report;
use super::rounds::{port, progress};
use super::{Outcome, Plan, logs, site};
use crate::data;
use crate::entries::Entry;
use crate::error::Error;
use crate::profiles::{Generation, Profile};
use std::time::Duration;

/// Runs of a cell; the best supplies every figure.
const RUNS: u32 = 3;
/// After each run.
const PAUSE: Duration = Duration::from_secs(2);
/// Of the load generator, on any machine.
const THREADS: usize = 64;

/// Who runs where; `None` is anywhere.
#[derive(Debug, PartialEq, Eq)]
struct Pins {
    server: Option<Vec<usize>>,
    generator: Option<Vec<usize>>,
}

impl Pins {
    /// As the platform's scripts decide on a machine with so many CPUs.
    fn of(generation: Generation, cpus: usize) -> Self {
        if generation == Generation::March2026 {
            return Self {
                server: None,
                generator: None,
            };
        }
        let both = |one: std::ops::Range<usize>, two: std::ops::Range<usize>| {
            Some(one.chain(two).collect::<Vec<_>>())
        };
        Self {
            server: (cpus >= 96).then(|| both(0..32, 64..96)).flatten(),
            generator: match cpus {
                0..=2 => None,
                128.. => both(32..64, 96..128),
                _ => Some((cpus / 2..cpus).collect()),
            },
        }
    }
}

/// Measures and prints; the groups are those of the record.
pub(super) fn run<'a>(
    plan: &'a Plan<'_>,
    entries: &[&'a Entry],
    counts: &Counts,
    generator: &Generator,
    record: &Record,
    outcome: &mut Outcome,
) -> Result<Vec<Vec<Cell<'a>>>, Error> {
    let results = plan.root.join("results");
    let todo = counts.arena_cells(plan);
    announce(plan, entries, &todo);
    let mut groups: Vec<Vec<Cell<'a>>> = todo.iter().map(|_| Vec::new()).collect();
    for entry in entries {
        for (group, (profile, connections)) in todo.iter().enumerate() {
            if !entry.lists(profile.name) {
                continue;
            }
            let cell = cell(plan, entry, profile, *connections, generator)?;
            if cell.best().is_some() {
                outcome.passed += 1;
            } else {
                outcome.failed += 1;
            }
            groups[group].push(cell);
            record.save(&results, &groups, false)?;
        }
    }
    record.save(&results, &groups, true)?;
    site::write(plan, &results.join("site/data"), &groups)?;
    Ok(groups)
}

fn runs(plan: &Plan<'_>) -> u32 {
    plan.rounds.unwrap_or(RUNS)
}

fn window(plan: &Plan<'_>, profile: &Profile) -> Duration {
    let own = Duration::from_secs(u64::from(profile.duration_secs));
    plan.window.unwrap_or(own)
}

fn announce(plan: &Plan<'_>, entries: &[&Entry], todo: &[(&'static Profile, u32)]) {
    let mut time = Duration::ZERO;
    for (profile, _) in todo {
        let listed = entries.iter().filter(|entry| entry.lists(profile.name));
        // Besides the pause: starting, connecting and draining.
        let run = window(plan, profile) + PAUSE + Duration::from_millis(500);
        time += run * runs(plan) * listed.count() as u32;
    }
    let changed = plan.rounds.is_some() || plan.window.is_some() || !plan.connections.is_empty();
    println!(
        "arena-exact mode{}: best of {} runs, {THREADS} generator threads, nothing scaled to this machine: about {} min",
        if changed {
            " but for what was asked for"
        } else {
            ""
        },
        runs(plan),
        time.as_secs().div_ceil(60)
    );
}

/// All runs of one cell against one server.
fn cell<'a>(
    plan: &Plan<'_>,
    entry: &'a Entry,
    profile: &'static Profile,
    connections: u32,
    generator: &Generator,
) -> Result<Cell<'a>, Error> {
    let data = data::folder(plan.data, profile.generation);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let pins = Pins::of(profile.generation, cpus);
    let mut cell = Cell {
        entry,
        profile,
        connections,
        window: window(plan, profile),
        threads: THREADS,
        template_size: load::template_size(profile, &data.join("requests"))?,
        rounds: Vec::new(),
    };
    let setting = Setting {
        entry,
        mode: plan.mode,
        profile,
        connections,
        threads: THREADS,
        window: cell.window,
        warmup: Duration::ZERO,
        port: port(plan)?,
        server_cpus: pins.server.as_deref(),
        client_cpus: pins.generator.as_deref(),
        data: &data,
        generator,
        ready_within: plan.ready_within,
    };
    println!("\n{}", report::arena_heading(&cell));
    let mut server = match measure::start(&setting) {
        Ok(server) => server,
        Err(error) => {
            println!("INVALID: {error}");
            cell.rounds.push(Figures::missing(error.to_string()));
            return Ok(cell);
        }
    };
    for number in 1..=runs(plan) {
        let mut figures = measure::load(&setting, &mut server)
            .unwrap_or_else(|error| Figures::missing(error.to_string()));
        // Of this run alone: earlier ones ran against the same server.
        if let Some(side) = figures.report.server {
            figures.peak_memory = side.peak_memory;
        }
        println!("[run {number}/{}] {}", runs(plan), progress(&figures));
        cell.rounds.push(figures);
        std::thread::sleep(PAUSE);
    }
    if let Err(error) = logs::save(&server, &cell, &plan.root.join("results/site")) {
        println!("no log of the server: {error}");
    }
    server.stop();
    if let Some(line) = report::arena_best(&cell) {
        println!("{line}");
    }
    Ok(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_pinned_in_2026_03() {
        let pins = Pins::of(Generation::March2026, 128);
        assert_eq!((pins.server, pins.generator), (None, None));
    }

    #[test]
    fn the_pins_of_2026_04_depend_on_the_machine() {
        let pins = |cpus| Pins::of(Generation::April2026, cpus);
        let reference = pins(128);
        let server = reference.server.unwrap();
        assert_eq!(
            (server.len(), server[31], server[32], server[63]),
            (64, 31, 64, 95)
        );
        let generator = reference.generator.unwrap();
        assert_eq!((generator[0], generator[32], generator[63]), (32, 96, 127));
        assert_eq!(pins(8).server, None);
        assert_eq!(pins(8).generator, Some(vec![4, 5, 6, 7]));
        assert_eq!(pins(2).generator, None);
    }
}
