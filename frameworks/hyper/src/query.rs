//! Query parameters.

/// Sum of all parameter values that are integers.
pub(crate) fn sum(query: Option<&str>) -> i64 {
    pairs(query)
        .filter_map(|(_, value)| value.parse::<i64>().ok())
        .fold(0, i64::wrapping_add)
}

/// The value of the first parameter called `name`, parsed; `default` when it
/// is absent, `Err` with a sentence for the client when it does not parse.
pub(crate) fn value<T: std::str::FromStr>(
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
