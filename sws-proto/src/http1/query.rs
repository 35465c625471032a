//! Query strings in the `name=value&name=value` form, and percent-encoding (RFC 3986 §2.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// The name and value of every non-empty `&`-separated part, undecoded and in order.
///
/// A part without `=` is a name with an empty value; further `=` belong to the value.
///
/// ```
/// let pairs: Vec<_> = sws_proto::http1::query::pairs("a=13&b=42&c").collect();
/// assert_eq!(pairs, [("a", "13"), ("b", "42"), ("c", "")]);
/// ```
pub fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Decodes a name or value of a query: `+` is a space, `%41` is `A`.
///
/// A `%` that two hexadecimal digits do not follow stands for itself. Decoded bytes that are no
/// UTF-8 become U+FFFD. Borrows if there is nothing to decode.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        Cow::Owned(decode_owned(text, true))
    } else {
        Cow::Borrowed(text)
    }
}

/// Decodes a path or a part of one: as [`decode`], but a `+` stands for itself.
///
/// The result may hold `/` and `..` that the path did not: split it first, decode after.
#[must_use]
pub fn decode_path(text: &str) -> Cow<'_, str> {
    if text.contains('%') {
        Cow::Owned(decode_owned(text, false))
    } else {
        Cow::Borrowed(text)
    }
}

fn decode_owned(text: &str, plus_is_space: bool) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => match (hex_value(*high), hex_value(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = tail;
                }
                _ => decoded.push(b'%'),
            },
            (b'+', _) if plus_is_space => decoded.push(b' '),
            (byte, _) => decoded.push(*byte),
        }
    }
    match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::Cow;
    use alloc::vec::Vec;

    use super::{decode, decode_path, pairs};

    #[test]
    fn parts_become_pairs() {
        for (query, expected) in [
            ("", &[][..]),
            ("&&", &[]),
            ("a", &[("a", "")]),
            ("a=", &[("a", "")]),
            ("=a", &[("", "a")]),
            ("=", &[("", "")]),
            ("a=b=c&&a=d&", &[("a", "b=c"), ("a", "d")]),
            ("a=1?b=2;c=3", &[("a", "1?b=2;c=3")]),
        ] {
            assert_eq!(pairs(query).collect::<Vec<_>>(), expected, "{query}");
        }
    }

    #[test]
    fn escapes_are_decoded_and_the_rest_is_kept() {
        for (text, expected) in [
            ("a+b%20c", "a b c"),
            ("%41%4a%4A%7e", "AJJ~"),
            ("%2B%25", "+%"),
            ("%c3%a9", "\u{e9}"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%4", "%zz%4"),
            ("%%41", "%A"),
            ("%ff", "\u{fffd}"),
            ("%00", "\0"),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
        assert_eq!(decode_path("a+b%2fc"), "a+b/c");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(decode("plain-text_1.0"), Cow::Borrowed(_)));
        assert!(matches!(decode_path("a+b"), Cow::Borrowed(_)));
        assert!(matches!(decode("a+b"), Cow::Owned(_)));
    }
}
