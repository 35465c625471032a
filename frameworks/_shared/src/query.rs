//! Query parameters.

/// Sum of all parameter values that are integers.
pub fn sum(query: Option<&str>) -> i64 {
    pairs(query)
        .filter_map(|(_, value)| value.parse::<i64>().ok())
        .fold(0, i64::wrapping_add)
}

/// The value of the first parameter called `name`, parsed; `default` when it
/// is absent, `Err` with a sentence for the client when it does not parse.
pub fn value<T: std::str::FromStr>(
    query: Option<&str>,
    name: &str,
    default: T,
) -> Result<T, String> {
    match pairs(query).find(|(key, _)| key == name) {
        None => Ok(default),
        Some((_, text)) => text
            .parse()
            .map_err(|_| format!("parameter {name} is not a number")),
    }
}

fn pairs(query: Option<&str>) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_take_every_integer_and_nothing_else() {
        assert_eq!(sum(Some("a=13&b=42&c=x&d=1.5&e=-5&f=%2B2")), 52);
        assert_eq!(sum(Some("")), 0);
        assert_eq!(sum(None), 0);
    }

    #[test]
    fn values_have_defaults_and_complaints() {
        assert_eq!(value(Some("m=7"), "m", 1), Ok(7));
        assert_eq!(value(Some("n=7"), "m", 1), Ok(1));
        assert_eq!(
            value(Some("m=x"), "m", 1),
            Err("parameter m is not a number".to_owned())
        );
    }
}
