//! Durations as people type them.

use std::time::Duration;

/// Longer than any run; keeps every later sum far from overflow.
const MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads `5s`, `500ms`, `2m`, `1h`, `1m30s`, `0.5s`, or a bare number of seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let error = || {
        format!(
            "`{text}` is no duration; write it like 5s, 500ms, 2m, 1h or 1m30s (a bare number is seconds)"
        )
    };
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return Err(error());
    }
    while !rest.is_empty() {
        let number_len = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_len);
        let unit_len = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let is_first = rest.len() == text.len();
        let seconds_per_unit = match unit.to_ascii_lowercase().as_str() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" if is_first => 1.0,
            _ => return Err(error()),
        };
        let value: f64 = number.parse().map_err(|_| error())?;
        let part = Duration::try_from_secs_f64(value * seconds_per_unit).map_err(|_| error())?;
        total = total
            .checked_add(part)
            .filter(|sum| *sum <= MAX)
            .ok_or_else(|| format!("`{text}` is longer than a year"))?;
        rest = after;
    }
    Ok(total)
}

/// Reads `T` or `T..T2`; both ends are included.
pub(crate) fn parse_range(text: &str) -> Result<(Duration, Duration), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (parse(from)?, parse(to)?);
    match to {
        Duration::ZERO => Err("must be longer than 0".into()),
        _ if from > to => Err(format!("`{text}`: the first time is the longer one")),
        _ => Ok((from, to)),
    }
}

/// As [`parse`], but not 0.
pub(crate) fn parse_positive(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("must be longer than 0".into()),
        duration => Ok(duration),
    }
}

/// The shortest way to write a duration, to the millisecond: `5s`, `500ms`, `1.25s`.
pub(crate) fn display(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{}s", millis / 1000)
    } else if millis < 1000 {
        format!("{millis}ms")
    } else {
        format!("{}s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_mean_what_they_say() {
        for (text, millis) in [
            ("5s", 5000),
            ("5S", 5000),
            ("10", 10_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1m30s", 90_000),
            ("0.5s", 500),
            ("1s250ms", 1250),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "", "s", "5x", "5 s", "-5s", "5s3", "1..5s", "ms", "9999999h", "é", "5sé",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse_positive("0s").is_err());
        for text in ["0", "0..0s", "2s..1s", "..1s", "1s..", "1s..2s..3s"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
        let millis = Duration::from_millis;
        assert_eq!(parse_range("5ms"), Ok((millis(5), millis(5))));
        assert_eq!(parse_range("0..1.5s"), Ok((millis(0), millis(1500))));
    }

    #[test]
    fn display_is_short() {
        for (text, shown) in [
            ("5", "5s"),
            ("500ms", "500ms"),
            ("1m30s", "90s"),
            ("1.25s", "1.25s"),
        ] {
            assert_eq!(display(parse(text).unwrap()), shown);
        }
    }
}
