//! Connections that break, stall, refuse or come back.

use crate::{
    server::{OK, Server},
    tool::{json, json_once, json_until, number, raw, run, run_once, template, words},
};
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

#[test]
fn a_stuck_connection_is_counted_named_and_opened_again() {
    let server = Server::start(|connection| {
        connection.request()?;
        connection.write(OK)?;
        connection.request()?;
        connection.wait_for_end()
    });
    let url = server.url();
    let (report, output) = json(&words(&format!(
        "{url} -c 2 -d 700ms --timeout 150ms --drain 0"
    )));
    assert_eq!(output.code, Some(1));
    assert!(number(&report["errors"]["timeout"]) >= 2, "{report:#}");
    assert!(number(&report["errors_detail"]["stuck"]) >= 2);
    assert!(number(&report["reconnects"]) >= 2);
    assert!(number(&report["responses"]) >= 2);
    assert!(server.connections() >= 4);
    let text = run(&[&url, "-c", "1", "-d", "400ms", "--timeout", "100ms"]).stdout;
    assert!(text.contains("connections were stuck for 100ms"), "{text}");
}

#[test]
fn a_connection_that_is_stuck_at_the_end_is_named_even_if_the_timeout_is_longer() {
    let server = Server::start(|connection| {
        connection.request()?;
        connection.write(OK)?;
        connection.wait_for_end()
    });
    let args = [&server.url(), "-c", "2", "-d", "2500ms"];
    let (report, output) = json_once(&args);
    assert_eq!(report["errors_detail"]["stuck_at_end"], 2, "{report:#}");
    assert_eq!(report["counts"]["unfinished"], 2);
    // What was answered was so in the warm-up, or not before the window on a slow machine.
    assert!(matches!(output.code, Some(1 | 5)), "{report:#}");
    let notes = report["verdict"]["notes"].to_string();
    assert!(notes.contains("stuck when the run was over"), "{notes}");
}

#[test]
fn a_slow_answer_is_not_stuck_while_bytes_come() {
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")?;
            for byte in b"hello" {
                thread::sleep(Duration::from_millis(60));
                connection.write(&[*byte])?;
            }
        }
    });
    let (report, output) = json(&words(&format!(
        "{} -c 1 -d 800ms --timeout 200ms",
        server.url()
    )));
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["errors"]["timeout"], 0);
}

#[test]
fn refused_connections_back_off_and_fail_the_run() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}/");
    let begin = Instant::now();
    let (report, output) = json_once(&[&url, "-c", "2", "-d", "500ms"]);
    assert_eq!(output.code, Some(5));
    assert!(begin.elapsed() < Duration::from_secs(3));
    let attempts = number(&report["errors"]["connect"]);
    assert!((2..60).contains(&attempts), "{attempts} attempts");
    assert!(number(&report["errors_detail"]["connect"]["Connection refused"]) > 0);
    let text = run_once(&[&url, "-c", "2", "-d", "200ms"]).stdout;
    assert!(text.contains("no request was answered"), "{text}");
    assert!(
        text.contains(&format!("connects to {closed} failed: Connection refused")),
        "{text}"
    );
}

#[test]
fn a_server_that_closes_without_answering_is_not_hammered() {
    let server = Server::start(|connection| connection.request().map(drop));
    let (report, output) = json_once(&[&server.url(), "-c", "2", "-d", "400ms"]);
    assert_eq!(output.code, Some(5), "{report:#}");
    let whole = &report["counts"]["whole_run"];
    assert_eq!(whole["sent"], whole["lost"], "{report:#}");
    assert!(
        server.connections() < 60,
        "{} connections",
        server.connections()
    );
    assert!(number(&report["errors_detail"]["closed_early"]) > 0);
}

#[test]
fn a_server_that_comes_up_late_is_used_when_it_is_there() {
    // A slow machine may not have come to the first connect when the server is there.
    if !comes_up_after(Duration::from_millis(300)) {
        assert!(comes_up_after(Duration::from_secs(5)));
    }
}

/// Returns whether it was not there at first.
fn comes_up_after(pause: Duration) -> bool {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let late = thread::spawn(move || {
        thread::sleep(pause);
        let listener = TcpListener::bind(address).unwrap();
        Server::on(listener, |connection| {
            loop {
                connection.request()?;
                connection.write(OK)?;
            }
        })
    });
    let url = format!("http://{address}/");
    let (report, output) = json(&[&url, "-c", "2", "-n", "2000", "-d", "25s"]);
    drop(late.join());
    assert_eq!(report["responses"], 2000, "{report:#}");
    let was_missed = number(&report["errors"]["connect"]) > 0;
    assert_eq!(output.code, Some(was_missed.into()), "{report:#}");
    was_missed
}

#[test]
fn an_announced_close_loses_no_request() {
    let server = Server::start(|connection| {
        for _ in 0..2 {
            connection.request()?;
            connection.write(OK)?;
        }
        connection.request()?;
        connection.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    });
    let (report, output) = json(&[&server.url(), "-c", "2", "-d", "400ms"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["reconnects"]) > 2);
    assert_eq!(report["counts"]["lost"], 0);
}

#[test]
fn an_announced_close_that_does_not_come_is_not_waited_for_long() {
    let server = Server::start(|connection| {
        connection.request()?;
        connection.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")?;
        connection.wait_for_end()
    });
    let args = [&server.url(), "-c", "1", "-n", "3", "-d", "25s"];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["responses"], 3, "{report:#}");
}

#[test]
fn requests_in_flight_at_a_close_are_counted_as_lost() {
    // Four are sent at once, one is answered.
    let server = Server::start(|connection| {
        connection.request()?;
        connection.write(OK)?;
        for _ in 0..3 {
            connection.request()?;
        }
        Ok(())
    });
    let (report, output) = json(&[&server.url(), "-c", "1", "-p", "4", "-d", "300ms"]);
    assert_eq!(output.code, Some(1));
    let whole = &report["counts"]["whole_run"];
    assert!(
        number(&whole["lost"]) >= 3 * number(&report["reconnects"]),
        "{report:#}"
    );
    assert!(
        report["verdict"]["notes"]
            .to_string()
            .contains("lost with their connection")
    );
}

#[test]
fn a_quota_ends_each_connection_with_a_reset() {
    let resets = Arc::new(AtomicUsize::new(0));
    let seen = resets.clone();
    let server = Server::start(move |connection| {
        for _ in 0..3 {
            connection.request()?;
            connection.write(OK)?;
        }
        let end = connection.wait_for_end();
        if end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset) {
            seen.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let args = [&server.url(), "-c", "2", "-n", "60", "-d", "25s", "-r", "3"];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let reconnects = number(&report["reconnects"]);
    assert!(reconnects > 2);
    // The server's threads may need a moment longer.
    let begin = Instant::now();
    while (resets.load(Ordering::Relaxed) as u64) < reconnects {
        assert!(begin.elapsed() < Duration::from_secs(30), "{report:#}");
        thread::sleep(Duration::from_millis(5));
    }
    let answers = number(&report["counts"]["whole_run"]["ok"]);
    assert!(answers.div_ceil(3) <= server.connections() as u64);
    assert_eq!(report["counts"]["lost"], 0);
}

#[test]
fn a_quota_also_bounds_a_pipeline() {
    let server = Server::answering(OK);
    let (report, output) = json(&words(&format!("{} -c 1 -d 300ms -r 5 -p 4", server.url())));
    assert_eq!(output.code, Some(0), "{report:#}");
    let sent = number(&report["counts"]["whole_run"]["sent"]);
    assert!(
        sent.div_ceil(5) <= server.connections() as u64,
        "{report:#}"
    );
    assert!(server.requests().len() as u64 <= sent);
}

/// The paths of the templates in the order in which one slot used them.
fn templates_in_turn(extra: &[&str]) -> Vec<String> {
    let server = Server::answering(OK);
    let files: Vec<_> = ["/a", "/b", "/c"]
        .iter()
        .map(|path| {
            template(format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n",
                server.address()
            ))
        })
        .collect();
    let list = raw(&files);
    let url = server.url();
    let args = [
        &[url.as_str(), "--raw", &list, "-c", "1"][..],
        &["-n", "40", "-d", "25s"],
        extra,
    ]
    .concat();
    let (report, _) = json(&args);
    assert_eq!(report["per_template"].as_array().map(Vec::len), Some(3));
    let path = |request: Vec<u8>| {
        let text = String::from_utf8(request).unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    };
    server.requests().into_iter().map(path).collect()
}

#[test]
fn each_reconnect_moves_on_to_the_next_template() {
    let paths = templates_in_turn(&["-r", "2"]);
    assert_eq!(paths.len(), 40);
    let turns = ["/a", "/a", "/b", "/b", "/c", "/c"].iter().cycle();
    for (number, (path, expected)) in paths.iter().zip(turns).enumerate() {
        assert_eq!(path, expected, "request {number}");
    }
}

#[test]
fn without_reconnects_a_connection_keeps_its_template() {
    let paths = templates_in_turn(&[]);
    assert_eq!(paths.len(), 40);
    assert!(paths.iter().all(|path| path == "/a"));
}

#[test]
fn connections_start_with_the_templates_in_turn() {
    let server = Server::answering(OK);
    let files: Vec<_> = (0..70)
        .map(|number| {
            template(format!(
                "GET /{number} HTTP/1.1\r\nHost: {}\r\n\r\n",
                server.address()
            ))
        })
        .collect();
    let list = raw(&files);
    let url = server.url();
    let args = [&url, "--raw", &list, "-c", "70", "-t", "3"];
    let (report, output) = json_until(&[&args[..], &["--per-tpl-latency"]].concat(), |report| {
        let rows = report["per_template"].as_array().unwrap();
        rows.iter().all(|row| number(&row["responses"]) > 0)
    });
    assert_eq!(output.code, Some(0), "{report:#}");
    let rows = report["per_template"].as_array().unwrap();
    assert_eq!(rows.len(), 70);
    for row in rows {
        assert!(number(&row["responses"]) > 0, "{row}");
        assert_eq!(row["responses"], row["2xx"]);
        assert!(number(&row["latency_us"]["p99"]) > 0);
    }
}

#[test]
fn ipv6_literals_work() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    };
    let server = Server::on(listener, |connection| {
        loop {
            let request = String::from_utf8(connection.request()?).unwrap();
            let host = format!(
                "Host: [::1]:{}\r\n",
                request.rsplit(':').next().unwrap().trim()
            );
            assert!(request.contains(&host), "{request}");
            connection.write(OK)?;
        }
    });
    let (report, output) = json(&[&server.url(), "-c", "2", "-d", "200ms"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["responses"]) > 2);
}
