//! Rounds over the whole table: in each, every cell has its turn, and in each
//! cell every entry. So what changes on the machine meanwhile falls on all of
//! them, the two sides of a pair are measured seconds apart, and a run that is
//! ended early has complete rounds. Entries have their turns forwards and
//! backwards by turns: a machine that only ever gets slower (or warmer) is to
//! be to nobody's advantage, and would be to that of whoever is always first.

use super::Plan;
use super::cell::Cell;
use super::cpus::Split;
use super::fit::Generator;
use super::load;
use super::measure::{Figures, Setting, measure};
use super::schedule::Schedule;
use super::units;
use crate::data;
use crate::entries::Entry;
use crate::error::Error;
use crate::launch::{Mode, ports};
use crate::profiles::Profile;

/// All cells, by profile and connection count.
#[derive(Debug)]
pub struct Rounds<'a, 'p> {
    plan: &'p Plan<'p>,
    schedule: Schedule,
    cpus: Split,
    generator: &'p Generator,
    /// One per profile and connection count, with a cell for each entry.
    pub groups: Vec<Vec<Cell<'a>>>,
}

impl<'a, 'p> Rounds<'a, 'p> {
    /// Empty cells for everything that is to be measured.
    ///
    /// # Errors
    /// When a template file is missing.
    pub fn new(
        plan: &'p Plan<'p>,
        entries: &[&'a Entry],
        todo: &[(&'static Profile, u32)],
        schedule: Schedule,
        cpus: Split,
        generator: &'p Generator,
    ) -> Result<Self, Error> {
        let mut groups = Vec::new();
        for (profile, connections) in todo {
            let data = data::folder(plan.data, profile.generation);
            let template_size = load::template_size(profile, &data.join("requests"))?;
            let listed = entries.iter().filter(|entry| entry.lists(profile.name));
            let cells: Vec<Cell<'a>> = listed
                .map(|entry| Cell {
                    entry,
                    profile,
                    connections: *connections,
                    window: schedule.window,
                    threads: cpus.client.len().min(*connections as usize),
                    template_size,
                    rounds: Vec::new(),
                })
                .collect();
            groups.push(cells);
        }
        Ok(Self {
            plan,
            schedule,
            cpus,
            generator,
            groups,
        })
    }

    /// One round.
    ///
    /// # Errors
    /// When no port is free.
    pub fn make(&mut self, number: u32) -> Result<(), Error> {
        let plan = self.plan;
        let turns = self.groups.iter_mut().flat_map(|group| {
            let order = order(number, group.len());
            let mut cells: Vec<Option<&mut Cell<'a>>> = group.iter_mut().map(Some).collect();
            order.map(move |index| cells[index].take())
        });
        for cell in turns.flatten() {
            let data = data::folder(plan.data, cell.profile.generation);
            let figures = measure(&Setting {
                entry: cell.entry,
                mode: plan.mode,
                profile: cell.profile,
                connections: cell.connections,
                threads: cell.threads,
                window: self.schedule.window,
                warmup: self.schedule.warmup,
                port: port(plan)?,
                server_cpus: Some(&self.cpus.server),
                client_cpus: Some(&self.cpus.client),
                data: &data,
                generator: self.generator,
                ready_within: plan.ready_within,
            })
            .unwrap_or_else(|error| Figures::missing(error.to_string()));
            println!(
                "{} {}c round {number} {}: {}",
                cell.profile.name,
                cell.connections,
                cell.entry.name,
                progress(&figures)
            );
            cell.rounds.push(figures);
        }
        Ok(())
    }
}

/// Whose turn it is in a round, of so many entries.
pub(super) fn order(round: u32, entries: usize) -> impl Iterator<Item = usize> {
    let backwards = round.is_multiple_of(2);
    (0..entries).map(move |turn| match backwards {
        true => entries - 1 - turn,
        false => turn,
    })
}

/// The port that was asked for, a free one, or the arena's in a container.
pub(super) fn port(plan: &Plan<'_>) -> Result<u16, Error> {
    match (plan.port, plan.mode) {
        (Some(port), _) => Ok(port),
        (None, Mode::Native) => ports::free(),
        (None, Mode::Docker(_)) => Ok(ports::ARENA),
    }
}

/// The end of a line that says how a run went.
pub(super) fn progress(figures: &Figures) -> String {
    if let Some(why) = &figures.objection {
        return format!("INVALID: {why}");
    }
    let server = figures
        .server_cpu_us
        .map(|us| format!(", {us:.2} us of server CPU per request"));
    let rps = units::thousands(figures.report.rps() as u64);
    format!("{rps} req/s{}", server.unwrap_or_default())
}
