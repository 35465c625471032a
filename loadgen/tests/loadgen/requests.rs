//! What is on the wire.

use crate::{
    server::{OK, Server},
    tool::{json, json_once, number, raw, template, words},
};
use std::{collections::HashSet, thread, time::Duration};

fn text(request: &[u8]) -> String {
    String::from_utf8_lossy(request).into_owned()
}

#[test]
fn a_plain_url_sends_request_line_and_host_only() {
    let server = Server::answering(OK);
    let url = format!("http://{}/a/b?c=d", server.address());
    let (report, _) = json(&[&url, "-c", "1", "-n", "5"]);
    assert!(number(&report["responses"]) > 0);
    let expected = format!(
        "GET /a/b?c=d HTTP/1.1\r\nHost: {}\r\n\r\n",
        server.address()
    );
    assert!(
        server
            .requests()
            .iter()
            .all(|request| text(request) == expected)
    );
}

#[test]
fn templates_are_sent_byte_for_byte() {
    let server = Server::answering(OK);
    let chunked = "POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost:8080\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\n20\r\n0\r\n\r\n";
    let file = template(chunked);
    let line = format!("{} --raw {} -c 2 -d 150ms -p 3", server.url(), raw([&file]));
    let args = words(&line);
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| text(request) == chunked)
    );
}

#[test]
fn a_template_names_the_target_when_there_is_no_url() {
    let server = Server::answering(OK);
    // Nothing follows the Host header, not even its line end: the request never ends, so nothing answers.
    let file = template(format!("GET / HTTP/1.1\r\nHost: {}", server.address()));
    let (report, _) = json_once(&words(&format!(
        "--raw {} -c 1 -d 100ms --drain 0",
        raw([&file])
    )));
    assert_eq!(report["target"], format!("{}/", server.address()));
    assert_eq!(report["errors"]["connect"], 0);
    assert_eq!(server.connections(), 1);
}

#[test]
fn random_numbers_are_padded_in_range_and_repeatable() {
    let draw = |seed: &str| {
        let server = Server::answering(OK);
        let file =
            template("GET /items/{RAND:1:50000}?page={RAND:1:10} HTTP/1.1\r\nHost: x\r\n\r\n");
        json(&words(&format!(
            "{} --raw {} -c 1 -n 20 -p 2 --seed {seed}",
            server.url(),
            raw([&file])
        )));
        let paths: Vec<String> = server
            .requests()
            .iter()
            .map(|request| text(request).split(' ').nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(paths.len(), 20);
        paths
    };
    let paths = draw("1");
    for path in &paths {
        let (id, page) = path
            .strip_prefix("/items/")
            .unwrap()
            .split_once("?page=")
            .unwrap();
        assert_eq!((id.len(), page.len()), (5, 2), "{path}");
        assert!((1..=50_000).contains(&id.parse::<u32>().unwrap()));
        assert!((1..=10).contains(&page.parse::<u32>().unwrap()));
    }
    assert!(paths.iter().collect::<HashSet<_>>().len() > 2);
    assert_eq!(paths[..4], draw("1")[..4]);
    assert_ne!(paths[..4], draw("2")[..4]);
}

#[test]
fn a_sequence_is_shared_by_all_connections_and_threads() {
    let server = Server::answering(OK);
    let file = template("GET /{SEQ:100001} HTTP/1.1\r\nHost: x\r\n\r\n");
    let line = format!(
        "{} --raw {} -c 4 -t 2 -d 200ms -p 4",
        server.url(),
        raw([&file])
    );
    let args = words(&line);
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let mut numbers: Vec<u64> = server
        .requests()
        .iter()
        .map(|request| {
            text(request)
                .split(['/', ' '])
                .nth(2)
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    numbers.sort_unstable();
    let expected: Vec<u64> = (100_001..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}

/// Sends a template with a sequence at begin, middle and end through a socket that takes it only in parts,
/// and checks that every request arrives whole and with its own numbers.
fn values_survive_short_sends(padding: usize, extra: &[&str]) {
    let server = Server::with_small_window(|connection| {
        thread::sleep(Duration::from_millis(20));
        loop {
            connection.request()?;
            connection.write(OK)?;
        }
    });
    let half = "x".repeat(padding / 2);
    let body = format!("{{SEQ:1000001}}{half}{{SEQ:1000001}}{half}{{SEQ:1000001}}");
    let sent_len = body.len() - 3 * "{SEQ:1000001}".len() + 3 * 7;
    let file = template(format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {sent_len}\r\n\r\n{body}"
    ));
    let url = server.url();
    let list = raw([&file]);
    let args = [
        &[url.as_str(), "--raw", &list, "-c", "2", "-d", "400ms"],
        extra,
    ]
    .concat();
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let requests = server.requests();
    assert!(requests.len() > 2, "{report:#}");
    let mut values = HashSet::new();
    for request in &requests {
        let at = request
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap()
            + 4;
        let body = &request[at..];
        assert_eq!(body.len(), sent_len);
        let middle = 7 + padding / 2;
        let places = [0, middle, body.len() - 7];
        let number = |place: &usize| text(&body[*place..*place + 7]).parse::<u64>().unwrap();
        let numbers: Vec<u64> = places.iter().map(number).collect();
        // One thread draws from all three counters together.
        assert_eq!(numbers, [numbers[0]; 3]);
        assert!(values.insert(numbers[0]), "{numbers:?} was sent twice");
        let filling = [&body[7..middle], &body[middle + 7..body.len() - 7]].concat();
        assert!(filling.iter().all(|byte| *byte == b'x'));
    }
    assert_eq!(values.iter().min(), Some(&1_000_001));
}

#[test]
fn values_survive_a_short_untracked_send() {
    // Small enough to be sent without tracking, larger than the socket takes at once.
    values_survive_short_sends(40_000, &["--send-buf", "4096"]);
}

#[test]
fn values_survive_a_send_in_many_parts() {
    values_survive_short_sends(300_000, &["--send-buf", "4096"]);
}

#[test]
fn values_survive_tracked_sends() {
    values_survive_short_sends(5_000, &["--send-buf", "4096", "-p", "8", "--tracked-sends"]);
    values_survive_short_sends(40_000, &["--send-buf", "4096", "--tracked-sends"]);
}

#[test]
fn values_survive_short_sends_of_a_pipeline() {
    values_survive_short_sends(5_000, &["--send-buf", "4096", "-p", "8"]);
}

#[test]
fn short_untracked_sends_of_static_requests_are_completed() {
    let server = Server::with_small_window(|connection| {
        thread::sleep(Duration::from_millis(20));
        loop {
            connection.request()?;
            connection.write(OK)?;
        }
    });
    let body: String = (0..4000u32).map(|number| format!("{number:08}")).collect();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let file = template(&request);
    let line = format!(
        "{} --raw {} -c 2 -d 400ms --send-buf 4096",
        server.url(),
        raw([&file])
    );
    let args = words(&line);
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(
        number(&report["errors_detail"]["short_sends"]) > 0,
        "no send was short, so nothing was tested"
    );
    assert!(server.requests().iter().all(|sent| text(sent) == request));
}

#[test]
fn a_pipeline_is_filled_before_the_first_answer() {
    let server = Server::start(|connection| {
        loop {
            // Nothing is answered until eight requests are there.
            for _ in 0..8 {
                connection.request()?;
            }
            connection.write(&OK.repeat(8))?;
        }
    });
    let (report, output) = json(&[&server.url(), "-c", "2", "-d", "300ms", "-p", "8"]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["responses"]) > 16);
}

#[test]
fn each_request_of_a_pipeline_has_its_own_latency() {
    // The first answer of each pair comes at once, the second 40 ms later; requests go out one by one then.
    let server = Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(40));
            connection.write(OK)?;
        }
    });
    let (report, _) = json(&words(&format!(
        "{} -c 1 -d 800ms -p 2 -w 200ms",
        server.url()
    )));
    // In the steady state a request waits for the one before it and for itself.
    let median = number(&report["latency_us"]["p50"]);
    assert!((70_000..140_000).contains(&median), "{report:#}");
}

#[test]
fn tracked_sends_give_the_same_result() {
    let server = Server::answering(OK);
    let line = format!("{} -c 3 -d 300ms -p 4 -r 10 --tracked-sends", server.url());
    let args = words(&line);
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert!(number(&report["reconnects"]) > 3);
    assert_eq!(report["errors_detail"]["short_sends"], 0);
}
