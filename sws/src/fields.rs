//! A request's header fields, parsed or as the bytes of a head that was parsed before.

use sws_proto::http1::Header;

#[derive(Clone, Copy)]
pub(crate) enum Fields<'a> {
    Parsed(&'a [Header<'a>]),
    /// Lines of a head that the parser has accepted, up to its empty line.
    Lines(&'a [u8]),
}

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) fn iter(self) -> Iter<'a> {
        Iter(self)
    }

    #[inline]
    pub(crate) fn get(self, name: &str) -> Option<&'a [u8]> {
        self.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

#[derive(Clone)]
pub(crate) struct Iter<'a>(Fields<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Fields::Parsed(headers) => {
                let (first, rest) = headers.split_first()?;
                *headers = rest;
                Some((first.name, first.value))
            }
            Fields::Lines(bytes) => {
                let end = bytes.windows(2).position(|two| two == b"\r\n")?;
                let line = &bytes[..end];
                *bytes = &bytes[end + 2..];
                let colon = line.iter().position(|byte| *byte == b':')?;
                // A name is a token, so it is ASCII.
                let name = std::str::from_utf8(&line[..colon]).ok()?;
                Some((name, trim(&line[colon + 1..])))
            }
        }
    }
}

/// Without the optional whitespace around a value (RFC 9110, 5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_parsed_fields_are_the_same() {
        let lines = b"Host: a\r\nX-Y:\t b c \r\nEmpty:\r\n\r\n";
        let read: Vec<_> = Fields::Lines(lines).iter().collect();
        assert_eq!(read, [("Host", &b"a"[..]), ("X-Y", b"b c"), ("Empty", b"")]);
        let parsed: Vec<Header<'_>> = read
            .iter()
            .map(|(name, value)| Header { name, value })
            .collect();
        let again: Vec<_> = Fields::Parsed(&parsed).iter().collect();
        assert_eq!(again, read);
        assert_eq!(Fields::Lines(lines).get("x-y"), Some(&b"b c"[..]));
        assert_eq!(Fields::Parsed(&parsed).get("none"), None);
    }
}
