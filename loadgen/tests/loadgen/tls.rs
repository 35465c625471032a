//! https:// and wss:// against a server of other people's protocol code, and one that is wrong in one way each time.

use crate::{
    server::{OK, Server},
    tls_server::{Authority, Identity, Settings, TLS12, TLS13, url},
    tool::{self, Output, json, json_once, number, run, template, words},
};
use rcgen::{BasicConstraints, IsCa};
use serde_json::Value;
use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::NamedTempFile;

const PIECES: &[usize] = &[1, 2, 3, 5, 4, 1, 1, 700];

/// An authority, in a file as well, and a server's certificate from it.
fn identity() -> (Authority, NamedTempFile, Identity) {
    let authority = Authority::new();
    let file = authority.file();
    let identity = authority.issue(&["localhost", "127.0.0.1"]);
    (authority, file, identity)
}

fn measure(server: &Server, trust: &NamedTempFile, extra: &[&str]) -> (Value, Output) {
    let (url, trust) = (url(server), trust.path().to_str().unwrap());
    json_once(&[&[&url, "--cacert", trust, "-c", "2", "-d", "300ms"], extra].concat())
}

fn valid(server: &Server, trust: &NamedTempFile, extra: &[&str]) -> Value {
    let (url, trust) = (url(server), trust.path().to_str().unwrap());
    let (report, output) =
        json(&[&[&url, "--cacert", trust, "-c", "2", "-d", "300ms"], extra].concat());
    is_valid(&report, &output);
    report
}

fn is_valid(report: &Value, output: &Output) {
    assert_eq!(output.code, Some(0), "{report:#}");
    if report["load"]["model"] == "closed" {
        assert_eq!(report["verdict"]["valid"], true, "{report:#}");
    }
    assert!(number(&report["responses"]) > 0, "{report:#}");
    assert_eq!(report["errors"]["read"], 0, "{report:#}");
    assert_eq!(report["tls"]["errors"], serde_json::json!({}));
    let handshakes = number(&report["tls"]["full"]) + number(&report["tls"]["resumed"]);
    assert_eq!(report["tls"]["handshake"]["count"], handshakes);
    assert_eq!(sum(&report["tls"]["cipher_suites"]), handshakes);
}

/// The server may need a moment longer.
fn wait_until(is_true: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_true() {
        assert!(begin.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(5));
    }
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(number).sum()
}

/// A run that fails, with `kind` counted and all of `parts` in the notes.
fn invalid(report: &Value, kind: &str, parts: &[&str]) {
    let kinds = report["tls"]["errors"].as_object().unwrap();
    assert!(kinds.contains_key(kind), "{report:#}");
    assert!(number(&kinds[kind]) > 0, "{report:#}");
    // Beginnings fail, or what follows them.
    let errors = &report["errors"];
    assert!(
        number(&errors["connect"]) + number(&errors["read"]) > 0,
        "{report:#}"
    );
    let notes = report["verdict"]["notes"].to_string();
    for part in [&[kind], parts].concat() {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}

#[test]
fn both_versions_with_and_without_a_pipeline() {
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).answering(OK);
    for (version, name) in [("1.2", "TLSv1_2"), ("1.3", "TLSv1_3")] {
        for depth in ["1", "16"] {
            let report = valid(&server, &trust, &["--tls", version, "-p", depth]);
            assert_eq!(report["tls"]["versions"], serde_json::json!({ name: 2 }));
            assert_eq!(report["tls"]["alpn"]["http/1.1"], 2);
            assert_eq!(report["tls"]["full"], 2, "{report:#}");
            assert_eq!(report["reconnects"], 0);
            // Answers, not records.
            let bytes = number(&report["bytes_read"]);
            assert_eq!(bytes % OK.len() as u64, 0, "{report:#}");
        }
    }
    let report = valid(&server, &trust, &["--expect-body", "ok"]);
    assert_eq!(report["tls"]["versions"]["TLSv1_3"], 2);
    assert_eq!(report["tls"]["server_name"], "localhost");
}

#[test]
fn the_text_says_what_was_agreed() {
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).answering(OK);
    let (url, trust) = (url(&server), trust.path().to_str().unwrap());
    let args = [&url, "--cacert", trust, "-c", "2", "-d", "200ms"];
    let Output { stdout, code, .. } = run(&args);
    assert_eq!(code, Some(0), "{stdout}");
    for part in [
        "TLS:       localhost, certificate checked, sessions resumed",
        "TLS:      TLSv1_3 TLS13_",
        "2 full and 0 resumed handshakes",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

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

#[test]
fn sessions_are_resumed_unless_that_is_off() {
    let (_authority, trust, identity) = identity();
    for versions in [TLS12, TLS13] {
        let mut settings = Settings::new(&identity);
        settings.versions = versions;
        let server = settings.answering(OK);
        let args = ["-r", "2", "-c", "4", "-t", "2", "-n", "60", "-d", "20s"];
        let report = valid(&server, &trust, &args);
        let (full, resumed) = (&report["tls"]["full"], &report["tls"]["resumed"]);
        // One for each connection at the begin, then hardly any.
        assert!(number(resumed) > number(full), "{report:#}");
        let report = valid(
            &server,
            &trust,
            &[&args[..], &["--tls-resume", "off"]].concat(),
        );
        assert_eq!(report["tls"]["resumed"], 0);
        assert!(number(&report["tls"]["full"]) > 4, "{report:#}");
    }
}

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
fn ciphertext_may_come_in_any_pieces() {
    let (_authority, trust, identity) = identity();
    for versions in [TLS12, TLS13] {
        let mut settings = Settings::new(&identity);
        (settings.versions, settings.pieces) = (versions, PIECES);
        let server = settings.answering(OK);
        valid(
            &server,
            &trust,
            &["-p", "4", "-r", "9", "--expect-body", "ok"],
        );
        valid(&server, &trust, &["--recv-buf", "512", "--tracked-sends"]);
    }
}

#[test]
fn keys_may_change_at_any_time() {
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).start(|connection| {
        for number in 0.. {
            connection.request()?;
            if number % 3 == 0 {
                // Asks for new keys of the other side as well (RFC 8446 §4.6.3).
                connection.tls.refresh_traffic_keys().unwrap();
            }
            connection.write_all(OK)?;
        }
        Ok(())
    });
    for extra in [&["-p", "4"][..], &["--rate", "300"]] {
        let report = valid(&server, &trust, &[&["--tls", "1.3"], extra].concat());
        assert_eq!(report["reconnects"], 0, "{report:#}");
    }
}

#[test]
fn an_open_loop_and_a_limited_number() {
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).answering(OK);
    let report = valid(&server, &trust, &["--rate", "200", "-p", "2"]);
    assert!(report["latency"]["response"]["count"].is_u64());
    let report = valid(&server, &trust, &["-n", "50", "-d", "20s"]);
    assert_eq!(report["responses"], 50, "{report:#}");
}

/// Requests with placeholders, larger than what the socket takes at once.
#[test]
fn large_requests_are_encrypted_whole_and_sent_in_parts() {
    let (_authority, trust, identity) = identity();
    let settings = Settings::new(&identity);
    let server = Server::with_small_window(settings.secured(|connection| {
        loop {
            let request = String::from_utf8(connection.request()?).unwrap();
            assert!(request.ends_with("xxxxx-end\r\n\r\n"), "{request}");
            connection.write_all(OK)?;
        }
    }));
    let request = format!(
        "GET /{{RAND:1:99}} HTTP/1.1\r\nHost: x\r\nX-Long: {}-end\r\n\r\n",
        "x".repeat(100_000)
    );
    let file = template(request);
    let file = file.path().to_str().unwrap();
    valid(
        &server,
        &trust,
        &["--raw", file, "-p", "4", "--send-buf", "4096"],
    );
}

#[test]
fn wss_echoes() {
    let (_authority, trust, identity) = identity();
    let server = Settings::new(&identity).start(|connection| {
        let Ok(mut socket) = tungstenite::accept(connection) else {
            return Ok(());
        };
        while let Ok(message) = socket.read() {
            if !message.is_close() && socket.send(message).is_err() {
                break;
            }
        }
        Ok(())
    });
    let (url, trust) = (url(&server), trust.path().to_str().unwrap());
    let wss = url.replace("https", "wss");
    for args in [
        &[&wss, "-p", "8"][..],
        &[&url, "--ws", "-p", "8"],
        &[&wss, "--ws-msg", "{SEQ:1000}"],
    ] {
        let common = ["--cacert", trust, "-c", "2", "-d", "300ms"];
        let (report, output) = json(&[args, &common].concat());
        is_valid(&report, &output);
        assert_eq!(report["mode"], "websocket");
        assert_eq!(report["ws_upgrades"], 2);
        assert_eq!(report["ws_frames"], report["responses"]);
    }
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
