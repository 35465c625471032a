//! Connection counts that fit the machine.

use super::Plan;
use super::cpus::Split;
use crate::error::Error;
use crate::profiles::Profile;

/// Connections per core that still leave room for anything but overhead.
const CONNECTIONS_PER_CPU: u32 = 2048;
/// Descriptors that a server or generator needs besides its connections.
const SPARE_FILES: u64 = 200;

/// How many connections this machine can hold.
#[derive(Debug)]
pub(super) struct Counts {
    files: u64,
    cpus: u32,
}

impl Counts {
    pub(super) fn of_this_machine(cpus: &Split) -> Self {
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
    pub(super) fn check(&self, asked: &[u32]) -> Result<(), Error> {
        match asked.iter().find(|count| !self.fits_files(**count)) {
            None => Ok(()),
            Some(count) => Err(Error::usage(format!(
                "--conns {count} does not fit the limit of {} open files",
                self.files
            ))),
        }
    }

    /// Profiles with their connection counts: all that fit this machine, or
    /// one each.
    pub(super) fn cells(&self, plan: &Plan<'_>, all: bool) -> Vec<(&'static Profile, u32)> {
        let mut cells = Vec::new();
        for profile in &plan.profiles {
            let quick = [profile.quick_connections];
            let counts = match (plan.connections, all) {
                (&[], true) => self.fitting(profile.local_connections),
                (&[], false) => self.fitting(&quick),
                (asked, _) => asked.to_vec(),
            };
            cells.extend(counts.into_iter().map(|count| (*profile, count)));
        }
        cells
    }

    /// Profiles with the arena's connection counts, as far as this machine has
    /// descriptors for them.
    pub(super) fn arena_cells(&self, plan: &Plan<'_>) -> Vec<(&'static Profile, u32)> {
        let mut cells = Vec::new();
        for profile in &plan.profiles {
            let counts = match plan.connections {
                [] => profile.arena_connections,
                asked => asked,
            };
            for count in counts.iter().copied() {
                if self.fits_files(count) {
                    cells.push((*profile, count));
                } else {
                    println!(
                        "{}: {count} connections exceed the limit of {} open files",
                        profile.name, self.files
                    );
                }
            }
        }
        cells
    }

    /// Says which counts of the table are left out, and why.
    pub(super) fn say_what_is_left_out(&self, profiles: &[&'static Profile]) {
        for profile in profiles {
            let kept = self.fitting(profile.local_connections);
            let left = profile.local_connections.iter().copied();
            for count in left.filter(|count| !kept.contains(count)) {
                let why = if self.fits_files(count) {
                    format!("are too many for {} CPUs", self.cpus)
                } else {
                    format!("exceed the limit of {} open files", self.files)
                };
                println!("{}: {count} connections {why}", profile.name);
            }
        }
    }

    fn fitting(&self, table: &[u32]) -> Vec<u32> {
        let counts = table.iter().copied();
        counts
            .filter(|count| {
                self.fits_files(*count) && *count <= self.cpus.saturating_mul(CONNECTIONS_PER_CPU)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_fit_are_left_out() {
        let machine = |files, cpus| Counts { files, cpus };
        assert_eq!(
            machine(20_000, 2).fitting(&[64, 512, 4096]),
            [64, 512, 4096]
        );
        assert_eq!(machine(20_000, 1).fitting(&[64, 512, 4096]), [64, 512]);
        assert_eq!(machine(1024, 2).fitting(&[64, 512, 4096]), [64, 512]);
    }

    #[test]
    fn counts_that_were_asked_for_must_fit() {
        let machine = Counts {
            files: 1024,
            cpus: 1,
        };
        assert!(machine.check(&[64, 800]).is_ok());
        let error = machine.check(&[64, 4096]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("limit of 1024 open files"),
            "{error}"
        );
    }
}
