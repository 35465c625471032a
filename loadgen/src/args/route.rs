//! Flags that say where a URL's host leads.

use std::net::IpAddr;

/// How the target is found. What is sent, and expected in a certificate, is what the URL says all the same.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Names {
    /// Do not look HOST up for PORT but connect to these addresses' first, like example.org:443:127.0.0.1
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR]", conflicts_with = "unix", value_parser = Resolved::parse)]
    pub resolve: Vec<Resolved>,

    /// Connect to HOST2:PORT2 in the place of HOST1:PORT1; an empty HOST1 or PORT1 is any, an empty HOST2 or PORT2
    /// the same
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2", conflicts_with = "unix", value_parser = Redirect::parse)]
    pub connect_to: Vec<Redirect>,

    /// Use only IPv4 addresses of the host; by default those are preferred
    #[arg(short = '4', long, conflicts_with_all = ["ipv6", "unix"])]
    pub ipv4: bool,

    /// Use only IPv6 addresses of the host
    #[arg(short = '6', long, conflicts_with = "unix")]
    pub ipv6: bool,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub host: String,
    pub port: u16,
    /// At least one.
    pub addresses: Vec<IpAddr>,
}

/// What to connect to in the place of something else. `None` is any, then the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub from_host: Option<String>,
    pub from_port: Option<u16>,
    pub to_host: Option<String>,
    pub to_port: Option<u16>,
}

impl Resolved {
    fn parse(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not like example.org:443:127.0.0.1");
        let (host, rest) = host(text).ok_or_else(error)?;
        let (digits, addresses) = rest.split_once(':').ok_or_else(error)?;
        let addresses = addresses.split(',').map(|address| {
            let bare = address
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            bare.unwrap_or(address)
                .parse()
                .map_err(|_| format!("`{text}`: `{address}` is no address"))
        });
        let host = host.ok_or_else(error)?;
        Ok(Self {
            host,
            port: port(digits).ok_or_else(error)?.ok_or_else(error)?,
            addresses: addresses.collect::<Result<_, _>>()?,
        })
    }
}

impl Redirect {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = || {
            let (from_host, rest) = host(text)?;
            let (from_port, rest) = rest.split_once(':')?;
            let (to_host, to_port) = host(rest)?;
            Some(Self {
                from_host,
                from_port: port(from_port)?,
                to_host,
                to_port: port(to_port)?,
            })
        };
        parts().ok_or_else(|| {
            format!(
                "`{text}` has not the four parts of example.org:443:127.0.0.1:8443, any of which may be empty"
            )
        })
    }
}

/// The host up to a colon, without brackets and `None` when it is empty, and what follows the colon.
fn host(text: &str) -> Option<(Option<String>, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:")?,
        None => text.split_once(':')?,
    };
    Some(((!host.is_empty()).then(|| host.to_owned()), rest))
}

/// A port, `None` in it when it is empty.
fn port(digits: &str) -> Option<Option<u16>> {
    match digits {
        "" => Some(None),
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).map(Some)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_they_lead_to() {
        let found = Resolved::parse("h:80:127.0.0.1,[::1],::2").unwrap();
        assert_eq!((found.host.as_str(), found.port), ("h", 80));
        let addresses: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["127.0.0.1", "::1", "::2"]);
        for bad in [
            "h",
            "h:80",
            "h:x:127.0.0.1",
            "h::127.0.0.1",
            ":80:127.0.0.1",
            "h:0:127.0.0.1",
        ] {
            let error = Resolved::parse(bad).unwrap_err();
            assert!(error.contains("example.org:443"), "{error}");
        }
        let error = Resolved::parse("h:80:i").unwrap_err();
        assert!(error.contains("`i` is no address"), "{error}");
    }

    #[test]
    fn redirects_have_four_parts() {
        let found = Redirect::parse("[::1]:443:h:8443").unwrap();
        assert_eq!(found.from_host.as_deref(), Some("::1"));
        assert_eq!(found.to_host.as_deref(), Some("h"));
        assert_eq!((found.from_port, found.to_port), (Some(443), Some(8443)));
        let empty = Redirect::parse(":::").unwrap();
        assert_eq!((empty.from_host, empty.to_host), (None, None));
        assert_eq!((empty.from_port, empty.to_port), (None, None));
        for bad in ["h:80", "h:80:i", "h:80:i:x", "h:80:i:8:9", "h:0:i:1"] {
            assert!(Redirect::parse(bad).is_err(), "{bad}");
        }
    }
}
