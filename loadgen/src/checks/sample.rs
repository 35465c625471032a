//! Which bodies are compared.

use crate::{rng::Rng, split::Share};
use std::fmt;

/// Which bodies are compared with what they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Validate {
    #[default]
    All,
    /// About one in so many.
    OneIn(u32),
    /// So many of each template, over all threads and processes.
    First(u64),
    Off,
}

impl Validate {
    /// From `all`, `1/64`, `first:10` or `off`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is none of all, 1/N, first:N, off");
        match text {
            "all" => return Ok(Self::All),
            "off" => return Ok(Self::Off),
            _ => {}
        }
        let number = |digits: &str| digits.parse().ok().filter(|number| *number > 0);
        if let Some(digits) = text.strip_prefix("1/") {
            let of = number(digits).and_then(|number| u32::try_from(number).ok());
            return of.map(Self::OneIn).ok_or_else(error);
        }
        let first = text.strip_prefix("first:").and_then(number);
        first.map(Self::First).ok_or_else(error)
    }
}

impl fmt::Display for Validate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::OneIn(of) => write!(f, "1/{of}"),
            Self::First(count) => write!(f, "first:{count}"),
            Self::Off => f.write_str("off"),
        }
    }
}

/// Decides for each body in turn.
#[derive(Debug)]
pub(super) struct Sampler {
    validate: Validate,
    /// For each template: bodies to pass over, or that are left to compare. One count for all would beat in step with the
    /// rotation of templates.
    counts: Vec<u64>,
    rng: Rng,
}

impl Sampler {
    /// Of one thread, which is this part of all threads.
    pub(super) fn new(validate: Validate, templates: usize, share: Share, seed: u64) -> Self {
        let count = match validate {
            Validate::First(count) => share.part(count),
            _ => 0,
        };
        Self {
            validate,
            counts: vec![count; templates],
            rng: Rng::new(seed, u64::from(u32::MAX) + 1 + u64::from(share.index)),
        }
    }

    /// Whether the next body of this template is compared.
    pub(super) fn takes(&mut self, template: usize) -> bool {
        let Some(count) = self.counts.get_mut(template) else {
            return false;
        };
        match self.validate {
            Validate::All => true,
            Validate::Off => false,
            Validate::OneIn(of) if *count == 0 => {
                // Random distances: answers come in batches, and a fixed one might always fall on the same place.
                *count = self.rng.between(0, 2 * (u64::from(of) - 1));
                true
            }
            Validate::First(_) if *count == 0 => false,
            Validate::OneIn(_) => {
                *count -= 1;
                false
            }
            Validate::First(_) => {
                *count -= 1;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_bodies_is_written_in_four_ways() {
        for text in ["all", "1/1", "1/64", "first:10", "off"] {
            assert_eq!(Validate::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1/0", "2/3", "first:0", "first:", "some", "1/x"] {
            assert!(
                Validate::parse(text).unwrap_err().contains("first:N"),
                "{text}"
            );
        }
    }

    #[test]
    fn about_one_in_n_of_each_template() {
        let mut sampler = Sampler::new(Validate::OneIn(8), 2, Share::WHOLE, 5);
        let mut taken = [0; 2];
        for number in 0..32_000 {
            taken[number % 2] += u32::from(sampler.takes(number % 2));
        }
        assert!(
            taken.iter().all(|count| (1800..2200).contains(count)),
            "{taken:?}"
        );
        let mut every = Sampler::new(Validate::OneIn(1), 1, Share::WHOLE, 5);
        assert!((0..50).all(|_| every.takes(0)));
    }

    #[test]
    fn the_first_n_over_all_threads() {
        let taken = |index| {
            let mut sampler = Sampler::new(Validate::First(5), 2, Share { index, of: 3 }, 1);
            (0..100).filter(|_| sampler.takes(1)).count()
        };
        assert_eq!([taken(0), taken(1), taken(2)], [2, 2, 1]);
    }
}
