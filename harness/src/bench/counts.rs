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

    /// The counts of a profile; those of the table are left out where they do
    /// not fit, and that is said.
    pub(super) fn of(&self, profile: &Profile, plan: &Plan<'_>) -> Vec<u32> {
        if !plan.connections.is_empty() {
            return plan.connections.to_vec();
        }
        let quick = [profile.quick_connections];
        let table = if plan.quick {
            &quick
        } else {
            profile.local_connections
        };
        self.fitting(profile.name, table)
    }

    fn fitting(&self, name: &str, table: &[u32]) -> Vec<u32> {
        let mut fitting = Vec::new();
        for count in table.iter().copied() {
            if !self.fits_files(count) {
                println!(
                    "{}: {count} connections exceed the limit of {} open files",
                    name, self.files
                );
            } else if count > self.cpus.saturating_mul(CONNECTIONS_PER_CPU) {
                println!(
                    "{}: {count} connections are too many for {} CPUs",
                    name, self.cpus
                );
            } else {
                fitting.push(count);
            }
        }
        fitting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_fit_are_left_out() {
        let machine = |files, cpus| Counts { files, cpus };
        assert_eq!(
            machine(20_000, 2).fitting("x", &[64, 512, 4096]),
            [64, 512, 4096]
        );
        assert_eq!(machine(20_000, 1).fitting("x", &[64, 512, 4096]), [64, 512]);
        assert_eq!(machine(1024, 2).fitting("x", &[64, 512, 4096]), [64, 512]);
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
