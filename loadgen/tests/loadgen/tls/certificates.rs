//! Whom the client trusts.

use super::{identity, invalid, is_valid, measure, valid};
use crate::{
    server::OK,
    tls_server::{Authority, Settings, url},
    tool::{self, json, template},
};
use rcgen::{BasicConstraints, IsCa};
use std::{
    io::Write,
    process::{Command, Stdio},
};
use tempfile::NamedTempFile;

#[test]
fn a_certificate_that_nobody_vouches_for() {
    let (_authority, _trust, identity) = identity();
    let stranger = Authority::new().file();
    let server = Settings::new(&identity).answering(OK);
    let (report, output) = measure(&server, &stranger, &[]);
    assert_eq!(output.code, Some(5), "{report:#}");
    let parts = ["--cacert", "-k", "connections failed in TLS"];
    invalid(&report, "certificate: unknown issuer", &parts);
    assert_eq!(report["tls"]["full"], 0);
    assert_eq!(report["counts"]["sent"], 0);
    let (report, output) = json(&[&url(&server), "-k", "-c", "2", "-d", "200ms"]);
    is_valid(&report, &output);
    assert_eq!(report["tls"]["certificates_checked"], false);
}

#[test]
fn the_system_s_certificates_are_trusted() {
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).answering(OK);
    let run = |trusted: &NamedTempFile| {
        let child = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args([&url(&server), "-c", "1", "-d", "200ms"])
            .env("SSL_CERT_FILE", trusted.path())
            .env_remove("SSL_CERT_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        tool::finish(child.unwrap())
    };
    assert_eq!(run(&trust).code, Some(0));
    let unknown = run(&Authority::new().file());
    assert_eq!(unknown.code, Some(5), "{unknown:?}");
    assert!(unknown.stdout.contains("unknown issuer"), "{unknown:?}");
    let none = run(&template("nothing"));
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("--cacert FILE"), "{none:?}");
}

#[test]
fn a_certificate_for_somebody_else() {
    let authority = Authority::new();
    let (trust, identity) = (authority.file(), authority.issue(&["example.test"]));
    let server = Settings::new(&identity).start(|connection| {
        loop {
            connection.request()?;
            assert_eq!(connection.tls.server_name(), Some("example.test"));
            connection.write_all(OK)?;
        }
    });
    let (report, output) = measure(&server, &trust, &[]);
    assert_eq!(output.code, Some(5), "{report:#}");
    let kind = "certificate: not for this name";
    invalid(&report, kind, &["localhost", "example.test", "--sni"]);
    let report = valid(&server, &trust, &["--sni", "example.test"]);
    assert_eq!(report["tls"]["server_name"], "example.test");
}

#[test]
fn a_certificate_that_is_an_authority_s_own() {
    let authority = Authority::new();
    let own = IsCa::Ca(BasicConstraints::Unconstrained);
    let (trust, identity) = (authority.file(), authority.issue_as(&["localhost"], own));
    let server = Settings::new(&identity).answering(OK);
    let (report, output) = measure(&server, &trust, &[]);
    assert_eq!(output.code, Some(5), "{report:#}");
    let kind = "certificate: that of an authority";
    invalid(&report, kind, &["openssl req", "-k"]);
}

#[test]
fn a_server_that_demands_a_certificate() {
    let (authority, trust, identity) = identity();
    let mut settings = Settings::new(&identity);
    settings.clients = Some(&authority);
    let server = settings.start(|connection| {
        loop {
            connection.request()?;
            connection.write_all(OK)?;
        }
    });
    let client = authority.issue(&["client"]);
    let (certificate, key) = (client.certificate_file(), client.key_file());
    let paths = [&certificate, &key].map(|file| file.path().to_str().unwrap().to_owned());
    for version in ["1.2", "1.3"] {
        let (report, output) = measure(&server, &trust, &["--tls", version]);
        assert_eq!(output.code, Some(5), "{report:#}");
        let kind = "alert certificate_required";
        invalid(&report, kind, &["--cert FILE --key FILE"]);
        let args = ["--tls", version, "--cert", &paths[0], "--key", &paths[1]];
        valid(&server, &trust, &args);
    }
}
