//! Sizes and durations on the command line.

use std::{fmt, str::FromStr, time::Duration};

/// A number of bytes, written plainly or in `KiB` and `MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Bytes {
    /// As a size in memory, where a larger one cannot exist anyway.
    pub fn to_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, &[("MiB", 1024 * 1024), ("KiB", 1024), ("", 1)])
            .map(Self)
            .ok_or_else(|| "expected a number of bytes, such as 4096, 16KiB or 32MiB".to_owned())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n > 0 && n.is_multiple_of(1024 * 1024) => write!(f, "{}MiB", n / (1024 * 1024)),
            n if n > 0 && n.is_multiple_of(1024) => write!(f, "{}KiB", n / 1024),
            n => write!(f, "{n}"),
        }
    }
}

/// A length of time, written in `ms`, `s` or `m`; without a unit it is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, &[("ms", 1), ("s", 1000), ("m", 60_000), ("", 1000)])
            .map(|milliseconds| Self(Duration::from_millis(milliseconds)))
            .ok_or_else(|| "expected a time, such as 500ms, 30s or 5m".to_owned())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            n if n.is_multiple_of(1000) => write!(f, "{}s", n / 1000),
            n => write!(f, "{n}ms"),
        }
    }
}

/// `text` without the first suffix that it ends with, times that suffix's scale.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, scale) = units
        .iter()
        .find_map(|(suffix, scale)| Some((text.strip_suffix(suffix)?, *scale)))?;
    // `parse` alone would accept a sign.
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes) in [
            ("0", 0),
            ("100", 100),
            ("16KiB", 16_384),
            ("32MiB", 33_554_432),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for text in ["", "-1", "+1", "KiB", "1.5MiB", "1GB", "99999999999999MiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_read_and_shown() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("30", 30_000),
            ("5m", 300_000),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(ms))));
        }
        assert_eq!(Span(Duration::from_secs(300)).to_string(), "300s");
        assert_eq!(Span(Duration::from_millis(1500)).to_string(), "1500ms");
        for text in ["", "ms", "-1s", "1h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
