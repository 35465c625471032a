//! `harness validate`: starts an entry on data of this run and makes every
//! check that belongs to its profiles.

use crate::check::{self, Check, Depth, Fault, Target};
use crate::cleanup::TempFolder;
use crate::data;
use crate::entries::Entry;
use crate::error::Error;
use crate::launch::{self, Mode, Purpose, Server, Start, ports};
use crate::profiles::{self, Area, Generation};
use std::path::Path;
use std::time::Duration;

/// What to validate and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The entry; it must have been built.
    pub entry: &'a Entry,
    /// Where it runs.
    pub mode: &'a Mode,
    /// Profile names, or none for all that the entry lists.
    pub profiles: &'a [String],
    /// One generation, or all.
    pub generation: Option<Generation>,
    /// The generated data folder, for the request templates.
    pub data: &'a Path,
    /// Thoroughness.
    pub depth: Depth,
    /// Decides every random value, the altered data included.
    pub seed: u64,
    /// The port; a free one (8080 in Docker mode) when not given.
    pub port: Option<u16>,
    /// How long the server may take to start.
    pub ready_within: Duration,
    /// Print failures only.
    pub terse: bool,
}

/// What came of a validation.
#[derive(Debug, Default)]
pub struct Tally {
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks and profiles that were left out, with the reason.
    pub skipped: Vec<(String, String)>,
}

impl Tally {
    /// The last line of a run.
    pub fn summary(&self) -> String {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        let skips = if skipped.is_empty() {
            String::new()
        } else {
            format!(", {} skipped", skipped.len())
        };
        format!("{passed} passed, {failed} failed{skips}")
    }

    fn skip(&mut self, name: &str, reason: String, terse: bool) {
        if !terse {
            println!("SKIP {name}: {reason}");
        }
        self.skipped.push((name.into(), reason));
    }
}

/// Builds the entry and validates it.
///
/// # Errors
/// Unknown profile names; a server that cannot be built or started.
pub fn build_and_run(plan: &Plan<'_>) -> Result<Tally, Error> {
    known(plan.profiles)?;
    launch::build(plan.entry, plan.mode)?;
    run(plan)
}

/// Refuses profile names that are in no generation.
///
/// # Errors
/// A usage error that lists the names that exist.
pub fn known(names: &[String]) -> Result<(), Error> {
    match names
        .iter()
        .find(|name| profiles::rows(name).next().is_none())
    {
        None => Ok(()),
        Some(name) => Err(Error::usage(format!(
            "unknown profile {name}; there are: {}",
            profiles::names().join(", ")
        ))),
    }
}

/// Validates an entry that has been built.
///
/// # Errors
/// When the server cannot be started.
pub fn run(plan: &Plan<'_>) -> Result<Tally, Error> {
    known(plan.profiles)?;
    let mut tally = Tally::default();
    let names = wanted(plan, &mut tally);
    for generation in Generation::ALL {
        if plan.generation.is_some_and(|only| only != generation) {
            continue;
        }
        let areas: Vec<Area> = names
            .iter()
            .filter_map(|name| profiles::find(name, generation))
            .map(|row| row.area)
            .collect();
        if !areas.is_empty() {
            run_generation(
                plan,
                generation,
                &check::select(&areas, generation),
                &mut tally,
            )?;
        }
    }
    Ok(tally)
}

/// The profiles to check: those asked for, as far as the entry takes part.
fn wanted(plan: &Plan<'_>, tally: &mut Tally) -> Vec<String> {
    let listed = &plan.entry.meta.tests;
    let asked = if plan.profiles.is_empty() {
        listed
    } else {
        plan.profiles
    };
    let mut names = Vec::new();
    for name in asked {
        let mut rows = profiles::rows(name).map(|row| row.generation).peekable();
        if rows.peek().is_none() {
            tally.skip(name, "no checks exist for this profile".into(), plan.terse);
        } else if !plan.entry.lists(name) {
            let reason = format!(
                "{} does not list this profile in its tests",
                plan.entry.name
            );
            tally.skip(name, reason, plan.terse);
        } else if plan
            .generation
            .is_some_and(|only| !rows.any(|generation| generation == only))
        {
            tally.skip(
                name,
                "the profile is not part of this generation".into(),
                plan.terse,
            );
        } else {
            names.push(name.clone());
        }
    }
    names
}

fn run_generation(
    plan: &Plan<'_>,
    generation: Generation,
    checks: &[&Check],
    tally: &mut Tally,
) -> Result<(), Error> {
    let altered = TempFolder::new("data")?;
    data::write_altered(altered.path(), generation, plan.seed)?;
    let port = match (plan.port, plan.mode) {
        (Some(port), _) => port,
        (None, Mode::Native) => ports::free()?,
        (None, Mode::Docker(_)) => ports::ARENA,
    };
    let start = Start {
        purpose: Purpose::Validate,
        port,
        data: altered.path(),
        generation,
        cpus: None,
        ready_within: plan.ready_within,
    };
    let mut server = Server::start(plan.entry, plan.mode, &start)?;
    if !plan.terse {
        println!(
            "{} runs on port {port} with altered data of {generation}",
            plan.entry.name
        );
        for line in server.greeting() {
            println!("  | {line}");
        }
    }
    let requests = data::folder(plan.data, generation).join("requests");
    let target = Target::new(
        server.address(),
        altered.path(),
        &requests,
        plan.depth,
        plan.seed,
    );
    for (index, check) in checks.iter().enumerate() {
        let name = format!("{generation}/{}", check.name);
        match check.run(&target) {
            Ok(()) => {
                tally.passed += 1;
                if !plan.terse {
                    println!("PASS {name}");
                }
            }
            Err(Fault::Skip(reason)) => tally.skip(&name, reason, plan.terse),
            Err(fault) => {
                tally.failed += 1;
                println!("FAIL {name}: {fault}");
                if let Some(death) = server.death_after_failure() {
                    let left = checks.len() - index - 1;
                    println!("FAIL {generation}: {death}\n  {left} checks were not made");
                    tally.failed += left;
                    break;
                }
            }
        }
    }
    // The clients' idle connections end first: some servers wait for those.
    drop(target);
    server.stop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_mentions_skips_only_when_there_are_any() {
        let mut tally = Tally {
            passed: 3,
            failed: 1,
            skipped: Vec::new(),
        };
        assert_eq!(tally.summary(), "3 passed, 1 failed");
        tally.skip("echo-ws", "unknown".into(), true);
        assert_eq!(tally.summary(), "3 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn unknown_profiles_are_a_usage_error() {
        let error = known(&["jsn".into()]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("there are: baseline, pipelined"),
            "{error}"
        );
    }
}
