//! Which status codes are right.

use std::{fmt, str::FromStr};

/// Status codes that a server may answer with.
const CODES: std::ops::RangeInclusive<u16> = 100..=599;

/// A set of status codes. Most are one range, and only what is outside of that is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// As it was written.
    text: String,
    low: u16,
    span: u16,
    /// Others, each a code or a class.
    others: Vec<(u16, u16)>,
}

impl Expected {
    /// Whether this status is right.
    #[inline]
    pub(crate) fn contains(&self, status: u16) -> bool {
        status.wrapping_sub(self.low) < self.span || self.is_other(status)
    }

    #[cold]
    fn is_other(&self, status: u16) -> bool {
        let within = |(low, span): &(u16, u16)| status.wrapping_sub(*low) < *span;
        self.others.iter().any(within)
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The number that was written, if it was nothing but a number; it stands for its class.
    pub(crate) fn number(&self) -> Option<u16> {
        self.text.parse().ok()
    }

    /// What wrong ones are.
    pub(crate) fn opposite(&self) -> String {
        match self.number() {
            Some(_) => format!("outside {}", self.name()),
            None => format!("other than {}", self.name()),
        }
    }

    /// What right ones are.
    pub(crate) fn name(&self) -> String {
        match self.number() {
            Some(number) => format!("{}xx", number / 100),
            None => self.text.clone(),
        }
    }
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = |part: &str| {
            format!("`{part}` is no status; write 200 for 2xx, =200, 200,304, 2xx,304 or any")
        };
        let code = |text: &str| {
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            text.parse()
                .ok()
                .filter(|code| is_number && CODES.contains(code))
                .ok_or_else(|| error(text))
        };
        let class = |code: u16| (code / 100 * 100, 100);
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut ranges = Vec::with_capacity(parts.len());
        for part in &parts {
            ranges.push(if *part == "any" {
                (0, u16::MAX)
            } else if let Some(exact) = part.strip_prefix('=') {
                (code(exact)?, 1)
            } else if let Some(digit) = part.strip_suffix("xx") {
                class(code(&format!("{digit}00")).map_err(|_| error(part))?)
            } else if parts.len() == 1 {
                class(code(part)?)
            } else {
                (code(part)?, 1)
            });
        }
        let (low, span) = ranges.remove(0);
        Ok(Self {
            text: parts.join(","),
            low,
            span,
            others: ranges,
        })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_they_say() {
        for (text, inside, outside) in [
            ("200", &[200, 204, 299][..], &[199, 300, 404][..]),
            ("404", &[400, 404, 499], &[200, 399, 500]),
            ("=200", &[200], &[201, 199, 404]),
            ("200,304", &[200, 304], &[201, 303, 305]),
            ("2xx, =304", &[200, 250, 304], &[300, 303]),
            ("any", &[100, 200, 404, 599, 999], &[]),
        ] {
            let set: Expected = text.parse().unwrap();
            assert!(inside.iter().all(|code| set.contains(*code)), "{text}");
            assert!(!outside.iter().any(|code| set.contains(*code)), "{text}");
        }
    }

    #[test]
    fn they_are_named_as_they_are_meant() {
        let opposite = |text: &str| text.parse::<Expected>().unwrap().opposite();
        assert_eq!(opposite("204"), "outside 2xx");
        assert_eq!(opposite("200, 304"), "other than 200,304");
        assert_eq!("=204".parse::<Expected>().unwrap().number(), None);
    }

    #[test]
    fn others_are_refused_by_name() {
        for (text, part) in [
            ("", "``"),
            ("20", "`20`"),
            ("-5", "`-5`"),
            ("200,", "``"),
            ("200,600", "`600`"),
            ("=", "``"),
            ("+200", "`+200`"),
            ("all", "`all`"),
            ("6xx", "`6xx`"),
            ("xx", "`xx`"),
        ] {
            let error = text.parse::<Expected>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
