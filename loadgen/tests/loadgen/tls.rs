//! https:// and wss:// against a server of other people's protocol code, and one that is wrong in one way each time.

mod certificates;
mod faults;

use crate::{
    server::{OK, Server},
    tls_server::{Authority, Identity, Settings, TLS12, TLS13, url},
    tool::{Output, json, json_once, number, run, template},
};
use serde_json::Value;
use std::{
    io::Write,
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
