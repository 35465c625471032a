//! Whole numbers.

use clap::Arg;
use std::ops::{Bound, RangeBounds};

/// For every argument with a value: `-1` is a value, and no flag that nobody knows.
pub(crate) fn may_be_negative(argument: Arg) -> Arg {
    let is_flag = argument.is_positional() || !argument.get_action().takes_values();
    if is_flag {
        argument
    } else {
        argument.allow_negative_numbers(true)
    }
}

/// Reads one within bounds, and says which those are.
pub(crate) fn whole<T: TryFrom<u64>>(
    range: impl RangeBounds<u64> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number: Option<u64> = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("`{text}` is no whole number{}", bounds(&range)))
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> String {
    let least = match range.start_bound() {
        Bound::Included(least) => *least,
        Bound::Excluded(below) => below + 1,
        Bound::Unbounded => 0,
    };
    match (least, range.end_bound()) {
        (least, Bound::Included(most)) => format!(" from {least} to {most}"),
        (least, Bound::Excluded(above)) => format!(" from {least} to {}", above.saturating_sub(1)),
        (0, Bound::Unbounded) => String::new(),
        (least, Bound::Unbounded) => format!(", at least {least}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_and_told() {
        assert_eq!(whole(1..=1024)("1024"), Ok(1024u32));
        assert_eq!(whole(..)("7"), Ok(7u64));
        for (result, message) in [
            (
                whole::<u32>(1..=1024)("0"),
                "`0` is no whole number from 1 to 1024",
            ),
            (
                whole(1..=1024)("4k"),
                "`4k` is no whole number from 1 to 1024",
            ),
            (whole(2..5)("-1"), "`-1` is no whole number from 2 to 4"),
            (whole(1..)("x"), "`x` is no whole number, at least 1"),
            (whole(..)("1.5"), "`1.5` is no whole number"),
        ] {
            assert_eq!(result, Err(message.to_owned()));
        }
        // Whatever the bounds say, it has to fit.
        assert!(whole::<u8>(..)("256").is_err());
    }
}
