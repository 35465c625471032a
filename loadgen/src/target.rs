//! Where the requests go.

use crate::{error::Failure, route::Route};
use std::{fmt, net::SocketAddr, path::PathBuf};
use sws_ring::sys::SocketAddress;

/// Ports of URLs that name none (RFC 9110 §4.2).
const PORT: u16 = 80;
const SECURE_PORT: u16 = 443;

/// A resolved target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whether TLS is spoken: https and wss.
    pub secure: bool,
    /// Whether the URL alone says that WebSocket is spoken: ws and wss.
    pub websocket: bool,
    /// Without port and brackets.
    pub host: String,
    /// `host[:port]` as a Host header has it: no port when it is the scheme's own.
    pub authority: String,
    /// Path and query, starting with a slash.
    pub path: String,
    /// What is connected to.
    pub address: Address,
}

/// A URL taken apart: what TLS, Host and the request line need to know.
#[derive(Debug)]
pub(crate) struct Location {
    pub secure: bool,
    pub authority: String,
    pub path: String,
}

/// What can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Ip(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// As the kernel reads it.
    pub(crate) fn for_kernel(&self) -> Result<SocketAddress, Failure> {
        match self {
            Self::Ip(address) => Ok((*address).into()),
            Self::Unix(path) => SocketAddress::unix(path).ok_or_else(|| {
                Failure::Usage(format!(
                    "--unix: `{}` is no path of a socket; 107 bytes is the longest",
                    path.display()
                ))
            }),
        }
    }
}

/// A target before its name is looked up.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    secure: bool,
    websocket: bool,
    /// Without the brackets of an IPv6 literal.
    host: String,
    port: u16,
    path: String,
}

impl Target {
    /// Reads and resolves `http://host[:port][/path][?query]`, or the same with https, ws or wss.
    pub(crate) fn from_url(url: &str, route: Route<'_>) -> Result<Self, Failure> {
        parse_url(url)?.at(route)
    }

    /// Reads a URL of HTTP; nothing is looked up.
    pub(crate) fn split(url: &str) -> Result<Location, Failure> {
        let parts = parse_url(url)?;
        if parts.websocket {
            return Err(Failure::Usage(format!(
                "`{url}`: write it with http or https"
            )));
        }
        Ok(Location {
            secure: parts.secure,
            authority: parts.authority(),
            path: parts.path,
        })
    }

    /// The same for a path on this target.
    pub(crate) fn with_path(&self, path: &str) -> Result<Location, Failure> {
        let scheme = if self.secure { "https" } else { "http" };
        Self::split(&format!("{scheme}://{}{path}", self.authority))
    }

    /// Takes the target from the Host header of a request.
    pub(crate) fn from_request(
        request: &[u8],
        file: &str,
        route: Route<'_>,
    ) -> Result<Self, Failure> {
        let host = host_field(request).ok_or_else(|| {
            Failure::Usage(format!(
                "no URL was given and {file} has no Host header to take the target from"
            ))
        })?;
        let (host, port) = split_authority(host).ok_or_else(|| {
            Failure::Usage(format!(
                "the Host header `{host}` of {file} is no host[:port]"
            ))
        })?;
        Parts {
            secure: false,
            websocket: false,
            host: host.into(),
            port: port.unwrap_or(PORT),
            path: "/".into(),
        }
        .at(route)
    }
}

impl Parts {
    /// The target, at what the host leads to.
    fn at(self, route: Route<'_>) -> Result<Target, Failure> {
        let address = route.address(&self.host, self.port)?;
        Ok(Target {
            authority: self.authority(),
            secure: self.secure,
            websocket: self.websocket,
            host: self.host,
            path: self.path,
            address,
        })
    }

    /// `host[:port]`, as in a Host header.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == default_port(self.secure) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

fn parse_url(url: &str) -> Result<Parts, Failure> {
    let usage = |text: String| Err(Failure::Usage(text));
    let Some((scheme, rest)) = url.split_once("://") else {
        return usage(format!(
            "`{url}` is no URL; write it like http://localhost:8080/path"
        ));
    };
    let (secure, websocket) = match scheme.to_ascii_lowercase().as_str() {
        "http" => (false, false),
        "https" => (true, false),
        "ws" => (false, true),
        "wss" => (true, true),
        _ => {
            return usage(format!(
                "`{url}`: unknown scheme `{scheme}`; http, https, ws and wss are known"
            ));
        }
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let authority_len = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_len);
    if authority.contains('@') {
        return usage(format!(
            "`{url}`: user names in the URL are not supported; give them with -a user:password"
        ));
    }
    let Some((host, port)) = split_authority(authority) else {
        return usage(format!("`{url}`: {}", why_no_authority(authority)));
    };
    if path.bytes().any(|byte| !matches!(byte, 0x21..=0x7e)) {
        return usage(format!(
            "`{url}`: the path has a character that must be percent-encoded"
        ));
    }
    let path = if path.starts_with('/') {
        path.into()
    } else {
        format!("/{path}")
    };
    Ok(Parts {
        secure,
        websocket,
        host: host.into(),
        port: port.unwrap_or_else(|| default_port(secure)),
        path,
    })
}

/// The port of a URL that names none.
fn default_port(secure: bool) -> u16 {
    if secure { SECURE_PORT } else { PORT }
}

/// Host without brackets, and port if there is one.
fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']')?;
        match after {
            "" => (host, None),
            _ => (host, Some(after.strip_prefix(':')?)),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let bad_host = host.is_empty() || host.bytes().any(|b| !matches!(b, 0x21..=0x7e));
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    (!bad_host && port != Some(0)).then_some((host, port))
}

/// What is wrong with a host and port that are none.
fn why_no_authority(authority: &str) -> String {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if host.is_empty() {
        "it names no host".into()
    } else if digits && split_authority(host).is_some() {
        format!("`{port}` is no port, from 1 to 65535")
    } else {
        format!("`{authority}` is no host[:port]; write an IPv6 address as [::1]")
    }
}

/// The value of the first Host field of a request.
fn host_field(request: &[u8]) -> Option<&str> {
    let lines = request.split(|byte| *byte == b'\n').skip(1);
    let head = lines
        .map(<[u8]>::trim_ascii)
        .take_while(|line| !line.is_empty());
    head.filter_map(|line| {
        let (name, value) = line.split_at_checked(5)?;
        name.eq_ignore_ascii_case(b"host:").then_some(value)
    })
    .find_map(|value| str::from_utf8(value.trim_ascii()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::Parser;

    fn target(url: &str) -> Target {
        Target::from_url(url, Route::DIRECT).unwrap()
    }

    fn refusal(url: &str) -> String {
        match Target::from_url(url, Route::DIRECT) {
            Err(Failure::Usage(text)) => text,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn urls_are_taken_apart() {
        let plain = target("http://127.0.0.1:8080");
        assert_eq!(plain.authority, "127.0.0.1:8080");
        assert_eq!(plain.path, "/");
        assert_eq!(plain.address.to_string(), "127.0.0.1:8080");
        let default_port = target("HTTP://127.0.0.1/a/b?c=d#e");
        assert_eq!(default_port.authority, "127.0.0.1");
        assert_eq!(default_port.path, "/a/b?c=d");
        assert_eq!(default_port.address.to_string(), "127.0.0.1:80");
        assert_eq!(target("http://127.0.0.1?x=1").path, "/?x=1");
        let v6 = target("http://[::1]:81/x");
        assert_eq!(v6.authority, "[::1]:81");
        assert_eq!(v6.address.to_string(), "[::1]:81");
    }

    #[test]
    fn schemes_say_what_is_spoken() {
        for (url, secure, websocket, authority, address) in [
            (
                "https://127.0.0.1",
                true,
                false,
                "127.0.0.1",
                "127.0.0.1:443",
            ),
            (
                "https://127.0.0.1:80",
                true,
                false,
                "127.0.0.1:80",
                "127.0.0.1:80",
            ),
            (
                "http://127.0.0.1:443",
                false,
                false,
                "127.0.0.1:443",
                "127.0.0.1:443",
            ),
            (
                "ws://127.0.0.1/ws",
                false,
                true,
                "127.0.0.1",
                "127.0.0.1:80",
            ),
            ("WSS://[::1]/ws", true, true, "[::1]", "[::1]:443"),
        ] {
            let found = target(url);
            assert_eq!(
                (found.secure, found.websocket),
                (secure, websocket),
                "{url}"
            );
            assert_eq!(found.authority, authority, "{url}");
            assert_eq!(found.address.to_string(), address, "{url}");
        }
        assert_eq!(target("https://[::1]:81/x").host, "::1");
    }

    #[test]
    fn a_socket_needs_no_name() {
        let url = "http://no-such-host.invalid/x";
        let args = Args::try_parse_from(["loadgen", "--unix", "/run/x"]).unwrap();
        let found = Target::from_url(url, Route::new(&args)).unwrap();
        assert_eq!(found.authority, "no-such-host.invalid");
        assert_eq!(found.address.to_string(), "unix:/run/x");
    }

    #[test]
    fn localhost_is_looked_up() {
        let Address::Ip(address) = target("http://localhost:9").address else {
            panic!("no address");
        };
        assert!(address.ip().is_loopback());
    }

    #[test]
    fn refusals_say_what_to_do() {
        assert!(refusal("localhost:8080").contains("http://localhost:8080/path"));
        assert!(refusal("ftp://localhost").contains("unknown scheme"));
        assert!(refusal("http://:80").contains("names no host"));
        assert!(refusal("http://h:99999").contains("`99999` is no port"));
        assert!(refusal("http://h:0").contains("`0` is no port"));
        assert!(refusal("http://h:+1").contains("host[:port]"));
        assert!(refusal("http://::1").contains("[::1]"));
        assert!(refusal("http://u:p@h/").contains("-a user:password"));
        assert!(refusal("http://h/a b").contains("percent-encoded"));
        assert!(
            refusal("http://no-such-host.invalid/")
                .contains("cannot resolve host `no-such-host.invalid`")
        );
    }

    #[test]
    fn a_template_s_host_names_the_target() {
        let request = b"GET / HTTP/1.1\r\nAccept: x\r\nhOsT:  127.0.0.1:8080 \r\n\r\nHost: no";
        let found = Target::from_request(request, "f", Route::DIRECT).unwrap();
        assert_eq!(found.address.to_string(), "127.0.0.1:8080");
        assert!(
            Target::from_request(b"GET / HTTP/1.1\r\n\r\nHost: body", "f", Route::DIRECT).is_err()
        );
    }
}
