//! Request targets (RFC 9112 §3.2) and authorities (RFC 3986 §3.2).

use core::net::Ipv6Addr;
use core::str::FromStr;

use super::token::is_target_byte;
use super::{Method, ParseError};

/// A request target taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'b> {
    pub(crate) path: &'b str,
    pub(crate) query: Option<&'b str>,
    /// Present in absolute-form and authority-form.
    pub(crate) authority: Option<&'b str>,
}

/// Takes a target apart, in the forms that its method allows.
#[inline]
pub(crate) fn parse<'b>(method: Method<'b>, target: &'b str) -> Result<Target<'b>, ParseError> {
    if !all_target_bytes(target.as_bytes()) {
        return Err(ParseError::BadTarget);
    }
    match target.as_bytes() {
        [b'/', ..] if method != Method::Connect => Ok(origin_form(target)),
        _ => uncommon_form(method, target),
    }
}

/// No early exit: a loop that always runs to its end is vectorised, and targets are short.
#[inline]
fn all_target_bytes(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(true, |valid, byte| valid & is_target_byte(*byte))
}

#[inline]
fn origin_form(target: &str) -> Target<'_> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    Target {
        path,
        query,
        authority: None,
    }
}

#[cold]
fn uncommon_form<'b>(method: Method<'b>, target: &'b str) -> Result<Target<'b>, ParseError> {
    match method {
        Method::Connect => authority_form(target),
        Method::Options if target == "*" => Ok(Target {
            path: target,
            query: None,
            authority: None,
        }),
        _ => absolute_form(method, target),
    }
}

/// RFC 9112 §3.2.3: only `host:port`, and only for CONNECT. There is no path.
fn authority_form(target: &str) -> Result<Target<'_>, ParseError> {
    match Authority::parse(target.as_bytes()) {
        Some(Authority {
            host_empty: false,
            port: Some(_),
        }) => Ok(Target {
            path: "",
            query: None,
            authority: Some(target),
        }),
        _ => Err(ParseError::BadTarget),
    }
}

/// RFC 9112 §3.2.2: a server must accept it although only proxies need it.
fn absolute_form<'b>(method: Method<'b>, target: &'b str) -> Result<Target<'b>, ParseError> {
    let (scheme, rest) = target.split_once("://").ok_or(ParseError::BadTarget)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(ParseError::BadTarget);
    }
    let end = rest
        .bytes()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    // RFC 9110 §4.2.1 forbids an empty host; §4.2.4 makes userinfo an error, and the `@` before
    // the host is no byte of a host.
    match Authority::parse(authority.as_bytes()) {
        Some(found) if !found.host_empty => {}
        _ => return Err(ParseError::BadTarget),
    }
    let parts = origin_form(rest);
    let path = match (parts.path, method) {
        // RFC 9112 §3.2.4: an OPTIONS of the bare authority asks about the server as a whole.
        ("", Method::Options) if parts.query.is_none() => "*",
        // RFC 9110 §4.2.3: an empty path is the path "/".
        ("", _) => "/",
        (path, _) => path,
    };
    Ok(Target {
        path,
        query: parts.query,
        authority: Some(authority),
    })
}

/// Whether a Host value is `uri-host [":" port]` (RFC 9110 §7.2).
///
/// An empty value is valid: RFC 9112 §3.3 then lets the server's own name stand in.
#[inline]
pub(crate) fn is_host(value: &[u8]) -> bool {
    is_plain_host(value)
        || value.is_empty()
        || Authority::parse(value).is_some_and(|found| !found.host_empty)
}

/// The usual case of [`is_host`], without escapes and brackets: every request has one of these.
#[inline]
fn is_plain_host(value: &[u8]) -> bool {
    let name = value
        .iter()
        .take_while(|byte| PLAIN_NAME_BYTES[usize::from(**byte)])
        .count();
    match value.split_at_checked(name) {
        Some(([_, ..], [])) => true,
        // Up to four digits are a port in any case.
        Some(([_, ..], [b':', port @ ..])) if port.len() <= 4 => {
            port.iter().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

/// The bytes of [`is_name_byte`] that need no second look.
static PLAIN_NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_name_byte(byte as u8) && byte as u8 != b'%';
        byte += 1;
    }
    table
};

/// What is known of a valid `host [":" port]`.
struct Authority {
    host_empty: bool,
    /// `None` without a colon or without digits after it; RFC 3986 §3.2.3 allows both.
    port: Option<u16>,
}

impl Authority {
    fn parse(bytes: &[u8]) -> Option<Self> {
        if let [b'[', rest @ ..] = bytes {
            let end = rest.iter().position(|byte| *byte == b']')?;
            let (literal, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
            if !is_ip_literal(literal) {
                return None;
            }
            return match rest {
                [] => Some(Self {
                    host_empty: false,
                    port: None,
                }),
                [b':', digits @ ..] => Some(Self {
                    host_empty: false,
                    port: port(digits)?,
                }),
                _ => None,
            };
        }
        let end = bytes
            .iter()
            .position(|byte| !is_name_byte(*byte))
            .unwrap_or(bytes.len());
        let (name, rest) = bytes.split_at_checked(end)?;
        let port = match rest {
            [] => None,
            [b':', digits @ ..] => port(digits)?,
            _ => return None,
        };
        if !escapes_are_complete(name) {
            return None;
        }
        Some(Self {
            host_empty: name.is_empty(),
            port,
        })
    }
}

/// The port that digits spell; `None` when they spell none, `Some(None)` when there are none.
fn port(digits: &[u8]) -> Option<Option<u16>> {
    if digits.is_empty() {
        return Some(None);
    }
    let mut port: u16 = 0;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        port = port.checked_mul(10)?.checked_add(u16::from(value))?;
    }
    Some(Some(port))
}

/// `unreserved`, `sub-delims` or the start of an escape (RFC 3986 §3.2.2).
const fn is_name_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'
        | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b'%')
}

fn escapes_are_complete(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at..) {
            Some([_, high, low, tail @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest = tail;
            }
            _ => return false,
        }
    }
    true
}

/// The inside of `[...]`: an IPv6 address or `v1.something` (RFC 3986 §3.2.2).
fn is_ip_literal(literal: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = literal {
        let mut parts = rest.splitn(2, |byte| *byte == b'.');
        let version = parts.next().unwrap_or_default();
        let address = parts.next().unwrap_or_default();
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address
                .iter()
                .all(|byte| *byte == b':' || (is_name_byte(*byte) && *byte != b'%'));
    }
    core::str::from_utf8(literal).is_ok_and(|text| Ipv6Addr::from_str(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{Target, is_host, parse};
    use crate::http1::{Method, ParseError};

    fn target<'b>(
        path: &'b str,
        query: Option<&'b str>,
        authority: Option<&'b str>,
    ) -> Result<Target<'b>, ParseError> {
        Ok(Target {
            path,
            query,
            authority,
        })
    }

    #[test]
    fn origin_form_splits_at_the_first_question_mark() {
        assert_eq!(parse(Method::Get, "/"), target("/", None, None));
        assert_eq!(parse(Method::Get, "/a?"), target("/a", Some(""), None));
        assert_eq!(
            parse(Method::Get, "/a?b?c=/d"),
            target("/a", Some("b?c=/d"), None)
        );
        assert_eq!(parse(Method::Get, "//a"), target("//a", None, None));
    }

    #[test]
    fn absolute_form_gives_path_query_and_authority() {
        assert_eq!(
            parse(Method::Get, "http://h:80/a?b"),
            target("/a", Some("b"), Some("h:80"))
        );
        assert_eq!(
            parse(Method::Get, "HTTPS://[::1]:8080"),
            target("/", None, Some("[::1]:8080"))
        );
        assert_eq!(
            parse(Method::Get, "http://h?q"),
            target("/", Some("q"), Some("h"))
        );
        assert_eq!(
            parse(Method::Options, "http://h"),
            target("*", None, Some("h"))
        );
        assert_eq!(
            parse(Method::Options, "http://h/"),
            target("/", None, Some("h"))
        );
    }

    #[test]
    fn the_other_forms_belong_to_one_method_each() {
        assert_eq!(parse(Method::Options, "*"), target("*", None, None));
        assert_eq!(
            parse(Method::Connect, "h:443"),
            target("", None, Some("h:443"))
        );
        for (method, text) in [
            (Method::Get, "*"),
            (Method::Options, "**"),
            (Method::Get, "h:443"),
            (Method::Connect, "/"),
            (Method::Connect, "h"),
            (Method::Connect, "h:"),
            (Method::Connect, ":443"),
            (Method::Connect, "http://h:443"),
            (Method::Get, "a/b"),
            (Method::Get, "?a"),
            (Method::Get, "ftp://h/"),
            (Method::Get, "http:/h/"),
            (Method::Get, "http://"),
            (Method::Get, "http:///a"),
            (Method::Get, "http://:80/a"),
            (Method::Get, "http://user@h/"),
            (Method::Get, "/a#b"),
            (Method::Get, "/\u{e9}"),
            (Method::Get, "/\u{7f}"),
        ] {
            assert_eq!(
                parse(method, text),
                Err(ParseError::BadTarget),
                "{method} {text}"
            );
        }
    }

    #[test]
    fn hosts_are_names_addresses_and_ports() {
        for host in [
            "",
            "a",
            "a:",
            "a:0",
            "a:80",
            "a:65535",
            "a:00080",
            "A-b_c.~x",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:",
            "[::ffff:1.2.3.4]:8",
            "[v1.a:b]",
            "a%20b",
            "a,b;c=d",
            "xn--a",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            ":",
            ":80",
            "a:b",
            "a:65536",
            "a:-1",
            "a:+1",
            "a:1:2",
            "a b",
            "a/b",
            "a@b",
            "a?b",
            "a#b",
            "[::1",
            "::1",
            "[]",
            "[:::1]",
            "[::1]x",
            "[::1]:x",
            "[v.a]",
            "[v1.]",
            "[vg.a]",
            "a%2",
            "a%zz",
            "%",
            "a\\b",
            "a\"b",
            "<a>",
            "a\u{e9}",
            "[fe80::1%25eth0]",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
