//! Comma-separated field values (RFC 9110 §5.6.1).

use super::token::trim_ows;

/// The members of a list, trimmed; empty members are skipped, as §5.6.1.2 asks of recipients.
///
/// Commas inside quoted strings are not recognised: the lists read here have token members only.
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(trim_ows)
        .filter(|member| !member.is_empty())
}

/// Whether a list has a member, compared without regard to ASCII case.
///
/// ```
/// assert!(sws_proto::http1::list::contains(b"keep-alive, Upgrade", b"upgrade"));
/// ```
#[must_use]
pub fn contains(value: &[u8], member: &[u8]) -> bool {
    members(value).any(|found| found.eq_ignore_ascii_case(member))
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn members_are_whole_tokens() {
        assert!(contains(b"close", b"close"));
        assert!(contains(b" ,\t, CLOSE\t,x", b"close"));
        assert!(!contains(b"closed", b"close"));
        assert!(!contains(b"close x", b"close"));
        assert!(!contains(b"", b"close"));
    }
}
