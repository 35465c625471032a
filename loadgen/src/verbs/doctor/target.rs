//! The server that is to be measured: where it is, and whether somebody listens there.

use super::Finding;
use crate::{
    report::units::latency,
    route::Route,
    target::{Address, Target},
};
use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn check(url: &str) -> Vec<Finding> {
    let target = match Target::from_url(url, Route::DIRECT) {
        Ok(target) => target,
        Err(error) => {
            let fix = "write it like http://localhost:8080/path";
            return vec![Finding::bad("target", error.to_string(), fix)];
        }
    };
    let Address::Ip(address) = target.address else {
        return Vec::new();
    };
    let mut findings = vec![Finding::ok(
        "target",
        format!("{} is {address}", target.authority),
    )];
    findings.push(path(address.ip()));
    findings.push(connect(address));
    findings
}

fn path(address: IpAddr) -> Finding {
    const NAME: &str = "path";
    if address.is_loopback() {
        Finding::ok(
            NAME,
            "loopback: client and server share the CPUs, and each pays for a part of the other's network stack",
        )
    } else {
        Finding::ok(NAME, "another address than loopback")
    }
}

fn connect(address: SocketAddr) -> Finding {
    const NAME: &str = "reachable";
    let begin = Instant::now();
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => Finding::ok(
            NAME,
            format!(
                "connected within {}",
                latency(crate::clock::nanos(begin.elapsed()))
            ),
        ),
        Err(error) => Finding::bad(
            NAME,
            format!("{address}: {error}"),
            format!(
                "ss -ltn 'sport = :{}' (there), or start the server",
                address.port()
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::Level;
    use std::net::TcpListener;

    #[test]
    fn a_target_that_is_there_and_one_that_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let findings = check(&url);
        assert!(
            findings.iter().all(|one| one.level == Level::Ok),
            "{findings:?}"
        );
        assert!(findings[1].text.contains("loopback"));
        drop(listener);
        let findings = check(&url);
        assert_eq!(findings[2].level, Level::Bad, "{findings:?}");
        assert_eq!(check("nonsense")[0].level, Level::Bad);
    }
}
