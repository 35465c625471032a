//! Fields that answers must have.

/// A field, with a certain value or with any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderRule {
    name: String,
    value: Option<String>,
}

impl HeaderRule {
    /// From `Name` or `Name: value`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.trim_matches([' ', '\t']).to_owned())),
            None => (text, None),
        };
        // RFC 9110 §5.6.2.
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!(
                "`{text}` names no header field; write it like 'Content-Type: text/plain', or 'ETag' for any value"
            ));
        }
        Ok(Self {
            name: name.into(),
            value,
        })
    }

    /// Whether some field of this head is as it should be.
    pub(crate) fn holds(&self, head: &[u8]) -> bool {
        let mut values = self.values(head);
        match &self.value {
            None => values.next().is_some(),
            Some(value) => values.any(|found| found == value.as_bytes()),
        }
    }

    /// The values of the field.
    fn values<'h>(&self, head: &'h [u8]) -> impl Iterator<Item = &'h [u8]> {
        let lines = head.split(|byte| *byte == b'\n').skip(1);
        lines.filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            name.eq_ignore_ascii_case(self.name.as_bytes())
                .then(|| value.trim_ascii())
        })
    }

    /// What was expected.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            Some(value) => format!("{}: {value}", self.name),
            None => format!("{} with any value", self.name),
        }
    }

    /// What a head has instead.
    pub(crate) fn found(&self, head: &[u8]) -> Vec<u8> {
        let found: Vec<&[u8]> = self.values(head).collect();
        if found.is_empty() {
            return b"no such field".to_vec();
        }
        let mut text = format!("{}: ", self.name).into_bytes();
        text.extend_from_slice(&found.join(&b", "[..]));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK: fine\r\nContent-Type:\ttext/plain \r\nVia: a\r\nvia: b\r\nEmpty:\r\n\r\n";

    fn holds(rule: &str) -> bool {
        HeaderRule::parse(rule).unwrap().holds(HEAD)
    }

    #[test]
    fn names_in_any_case_and_values_byte_for_byte() {
        for rule in [
            "content-type: text/plain",
            "CONTENT-TYPE",
            "Via: a",
            "Via: b",
            "Empty",
            "Empty:",
        ] {
            assert!(holds(rule), "{rule}");
        }
        for rule in [
            "Content-Type: Text/plain",
            "Via: c",
            "Vi",
            "HTTP/1.1",
            "ETag",
        ] {
            if let Ok(parsed) = HeaderRule::parse(rule) {
                assert!(!parsed.holds(HEAD), "{rule}");
            }
        }
        // The status line is no field.
        let ok = HeaderRule {
            name: "HTTP/1.1 200 OK".into(),
            value: None,
        };
        assert!(!ok.holds(HEAD));
    }

    #[test]
    fn what_was_found_is_told() {
        let found = |rule: &str| HeaderRule::parse(rule).unwrap().found(HEAD);
        assert_eq!(found("Via: c"), b"Via: a, b");
        assert_eq!(found("ETag"), b"no such field");
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for text in ["", ": x", "a b: c", "ä"] {
            assert!(HeaderRule::parse(text).is_err(), "{text}");
        }
    }
}
