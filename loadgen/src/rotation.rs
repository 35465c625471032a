//! Which template is whose turn.

use crate::rng::Rng;
use std::cmp::Ordering;

/// Turns after which everything begins again.
const TURNS_MAX: u64 = 1 << 20;

/// When a connection goes on to the next template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rotate {
    /// When it is opened again
    Conn,
    /// After every request
    Request,
    /// Every request draws one, by weight
    Random,
}

impl Rotate {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Conn => "conn",
            Self::Request => "request",
            Self::Random => "random",
        }
    }
}

/// The order of templates: one round, in which each has as many turns as its weight says.
#[derive(Debug)]
pub(crate) struct Rotation {
    pub rotate: Rotate,
    round: Vec<u32>,
}

impl Rotation {
    /// Of templates with these weights, as evenly mixed as can be; for equal weights in their order. `None` if the
    /// weights have too little in common for a round of 2^20 turns.
    pub(crate) fn new(rotate: Rotate, weights: &[u32]) -> Option<Self> {
        let common = weights.iter().fold(0, |a, b| gcd(a, *b)).max(1);
        let total: u64 = weights
            .iter()
            .map(|weight| u64::from(weight / common))
            .sum();
        if total > TURNS_MAX {
            return None;
        }
        let mut turns = Vec::with_capacity(total as usize);
        for (template, weight) in (0u32..).zip(weights) {
            let weight = weight / common;
            turns.extend((0..weight).map(|number| Turn {
                template,
                middle: (2 * u64::from(number) + 1, weight.into()),
            }));
        }
        turns.sort_by(|a, b| a.order(b));
        Some(Self {
            rotate,
            round: turns.iter().map(|turn| turn.template).collect(),
        })
    }

    /// Whether requests of one connection may be of different templates.
    pub(crate) fn is_per_request(&self) -> bool {
        self.rotate != Rotate::Conn
    }

    /// The turn that a connection begins with, by its number.
    pub(crate) fn first(&self, connection: u64) -> u32 {
        (connection % self.round.len() as u64) as u32
    }

    /// The turn after this one.
    pub(crate) fn after(&self, turn: u32) -> u32 {
        (turn + 1) % self.round.len() as u32
    }

    /// Whose turn it is.
    pub(crate) fn template(&self, turn: u32) -> u32 {
        self.round[turn as usize]
    }

    /// The template of a connection's next request, where each may have another one.
    pub(crate) fn next(&self, turn: &mut u32, rng: &mut Rng) -> u32 {
        if self.rotate == Rotate::Random {
            return self.round[rng.between(0, self.round.len() as u64 - 1) as usize];
        }
        let template = self.template(*turn);
        *turn = self.after(*turn);
        template
    }
}

/// One turn of a template, and the place in the round, as a fraction, at the middle of the part that belongs to it.
struct Turn {
    template: u32,
    middle: (u64, u64),
}

impl Turn {
    fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (self.middle, other.middle);
        (a.0 * b.1)
            .cmp(&(b.0 * a.1))
            .then(self.template.cmp(&other.template))
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(weights: &[u32]) -> Vec<u32> {
        Rotation::new(Rotate::Conn, weights).unwrap().round
    }

    #[test]
    fn weights_are_mixed_evenly() {
        assert_eq!(round(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(round(&[7, 7]), [0, 1]);
        assert_eq!(round(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(round(&[2, 4, 2]), [1, 0, 2, 1]);
        assert_eq!(round(&[1]), [0]);
        assert!(Rotation::new(Rotate::Conn, &[1 << 20, 1]).is_none());
        assert!(Rotation::new(Rotate::Conn, &[1 << 20, 1 << 21]).is_some());
    }

    #[test]
    fn turns_follow_each_other_or_are_drawn() {
        let mut rng = Rng::new(1, 1);
        let in_turn = Rotation::new(Rotate::Request, &[3, 1]).unwrap();
        let mut turn = in_turn.first(5);
        let seen: Vec<u32> = (0..5).map(|_| in_turn.next(&mut turn, &mut rng)).collect();
        assert_eq!(seen, [0, 1, 0, 0, 0]);
        let drawn = Rotation::new(Rotate::Random, &[3, 1]).unwrap();
        let ones = (0..10_000)
            .filter(|_| drawn.next(&mut turn, &mut rng) == 1)
            .count();
        // Five standard deviations; the seed is fixed.
        assert!((2_285..2_715).contains(&ones), "{ones}");
    }
}
