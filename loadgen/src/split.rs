//! A run that several processes share: what is the part of each.

use std::{fmt, str::FromStr};

/// Where engines tell a worker its number, from 0: Kubernetes (Indexed Job), Nomad, Slurm.
const NUMBERS: [&str; 3] = ["JOB_COMPLETION_INDEX", "NOMAD_ALLOC_INDEX", "SLURM_PROCID"];

/// One worker of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// From 0.
    pub index: u32,
    pub of: u32,
}

impl Share {
    /// Everything.
    pub(crate) const WHOLE: Self = Self { index: 0, of: 1 };

    /// This worker's part of `total`: the remainder is spread over the first workers, so all parts add up to it.
    pub(crate) fn part(self, total: u64) -> u64 {
        let (index, of) = (u64::from(self.index), u64::from(self.of));
        total / of + u64::from(index < total % of)
    }

    /// The parts of the workers before this one.
    pub(crate) fn before(self, total: u64) -> u64 {
        let (index, of) = (u64::from(self.index), u64::from(self.of));
        total / of * index + index.min(total % of)
    }

    fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let error = || format!("`{text}` is no worker; write it like 0/4, or auto/4");
        let (index, of) = text.split_once('/').ok_or_else(error)?;
        let of: u32 = of.parse().map_err(|_| error())?;
        let index = if index == "auto" {
            let found = NUMBERS
                .iter()
                .find_map(|name| variable(name).map(|value| (name, value)));
            let (name, value) =
                found.ok_or_else(|| format!("`{text}`: none of {} is set", NUMBERS.join(", ")))?;
            value
                .parse()
                .map_err(|_| format!("`{text}`: {name} is `{value}`, which is no number"))?
        } else {
            index.parse().map_err(|_| error())?
        };
        if index < of {
            Ok(Self { index, of })
        } else {
            Err(format!(
                "there is no worker {index} of {of}: they count from 0"
            ))
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, |name| std::env::var(name).ok())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_follow_each_other() {
        for total in [0, 1, 7, 64, 1001] {
            for of in [1, 2, 3, 7, 64] {
                let mut next = 0;
                for index in 0..of {
                    let share = Share { index, of };
                    assert_eq!(share.before(total), next);
                    next += share.part(total);
                }
                assert_eq!(next, total, "{total} {of}");
            }
        }
    }

    #[test]
    fn workers_count_from_0_and_engines_may_number_them() {
        let parse = |text: &str, name: &str, value: &str| {
            Share::parse(text, |asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(parse("1/4", "", ""), Ok(Share { index: 1, of: 4 }));
        let third = Ok(Share { index: 3, of: 4 });
        assert_eq!(parse("auto/4", "JOB_COMPLETION_INDEX", "3"), third);
        assert_eq!(parse("auto/4", "SLURM_PROCID", "3"), third);
        for (text, name, value, part) in [
            ("4/4", "", "", "count from 0"),
            ("auto/4", "NOMAD_ALLOC_INDEX", "4", "no worker 4 of 4"),
            ("auto/4", "SLURM_PROCID", "x", "SLURM_PROCID"),
            ("auto/4", "", "", "JOB_COMPLETION_INDEX"),
            ("0/0", "", "", "no worker"),
            ("1", "", "", "0/4"),
            ("-1/4", "", "", "0/4"),
        ] {
            let error = parse(text, name, value).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
