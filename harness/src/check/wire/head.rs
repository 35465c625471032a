//! The heads of answers, read strictly.

/// What the head says about the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    None,
    Bytes(usize),
    Chunked,
}

pub(super) type Head = (u16, Vec<(String, String)>);

/// Status and fields of a head.
pub(super) fn parse_head(head: &str) -> Result<Head, String> {
    let head = head.strip_suffix("\r\n\r\n").unwrap_or(head);
    if head.replace("\r\n", "").contains(['\r', '\n']) {
        return Err("the response head has a line end that is not CRLF".into());
    }
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    // RFC 9112 section 4: version, space, three digits, space, reason.
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
        .filter(|rest| rest.len() == 3 || rest.as_bytes().get(3) == Some(&b' '))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| format!("{status_line:?} is no HTTP/1.1 status line"))?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("the header line {line:?} has no colon"))?;
        if name.is_empty() || name.contains([' ', '\t']) {
            return Err(format!("the header name {name:?} is malformed"));
        }
        headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    Ok((status, headers))
}

/// RFC 9112 section 6.3, without "until the connection closes": the arena's
/// generator cannot read such an answer.
pub(super) fn body_length(
    status: u16,
    headers: &[(String, String)],
    to_head: bool,
) -> Result<Length, String> {
    let values = |wanted: &'static str| {
        headers
            .iter()
            .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let mut lengths = values("content-length").map(|(_, value)| value);
    let length = lengths.next();
    if lengths.any(|other| Some(other) != length) {
        return Err("the answer has two Content-Length values".into());
    }
    let chunked = values("transfer-encoding").next().is_some();
    if chunked && length.is_some() {
        return Err("the answer has both Content-Length and Transfer-Encoding".into());
    }
    if to_head || status < 200 || status == 204 || status == 304 {
        return Ok(Length::None);
    }
    match length {
        _ if chunked => Ok(Length::Chunked),
        Some(text) => number(text, 10)
            .map(Length::Bytes)
            .ok_or_else(|| format!("the Content-Length {text:?} is no number")),
        None => Err("the answer has neither Content-Length nor chunked transfer coding".into()),
    }
}

/// Digits and nothing else: a sign is none.
pub(super) fn number(text: &str, radix: u32) -> Option<usize> {
    let digits = text.chars().all(|letter| letter.is_digit(radix));
    usize::from_str_radix(text, radix).ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_no_sign() {
        assert_eq!((number("12", 10), number("fF", 16)), (Some(12), Some(255)));
        for text in ["", "+5", "-5", "5 ", "0x5", "5,5"] {
            assert_eq!(number(text, 10), None, "{text}");
        }
        let length =
            |text: &str| body_length(200, &[("Content-Length".into(), text.into())], false);
        assert_eq!(length("7"), Ok(Length::Bytes(7)));
        assert!(length("+7").is_err());
    }
}
