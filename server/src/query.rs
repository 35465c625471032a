//! Numbers in query strings and bodies.

use std::{borrow::Cow, str::FromStr};

use sws::query::decode;

/// The sum of all parameter values that are integers; others count 0. Wraps
/// around at the ends of the range rather than failing.
pub fn sum<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> i64 {
    pairs.fold(0, |sum, (_, value)| {
        sum.wrapping_add(number(value).unwrap_or(0))
    })
}

/// The integer in a body, ignoring white space around it; anything else is 0.
pub fn body_integer(body: &[u8]) -> i64 {
    str::from_utf8(body.trim_ascii())
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// The first parameter called `name` as a number, `default` when there is none.
///
/// # Errors
/// When its value is not such a number.
pub fn value_or<'a, T: FromStr>(
    mut pairs: impl Iterator<Item = (&'a str, &'a str)>,
    name: &str,
    default: T,
) -> Result<T, NotANumber> {
    match pairs.find(|(key, _)| *key == name) {
        None => Ok(default),
        Some((_, value)) => number(value).ok_or(NotANumber),
    }
}

/// A parameter value that cannot be read as the number it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANumber;

/// Values are plain digits in nearly every request, so decoding comes second.
fn number<T: FromStr>(value: &str) -> Option<T> {
    if let Ok(number) = value.parse() {
        return Some(number);
    }
    match decode(value) {
        Cow::Borrowed(_) => None,
        Cow::Owned(decoded) => decoded.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_of(values: &[&'static str]) -> i64 {
        sum(values.iter().map(|value| ("k", *value)))
    }

    #[test]
    fn integers_are_summed_and_the_rest_is_ignored() {
        assert_eq!(sum_of(&["13", "42"]), 55);
        assert_eq!(
            sum_of(&["-13", "0042", "x", "", "1.5", "9223372036854775808"]),
            29
        );
        assert_eq!(sum_of(&[]), 0);
    }

    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(sum_of(&["%31%33", "%2D3", "4+"]), 14);
    }

    #[test]
    fn sums_wrap() {
        assert_eq!(sum_of(&["9223372036854775807", "1"]), i64::MIN);
    }

    #[test]
    fn bodies_are_trimmed_and_parsed() {
        assert_eq!(body_integer(b" 20\r\n"), 20);
        assert_eq!(body_integer(b"-0007"), -7);
        for body in [&b""[..], b"abc", b"1 2", b"\xff", b"99999999999999999999"] {
            assert_eq!(body_integer(body), 0);
        }
    }

    #[test]
    fn a_named_value_is_found_defaulted_or_refused() {
        let pairs = || [("min", "10.5"), ("m", "x"), ("n", "0007")].into_iter();
        assert_eq!(value_or(pairs(), "min", 0.0), Ok(10.5));
        assert_eq!(value_or(pairs(), "max", 50.0), Ok(50.0));
        assert_eq!(value_or(pairs(), "m", 1), Err(NotANumber));
        assert_eq!(value_or(pairs(), "n", 1), Ok(7));
    }
}
