//! Where a host leads: what the flags say about it, else what the system's resolver finds.

use crate::{
    args::{Args, route::Names},
    error::Failure,
    target::Address,
};
use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::Path,
};

/// The way to the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'a> {
    unix: Option<&'a Path>,
    names: &'a Names,
}

/// Nothing is said.
static DIRECT: Names = Names {
    resolve: Vec::new(),
    connect_to: Vec::new(),
    ipv4: false,
    ipv6: false,
};

impl<'a> Route<'a> {
    /// The resolver alone.
    pub(crate) const DIRECT: Route<'static> = Route {
        unix: None,
        names: &DIRECT,
    };

    /// What the arguments say.
    pub(crate) fn new(args: &'a Args) -> Self {
        Self {
            unix: args.unix.as_deref(),
            names: &args.names,
        }
    }

    /// What to connect to for this host. What was said about another one is an error: it would be a slip, and the load
    /// go where it was not meant to.
    pub(crate) fn address(&self, host: &str, port: u16) -> Result<Address, Failure> {
        if let Some(path) = self.unix {
            return Ok(Address::Unix(path.into()));
        }
        let (to_host, to_port) = self.redirected(host, port)?;
        let addresses = self.lookup(to_host, to_port)?;
        self.choose(to_host, &addresses)
            .map(|ip| Address::Ip(SocketAddr::new(ip, to_port)))
    }

    fn redirected<'h>(&'h self, host: &'h str, port: u16) -> Result<(&'h str, u16), Failure> {
        let redirects = &self.names.connect_to;
        let found = redirects.iter().find(|redirect| {
            let same_host = redirect.from_host.as_ref();
            same_host.is_none_or(|from| from.eq_ignore_ascii_case(host))
                && redirect.from_port.is_none_or(|from| from == port)
        });
        match found {
            None if redirects.is_empty() => Ok((host, port)),
            None => Err(beside("--connect-to", host, port)),
            Some(redirect) => Ok((
                redirect.to_host.as_deref().unwrap_or(host),
                redirect.to_port.unwrap_or(port),
            )),
        }
    }

    fn lookup(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, Failure> {
        let given = &self.names.resolve;
        let found = given
            .iter()
            .find(|name| name.host.eq_ignore_ascii_case(host) && name.port == port);
        if let Some(name) = found {
            return Ok(name.addresses.clone());
        }
        if !given.is_empty() {
            return Err(beside("--resolve", host, port));
        }
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|error| unresolved(host, &error.to_string()))?;
        Ok(addresses.map(|address| address.ip()).collect())
    }

    /// IPv4 is preferred, as most servers under test listen there.
    fn choose(&self, host: &str, addresses: &[IpAddr]) -> Result<IpAddr, Failure> {
        let v4 = addresses.iter().find(|address| address.is_ipv4());
        let v6 = addresses.iter().find(|address| address.is_ipv6());
        let (chosen, flag, family) = match (self.names.ipv4, self.names.ipv6) {
            (true, _) => (v4, "-4", "IPv4"),
            (_, true) => (v6, "-6", "IPv6"),
            _ => (v4.or(v6), "", ""),
        };
        match (chosen, addresses.first()) {
            (Some(chosen), _) => Ok(*chosen),
            (None, None) => Err(unresolved(host, "it has no address")),
            (None, Some(other)) => Err(Failure::Usage(format!(
                "{flag}: host `{host}` has no {family} address, but {other}; leave out {flag}"
            ))),
        }
    }
}

fn beside(flag: &str, host: &str, port: u16) -> Failure {
    Failure::Usage(format!(
        "{flag}: nothing is said about {host}, port {port}, which is where this run would connect to"
    ))
}

fn unresolved(host: &str, why: &str) -> Failure {
    Failure::Usage(format!(
        "cannot resolve host `{host}`: {why}; check the name, give an address such as 127.0.0.1, or say with --resolve \
         where it leads"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn address(line: &str, host: &str, port: u16) -> Result<String, String> {
        let words = ["loadgen"].into_iter().chain(line.split_whitespace());
        let args = Args::try_parse_from(words).unwrap();
        let found = Route::new(&args).address(host, port);
        found
            .map(|address| address.to_string())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn flags_say_where_a_name_leads() {
        for (line, expected) in [
            ("--resolve h.test:80:127.0.0.9", "127.0.0.9:80"),
            ("--resolve H.Test:80:::1,127.0.0.9", "127.0.0.9:80"),
            ("--resolve h.test:80:::1,127.0.0.9 -6", "[::1]:80"),
            ("--resolve h.test:80:::1", "[::1]:80"),
            (
                "--resolve x:1:127.0.0.8 --resolve h.test:80:127.0.0.9 -4",
                "127.0.0.9:80",
            ),
            ("--connect-to h.test:80:127.0.0.9:81", "127.0.0.9:81"),
            ("--connect-to ::[::1]:", "[::1]:80"),
            (
                "--connect-to x:::1 --connect-to :80:127.0.0.9:",
                "127.0.0.9:80",
            ),
            (
                "--connect-to :::81 --resolve h.test:81:127.0.0.9",
                "127.0.0.9:81",
            ),
            ("--unix /x", "unix:/x"),
        ] {
            assert_eq!(
                address(line, "h.test", 80).as_deref(),
                Ok(expected),
                "{line}"
            );
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for (line, part) in [
            (
                "--resolve h.test:81:127.0.0.9",
                "--resolve: nothing is said about h.test, port 80",
            ),
            (
                "--connect-to x:80:127.0.0.9:81",
                "--connect-to: nothing is said about h.test",
            ),
            (
                "--resolve h.test:80:127.0.0.9 -6",
                "-6: host `h.test` has no IPv6 address, but 127.0.0.9",
            ),
            (
                "--resolve h.test:80:::1 -4",
                "-4: host `h.test` has no IPv4 address, but ::1",
            ),
        ] {
            let error = address(line, "h.test", 80).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
        assert_eq!(address("-6", "::1", 80).as_deref(), Ok("[::1]:80"));
        assert!(address("-6", "127.0.0.1", 80).unwrap_err().contains("-6"));
    }
}
