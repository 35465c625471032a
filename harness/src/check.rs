//! The checks: what an entry must answer, asked with other people's clients.

mod baseline;
mod compression;
mod connections;
mod curl;
mod database;
mod encodings;
mod fault;
mod framing;
mod items;
mod json;
mod json_comp;
mod mixed;
mod noisy;
mod pipelined;
mod reply;
mod target;
mod upload;
mod web;
mod websocket;
mod wire;

pub use fault::{Fault, Verdict, Wrong};
pub use target::{Depth, Target};

use crate::profiles::{Area, Generation};

/// One check: a name, when it applies, and the function that does it.
#[derive(Debug)]
pub struct Check {
    /// `group/what`, as progress lines show it.
    pub name: &'static str,
    /// Applies when any of these is asked for.
    areas: &'static [Area],
    /// Applies in this generation only.
    only: Option<Generation>,
    run: fn(&Target<'_>) -> Verdict,
}

impl Check {
    const fn new(
        name: &'static str,
        areas: &'static [Area],
        run: fn(&Target<'_>) -> Verdict,
    ) -> Self {
        Self {
            name,
            areas,
            only: None,
            run,
        }
    }

    const fn only(mut self, generation: Generation) -> Self {
        self.only = Some(generation);
        self
    }

    /// Runs it; every check draws its random values from a stream of its own,
    /// so that it can be replayed alone.
    ///
    /// # Errors
    /// The fault that was found, or why the check had to be skipped.
    pub fn run(&self, target: &Target<'_>) -> Verdict {
        (self.run)(target)
    }
}

/// The checks that belong to these areas in this generation, in a fixed order:
/// plain answers first, hostile input last.
pub fn select(areas: &[Area], generation: Generation) -> Vec<&'static Check> {
    [
        baseline::CHECKS,
        pipelined::CHECKS,
        connections::CHECKS,
        framing::CHECKS,
        json::CHECKS,
        json_comp::CHECKS,
        compression::CHECKS,
        upload::CHECKS,
        mixed::CHECKS,
        noisy::CHECKS,
        websocket::HANDSHAKE,
        websocket::ECHO,
        websocket::CONTROL,
        websocket::LIBRARY,
        websocket::CLOSING,
    ]
    .into_iter()
    .flatten()
    .filter(|check| check.only.is_none_or(|only| only == generation))
    .filter(|check| check.areas.iter().any(|area| areas.contains(area)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::TABLE;

    #[test]
    fn every_row_of_the_table_has_checks_with_unique_names() {
        for row in TABLE {
            let checks = select(&[row.area], row.generation);
            assert!(!checks.is_empty(), "{} {}", row.name, row.generation);
            let mut names: Vec<_> = checks.iter().map(|check| check.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{} {}", row.name, row.generation);
        }
    }

    #[test]
    fn areas_that_were_not_asked_for_are_left_out() {
        let checks = select(&[Area::Pipelined], Generation::April2026);
        assert!(
            checks
                .iter()
                .all(|check| !check.name.starts_with("upload/"))
        );
    }
}
