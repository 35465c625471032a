//! `harness benchmark`: entries against each other in alternating rounds.

pub mod answers;
mod arena;
pub mod cell;
mod claim;
pub mod clock;
pub mod compare;
mod counts;
pub mod cpus;
pub mod environment;
pub mod fit;
pub mod flame;
pub mod load;
mod logs;
pub mod measure;
pub mod record;
pub mod report;
pub mod result;
pub mod rounds;
pub mod sample;
#[cfg(test)]
mod samples;
pub mod schedule;
mod site;
pub mod stats;
pub mod tune;
pub mod units;

use crate::entries::Entry;
use crate::error::Error;
use crate::launch::Mode;
use crate::profiles::Profile;
use cell::Cell;
use counts::Counts;
use cpus::Split;
use fit::Generator;
use record::Record;
use rounds::Rounds;
use schedule::{Schedule, Task};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// What to measure and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The repository's root.
    pub root: &'a Path,
    /// The servers; the first is the base of the ratios.
    pub entries: Vec<Entry>,
    /// Rows of the profile table.
    pub profiles: Vec<&'static Profile>,
    /// They were not named: a quick run may spare some of them.
    pub all_profiles: bool,
    /// Where entries run.
    pub mode: &'a Mode,
    /// Runs per cell; what the time allows when not given.
    pub rounds: Option<u32>,
    /// Measured time per run; what the time allows when not given.
    pub window: Option<Duration>,
    /// Connection counts; those of the table, as far as they fit, when empty.
    pub connections: &'a [u32],
    /// Short runs, one connection count, quick validation.
    pub quick: bool,
    /// Time for everything but building.
    pub budget: Duration,
    /// Tune the host for as long as it takes.
    pub tune_host: bool,
    /// The arena's way of measuring, whatever the machine.
    pub arena: bool,
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
    let _claim = claim::Claim::of(&plan.root.join("results"))?;
    let tuned = match plan.tune_host {
        true => Some(tune::this_host()?),
        false => None,
    };
    let generator = fit::generator(plan.root)?;
    println!("{}", cpus.described());
    let start = Instant::now();
    let mut outcome = Outcome::default();
    let mut environment = environment::of_this_machine(plan.root, &cpus);
    environment["tuned"] = json!(tuned.as_ref().map(|tuned| &tuned.lines));
    let mut record = Record::new(environment);
    let (entries, building) = fit::fit_entries(plan, &mut outcome, &mut record);
    let groups = if plan.arena {
        record.plan(plan.described("arena"), false);
        arena::run(plan, &entries, &counts, &generator, &record, &mut outcome)?
    } else {
        // Sampling and waiting belong to the generator's side. From here on this
        // process no longer sees what the machine has.
        stay_on(&cpus.client);
        let spent = Clock { start, building };
        let split = cpus.clone();
        let groups = alternate(
            plan,
            &entries,
            &counts,
            &generator,
            &mut record,
            split,
            spent,
        )?;
        for cell in groups.iter().flatten() {
            if cell.best().is_some() {
                outcome.passed += 1;
            } else {
                outcome.failed += 1;
            }
        }
        print_report(&groups, &cpus);
        groups
    };
    let measured = groups.iter().flatten().count();
    println!(
        "results/runs/{}.json has all figures of {measured} cell(s)",
        record.id
    );
    Ok(outcome)
}

/// The time that counts: since the start, without building.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
    building: Duration,
}

impl Clock {
    fn spent(&self) -> Duration {
        self.start.elapsed().saturating_sub(self.building)
    }
}

/// Laptop mode: alternating rounds for as long as the time allows.
fn alternate<'a>(
    plan: &'a Plan<'_>,
    entries: &[&'a Entry],
    counts: &Counts,
    generator: &Generator,
    record: &mut Record,
    cpus: Split,
    clock: Clock,
) -> Result<Vec<Vec<Cell<'a>>>, Error> {
    let mut task = Task {
        budget: plan.budget,
        spent: clock.spent(),
        runs_all: runs(&counts.cells(plan, true), entries),
        runs_one: runs(&counts.cells(plan, false), entries),
        quick: plan.quick,
        rounds: plan.rounds,
        window: plan.window,
        whole_seconds: !generator.ours,
    };
    let mut schedule = Schedule::choose(&task);
    let mut todo = counts.cells(plan, schedule.all_counts);
    if plan.quick && plan.all_profiles && !schedule.fits(&task) {
        say_what_is_spared(&todo);
        todo.retain(|(profile, _)| !profile.quick_spares);
        task.runs_one = runs(&todo, entries);
        schedule = Schedule::choose(&task);
    }
    if schedule.all_counts && plan.connections.is_empty() {
        counts.say_what_is_left_out(&plan.profiles);
    }
    announce(plan, &task, &schedule);
    let mut described = plan.described("laptop");
    described["window_sec"] = json!(schedule.window.as_secs_f64());
    described["warmup_sec"] = json!(schedule.warmup.as_secs_f64());
    described["one_connection_count"] = json!(!schedule.all_counts);
    record.plan(described, true);
    let mut rounds = Rounds::new(plan, entries, &todo, schedule, cpus, generator)?;
    let mut done = 0;
    loop {
        let began = Instant::now();
        rounds.make(done + 1)?;
        done += 1;
        let left = plan.budget.saturating_sub(clock.spent());
        let goes_on = schedule.goes_on(done, began.elapsed(), left);
        record.save(&plan.root.join("results"), &rounds.groups, !goes_on)?;
        if !goes_on {
            return Ok(rounds.groups);
        }
    }
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

fn say_what_is_spared(todo: &[(&'static Profile, u32)]) {
    let spared = todo.iter().filter(|(profile, _)| profile.quick_spares);
    let mut names: Vec<&str> = spared.map(|(profile, _)| profile.name).collect();
    names.dedup();
    println!(
        "not enough time for all profiles: {} left out; without --quick, or named, they are measured",
        names.join(", ")
    );
}

/// Runs that one round takes.
fn runs(cells: &[(&Profile, u32)], entries: &[&Entry]) -> usize {
    cells
        .iter()
        .map(|(profile, _)| {
            let listed = entries.iter().filter(|entry| entry.lists(profile.name));
            listed.count()
        })
        .sum()
}

fn announce(plan: &Plan<'_>, task: &Task, schedule: &Schedule) {
    let runs = if schedule.all_counts {
        task.runs_all
    } else {
        task.runs_one
    };
    let left = plan.budget.saturating_sub(task.spent);
    let rounds = schedule.rounds(left);
    let total = schedule.round * rounds;
    println!(
        "{rounds} alternating rounds of {runs} runs, each {} after {} of warm-up on a fresh server: about {} min",
        load::time(schedule.window),
        load::time(schedule.warmup),
        total.as_secs().div_ceil(60)
    );
    println!(
        "laptop mode: connection counts{} scaled to this machine",
        if schedule.all_counts {
            ""
        } else {
            ", one per profile,"
        }
    );
    if total > left && plan.rounds.is_none() {
        println!(
            "that is more than the {} min that were planned for: name fewer entries or profiles",
            plan.budget.as_secs().div_ceil(60)
        );
    }
}

impl Plan<'_> {
    fn described(&self, mode: &str) -> serde_json::Value {
        json!({
            "mode": mode,
            "place": match self.mode {
                Mode::Native => "native",
                Mode::Docker(_) => "docker",
            },
            "quick": self.quick,
            "budget_sec": self.budget.as_secs(),
        })
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

fn print_report(groups: &[Vec<Cell<'_>>], cpus: &Split) {
    println!();
    for line in groups.iter().flatten().filter_map(report::arena_lines) {
        println!("{line}");
    }
    println!("\n{}", cpus.described());
    for group in groups.iter().filter(|group| !group.is_empty()) {
        println!(
            "\n{}",
            report::table(&group.iter().collect::<Vec<_>>()).trim_end()
        );
    }
    println!();
}
