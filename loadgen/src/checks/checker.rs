//! One thread's checks, and what they cost.

use super::{Checks, Expected, HeaderRule, Progress, sample::Sampler};
use crate::{
    clock::{self, Nanos},
    split::Share,
};
use std::ops::AddAssign;
use sws_proto::http1::answer::BodySink;

/// One comparison in this many is timed. A prime, so that it beats in step with no pipeline.
const TIMED_ONE_IN: u64 = 61;

/// Bodies that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    pub bodies: u64,
    pub bytes: u64,
    /// Pieces in which they came.
    pieces: u64,
    timed_pieces: u64,
    timed: Nanos,
}

/// Whether an answer is what it should be, beside its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    /// A field is missing or has another value.
    Header,
    Body,
}

/// Judges the answers that one thread gets.
#[derive(Debug)]
pub(crate) struct Checker<'p> {
    checks: &'p Checks,
    /// Of each template; empty if none is looked at.
    bodies: &'p [Option<Expected>],
    sampler: Sampler,
    /// In the part of the run that is under way.
    pub part: Checked,
    /// In the whole run.
    pub whole: Checked,
    /// What the clock itself takes.
    clock_cost: Nanos,
}

/// Judges the answer under way on one connection.
#[derive(Debug)]
pub(crate) struct Check<'a, 'p> {
    pub checker: &'a mut Checker<'p>,
    pub progress: &'a mut Option<Box<Progress>>,
    pub template: u32,
}

impl<'p> Checker<'p> {
    /// Of one thread, which is this part of all threads.
    pub(crate) fn new(checks: &'p Checks, share: Share, seed: u64) -> Self {
        let bodies = match checks.look_at_bodies() {
            true => checks.bodies.as_slice(),
            false => &[],
        };
        Self {
            checks,
            bodies,
            sampler: Sampler::new(checks.validate, bodies.len(), share, seed),
            part: Checked::default(),
            whole: Checked::default(),
            clock_cost: if bodies.is_empty() { 0 } else { clock_cost() },
        }
    }

    /// What the bodies for a template must be.
    pub(crate) fn expected(&self, template: u32) -> Option<&'p Expected> {
        self.bodies.get(template as usize)?.as_ref()
    }

    /// The same, if the next one is to be compared.
    pub(super) fn choose(&mut self, template: u32) -> Option<&'p Expected> {
        let expected = self.expected(template)?;
        self.sampler.takes(template as usize).then_some(expected)
    }

    /// The first field rule that a head breaks.
    pub(crate) fn broken_rule(&self, head: &[u8]) -> Option<&'p HeaderRule> {
        self.checks.headers.iter().find(|rule| !rule.holds(head))
    }

    /// When a comparison begins, if it is one that is timed.
    pub(super) fn begin(&self) -> Option<Nanos> {
        self.whole
            .pieces
            .is_multiple_of(TIMED_ONE_IN)
            .then(clock::now)
    }

    pub(super) fn end(&mut self, began: Option<Nanos>, bytes: usize) {
        let time = began.map(|began| clock::now() - began);
        let piece = Checked {
            bodies: 0,
            bytes: bytes as u64,
            pieces: 1,
            timed_pieces: u64::from(time.is_some()),
            timed: time.unwrap_or(0).saturating_sub(self.clock_cost),
        };
        self.part += piece;
        self.whole += piece;
    }
}

/// The least time between two looks at the clock.
fn clock_cost() -> Nanos {
    let times = (0..32).map(|_| {
        let before = clock::now();
        clock::now() - before
    });
    times.min().unwrap_or(0)
}

impl Checked {
    /// Time that the comparisons took, estimated from those that were timed.
    pub(crate) fn nanos(&self) -> u64 {
        let all = u128::from(self.timed) * u128::from(self.pieces);
        let all = all.checked_div(self.timed_pieces.into());
        all.map_or(0, |nanos| u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl AddAssign for Checked {
    fn add_assign(&mut self, other: Self) {
        self.bodies += other.bodies;
        self.bytes += other.bytes;
        self.pieces += other.pieces;
        self.timed_pieces += other.timed_pieces;
        self.timed += other.timed;
    }
}

impl BodySink for Check<'_, '_> {
    fn head(&mut self, head: &[u8]) -> bool {
        self.checker.broken_rule(head).is_none()
    }

    #[inline]
    fn data(&mut self, bytes: &[u8]) {
        if let Some(progress) = self.progress {
            progress.take(bytes, self.checker, self.template);
        }
    }
}

impl Check<'_, '_> {
    /// Judges the answer, which is complete now. Starts over for the next one.
    #[inline]
    pub(crate) fn finish(&mut self, head_fits: bool) -> Fit {
        let body_fits = match self.progress {
            None => true,
            Some(progress) => match progress.finish(self.checker, self.template) {
                None => true,
                Some(fits) => {
                    self.checker.part.bodies += 1;
                    self.checker.whole.bodies += 1;
                    fits
                }
            },
        };
        match (head_fits, body_fits) {
            (true, true) => Fit::Yes,
            (false, _) => Fit::Header,
            (true, false) => Fit::Body,
        }
    }
}
