//! Where hosts lead: --resolve, --connect-to, -4 and -6.

use crate::{
    server::{OK, Server},
    tls_server::{Authority, Settings},
    tool::{json, number, run},
};
use std::{io::Write, net::TcpListener};

/// A name that no resolver knows (RFC 6761 §6.4).
const NAME: &str = "server.invalid";

#[test]
fn a_name_that_only_the_flags_know() {
    let server = Server::answering(OK);
    let port = server.address().port();
    let url = format!("http://{NAME}:{port}/");
    for flags in [
        ["--resolve", &format!("{NAME}:{port}:::1,127.0.0.1")],
        ["--connect-to", &format!("{NAME}:{port}:127.0.0.1:")],
        ["--connect-to", &format!("::127.0.0.1:{port}")],
    ] {
        let (report, output) = json(&[&[&url[..], "-c", "2", "-d", "200ms"], &flags[..]].concat());
        assert_eq!(output.code, Some(0), "{report:#}");
        assert!(number(&report["responses"]) > 0);
        assert_eq!(report["address"], format!("127.0.0.1:{port}"));
    }
    let host = format!("\r\nHost: {NAME}:{port}\r\n");
    for request in server.requests() {
        let request = String::from_utf8(request).unwrap();
        assert!(request.contains(&host), "{request}");
    }
}

/// The certificate is that of the name, whatever it leads to.
#[test]
fn a_certificate_of_the_name() {
    let authority = Authority::new();
    let (trust, identity) = (authority.file(), authority.issue(&[NAME]));
    let server = Settings::new(&identity).start(|connection| {
        loop {
            connection.request()?;
            assert_eq!(connection.tls.server_name(), Some(NAME));
            connection.write_all(OK)?;
        }
    });
    let port = server.address().port();
    let (report, output) = json(&[
        &format!("https://{NAME}/"),
        "--connect-to",
        &format!("{NAME}:443:127.0.0.1:{port}"),
        "--cacert",
        trust.path().to_str().unwrap(),
        "-c",
        "1",
        "-d",
        "200ms",
    ]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["tls"]["server_name"], NAME);
    assert_eq!(report["target"], format!("{NAME}/"));
}

#[test]
fn one_family_only() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    };
    let server = Server::on(listener, |connection| {
        loop {
            connection.request()?;
            connection.write(OK)?;
        }
    });
    let port = server.address().port();
    let url = format!("http://{NAME}:{port}/");
    let both = format!("{NAME}:{port}:127.0.0.1,::1");
    let (report, output) = json(&[&url, "--resolve", &both, "-6", "-c", "1", "-d", "200ms"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["address"], format!("[::1]:{port}"));
}

#[test]
fn what_leads_nowhere_is_said() {
    let named = format!("http://{NAME}/");
    let elsewhere = format!("{NAME}:81:127.0.0.1");
    for (args, parts) in [
        (
            &[&named[..]][..],
            &["cannot resolve host", NAME, "--resolve"][..],
        ),
        (
            &[&named, "--resolve", &elsewhere],
            &["--resolve", NAME, "port 80"],
        ),
        (
            &[&named, "--resolve", "x:1"],
            &["--resolve", "x:1", "example.org:443"],
        ),
        (
            &[&named, "--connect-to", "x"],
            &["--connect-to", "four parts", "x"],
        ),
        (&["http://127.0.0.1:1/", "-6"], &["-6", "no IPv6 address"]),
        (&["http://[::1]:1/", "-4"], &["-4", "no IPv4 address"]),
        (&["http://[::1]:1/", "-4", "-6"], &["--ipv4", "--ipv6"]),
        (&[&named, "-4", "--unix", "/x"], &["--ipv4", "--unix"]),
    ] {
        let output = run(args);
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        for part in parts {
            assert!(output.stderr.contains(part), "{args:?}: {}", output.stderr);
        }
    }
}
