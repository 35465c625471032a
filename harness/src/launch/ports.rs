//! Ports: a free one for a validation, and who holds a taken one.

use crate::error::Error;
use crate::processes;
use crate::rng::Rng;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

/// The port that the arena uses.
pub const ARENA: u16 = 8080;

/// A port that nobody listens on. Taken from below the range that the kernel
/// gives to outgoing connections, so that none of those can grab it between
/// this look and the server's bind.
///
/// # Errors
/// When a few hundred tries found none.
pub fn free() -> Result<u16, Error> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos());
    let mut rng = Rng::stream(now as u64 ^ u64::from(std::process::id()), "port");
    let top = first_ephemeral().clamp(12_000, 32_768) - 1;
    (0..500)
        .map(|_| rng.within(10_240, u64::from(top)) as u16)
        .find(|port| is_free(*port))
        .ok_or_else(|| Error::environment("no free port between 10240 and the ephemeral range"))
}

fn first_ephemeral() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}

fn is_free(port: u16) -> bool {
    // std sets SO_REUSEADDR, so connections in TIME_WAIT are no obstacle; a
    // listener is one, even with SO_REUSEPORT on its side.
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// Succeeds when nobody listens on `port`.
///
/// # Errors
/// Names the process that holds the port, where that can be seen.
pub fn must_be_free(port: u16) -> Result<(), Error> {
    if is_free(port) {
        return Ok(());
    }
    let holder = processes::listener(port).map_or_else(
        || "by a process of another user or container".into(),
        |(pid, name)| format!("by {name} (process {pid})"),
    );
    Err(Error::environment(format!(
        "port {port} is in use {holder}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free().unwrap();
        assert!(port >= 10_240);
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(must_be_free(port).is_err());
    }
}
