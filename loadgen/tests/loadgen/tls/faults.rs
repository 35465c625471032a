//! What goes wrong: versions and protocols that nobody shares, handshakes that fail, ends that nobody announced.

use super::{identity, invalid, measure, sum, valid, wait_until};
use crate::{
    server::{OK, Server},
    tls_server::{Authority, Settings, TLS13, url},
    tool::{json_once, number, run, words},
};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// An end that anybody may have forged is no end of a body (RFC 9112 §9.8).
#[test]
fn a_body_until_the_end_needs_close_notify() {
    const PARTIAL: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it";
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).start(|connection| {
        connection.request()?;
        connection.write_all(PARTIAL)?;
        connection.close()
    });
    let report = valid(&server, &trust, &["--expect-body", "all of it"]);
    assert_eq!(report["tls"]["closed_without_notify"], 0);
    assert!(number(&report["reconnects"]) > 0);
    let server = Settings::new(&identity).start(|connection| {
        connection.request()?;
        connection.write_all(PARTIAL)
    });
    let (report, output) = measure(&server, &trust, &[]);
    assert_eq!(output.code, Some(1), "{report:#}");
    assert_eq!(report["responses"], 0, "{report:#}");
    assert!(
        number(&report["counts"]["whole_run"]["lost"]) > 0,
        "{report:#}"
    );
    assert!(number(&report["tls"]["closed_without_notify"]) > 0);
    let notes = report["verdict"]["notes"].to_string();
    assert!(notes.contains("cut short"), "{notes}");
}

/// Where the length is known, the missing close_notify changes nothing.
#[test]
fn an_answer_with_a_length_needs_no_close_notify() {
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).start(|connection| {
        connection.request()?;
        connection.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    });
    let report = valid(&server, &trust, &[]);
    assert!(
        number(&report["tls"]["closed_without_notify"]) > 0,
        "{report:#}"
    );
}

#[test]
fn a_server_that_speaks_none_of_the_protocols() {
    let (_authority, trust, identity) = identity();
    let mut settings = Settings::new(&identity);
    settings.alpn = &["h2"];
    let server = settings.answering(OK);
    let (report, output) = measure(&server, &trust, &[]);
    assert_eq!(output.code, Some(5), "{report:#}");
    invalid(&report, "alert no_application_protocol", &["--alpn"]);
    let report = valid(&server, &trust, &["--alpn", "none"]);
    assert_eq!(report["tls"]["alpn"]["none"], 2);
    settings.alpn = &["http/1.0", "http/1.1"];
    let server = settings.answering(OK);
    let report = valid(&server, &trust, &["--alpn", "http/1.1,http/1.0"]);
    assert_eq!(sum(&report["tls"]["alpn"]), 2);
}

#[test]
fn a_version_that_the_server_does_not_speak() {
    let (_authority, trust, identity) = identity();
    let mut settings = Settings::new(&identity);
    settings.versions = TLS13;
    let server = settings.answering(OK);
    let (report, output) = measure(&server, &trust, &["--tls", "1.2"]);
    assert_eq!(output.code, Some(5), "{report:#}");
    invalid(&report, "alert protocol_version", &["--tls"]);
}

#[test]
fn handshakes_that_come_to_nothing() {
    let plain = Server::start(|connection| {
        connection.read()?;
        connection.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        connection.wait_for_end()
    });
    let silent = Server::start(|connection| connection.wait_for_end());
    let closing = Server::start(|connection| {
        connection.read()?;
        connection.write(b"\x16\x03\x03\x00")
    });
    for (server, timeout, kind, part) in [
        (plain, "20s", "malformed message", "may not speak TLS"),
        (silent, "150ms", "timed out in the handshake", ""),
        (closing, "20s", "closed in the handshake", ""),
    ] {
        let line = format!("{} -k -c 2 -d 700ms --timeout {timeout}", url(&server));
        let args = words(&line);
        let (report, output) = json_once(&args);
        assert_eq!(output.code, Some(5), "{report:#}");
        invalid(&report, kind, &[part, "2 of 2 connections were never up"]);
        assert_eq!(report["counts"]["whole_run"]["sent"], 0);
        assert!(server.connections() > 2, "it tries again");
    }
}

#[test]
fn garbage_after_the_handshake_is_named() {
    let (_authority, trust, identity) = identity();
    let server = Server::start(Settings::new(&identity).secured(|connection| {
        connection.request()?;
        connection.raw(b"\x17\x03\x03\x00\x20................................")?;
        connection.wait_for_end();
        Ok(())
    }));
    let (report, output) = measure(&server, &trust, &[]);
    assert_eq!(output.code, Some(5), "{report:#}");
    invalid(&report, "a record that does not decrypt", &[]);
    assert!(
        number(&report["counts"]["whole_run"]["lost"]) > 0,
        "{report:#}"
    );
}

#[test]
fn ends_and_faults_are_said_aloud() {
    let said = Arc::new(AtomicUsize::new(0));
    let seen = said.clone();
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).start(move |connection| {
        for _ in 0..3 {
            connection.request()?;
            connection.write_all(OK)?;
        }
        seen.fetch_add(usize::from(connection.wait_for_end()), Ordering::Relaxed);
        Ok(())
    });
    let args = ["-r", "3", "--close", "fin", "-n", "30", "-d", "20s"];
    valid(&server, &trust, &args);
    wait_until(|| said.load(Ordering::Relaxed) > 2);
    let seen = said.clone();
    let server = Settings::new(&identity).start(move |connection| {
        let refused = connection.request().unwrap_err().to_string();
        seen.fetch_add(
            1000 * usize::from(refused.contains("UnknownCA")),
            Ordering::Relaxed,
        );
        Ok(())
    });
    let stranger = Authority::new().file();
    let (report, _) = measure(&server, &stranger, &[]);
    invalid(&report, "certificate: unknown issuer", &[]);
    wait_until(|| said.load(Ordering::Relaxed) > 1000);
}

#[test]
fn flags_that_cannot_be_followed() {
    let (authority, trust, identity) = identity();
    let refused = |args: &[&str], parts: &[&str]| {
        let output = run(args);
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        for part in parts {
            assert!(output.stderr.contains(part), "{args:?}: {}", output.stderr);
        }
    };
    let trust = trust.path().to_str().unwrap();
    for flags in [
        &["-k"][..],
        &["--cacert", trust],
        &["--sni", "x"],
        &["--alpn", "http/1.1"],
        &["--tls", "1.3"],
        &["--tls-resume", "off"],
    ] {
        let flag = flags[0].replace("-k", "--insecure");
        let url = "http://127.0.0.1:1/";
        refused(&[&[url], flags].concat(), &[&flag, "https or wss"]);
    }
    let url = "https://127.0.0.1:1/";
    refused(&[url, "-k", "--cacert", trust], &["--insecure", "--cacert"]);
    refused(&[url, "--cert", trust], &["--key"]);
    refused(&[url, "--cacert", "/no/such"], &["--cacert", "/no/such"]);
    refused(&[url, "--alpn", "h2"], &["--alpn", "http/1.1"]);
    refused(&[url, "--tls", "1.1"], &["--tls", "1.2"]);
    refused(&[url, "-k", "--sni", "a b"], &["--sni", "a b"]);
    refused(
        &["wss://127.0.0.1:1/", "--expect-body", "x"],
        &["--expect-body"],
    );
    let (certificate, key) = (identity.certificate_file(), identity.key_file());
    let (certificate, key) = (
        certificate.path().to_str().unwrap(),
        key.path().to_str().unwrap(),
    );
    refused(
        &[url, "--cacert", key],
        &["--cacert", key, "BEGIN CERTIFICATE"],
    );
    refused(
        &[url, "-k", "--cert", certificate, "--key", certificate],
        &["--key"],
    );
    let other = authority.issue(&["other"]).key_file();
    let other = other.path().to_str().unwrap();
    refused(
        &[url, "-k", "--cert", certificate, "--key", other],
        &["--cert", "--key"],
    );
}
