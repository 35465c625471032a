//! The rules by which the arena's two generations of scripts read the text, applied to ours. They merge
//! standard output and standard error and, but for the last rule, take the first match.

use crate::{
    server::{OK, Server},
    tool::{Output, raw, run, run_once, template, words},
};

/// What the scripts look for, which is to be in the result and nowhere else.
pub(crate) const LABELS: [&str; 7] = [
    "Latency",
    "requests in",
    "responses",
    "2xx=",
    "Reconnects: ",
    "Bandwidth:",
    "Per-template",
];

/// A run with everything that could disturb the rules: a note on standard error, several templates, other
/// status classes, reconnects. The error text comes first, as it does when both streams share a pipe.
fn merged() -> String {
    let server = Server::start(|connection| {
        loop {
            let request = connection.request()?;
            if request.starts_with(b"GET /missing") {
                connection.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            } else {
                connection.write(OK)?;
            }
        }
    });
    let files: Vec<_> = ["/a", "/missing", "/a"]
        .iter()
        .map(|path| template(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")))
        .collect();
    let list = raw(&files);
    let Output {
        stdout,
        stderr,
        code,
    } = run(&words(&format!(
        "{} --raw {list} -c 6 -t 64 -d 400ms -p 1 -r 4 --per-tpl-latency",
        server.url()
    )));
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(!stderr.is_empty());
    stderr + &stdout
}

/// Digits right after the first occurrence of `label`.
pub(crate) fn digits_after(text: &str, label: &str) -> Option<u64> {
    let after = &text[text.find(label)? + label.len()..];
    let end = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after[..end].parse().ok()
}

/// The decimal number after the first occurrence of `label`.
fn float_after(text: &str, label: &str) -> Option<f64> {
    let after = &text[text.find(label)? + label.len()..];
    let end = after
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(after.len());
    after[..end].parse().ok()
}

/// The run of non-space characters after `Bandwidth:` and spaces.
fn bandwidth(text: &str) -> &str {
    let after = &text[text.find("Bandwidth:").unwrap() + "Bandwidth:".len()..];
    after.split_whitespace().next().unwrap()
}

fn list_after(text: &str, label: &str) -> Vec<u64> {
    let after = &text[text.find(label).unwrap() + label.len()..];
    let line = after.lines().next().unwrap();
    line.split(',')
        .map(|number| number.parse().unwrap())
        .collect()
}

/// Number and unit, with nothing between them.
fn is_latency(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    text.starts_with(|c: char| c.is_ascii_digit()) && ["us", "ms", "s"].contains(&unit)
}

#[test]
fn both_generations_read_the_right_numbers() {
    let text = merged();
    let duration = float_after(&text, "requests in ").unwrap();
    assert!((duration - 0.4).abs() < 0.006, "{text}");
    assert!(
        text.contains(&format!("requests in {duration:.2}s")),
        "{text}"
    );

    let ok = digits_after(&text, "2xx=").unwrap();
    let missing = digits_after(&text, "4xx=").unwrap();
    assert_eq!(digits_after(&text, "3xx="), Some(0));
    assert_eq!(digits_after(&text, "5xx="), Some(0));
    assert!(ok > 0 && missing > 0, "{text}");

    let line = text.lines().find(|line| line.contains("Latency")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields[0], "Latency", "{line}");
    assert!(is_latency(fields[1]) && is_latency(fields[4]), "{line}");
    assert_eq!(fields.len(), 6, "{line}");

    assert!(digits_after(&text, "Reconnects: ").unwrap() > 0, "{text}");

    let bandwidth = bandwidth(&text);
    let unit = bandwidth.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    assert!(["KB/s", "MB/s", "GB/s"].contains(&unit), "{bandwidth}");

    let answers = list_after(&text, "Per-template: ");
    let oks = list_after(&text, "Per-template-ok: ");
    assert_eq!(answers.len(), 3);
    assert_eq!(oks.iter().sum::<u64>(), ok);
    assert_eq!(answers.iter().sum::<u64>(), ok + missing);
    assert_eq!(oks[1], 0);
}

#[test]
fn the_words_before_the_responses_are_their_number() {
    let text = merged();
    let before = &text[..text.find(" responses").unwrap()];
    let count: u64 = before.rsplit(' ').next().unwrap().parse().unwrap();
    let sum = ["2xx=", "3xx=", "4xx=", "5xx="]
        .iter()
        .map(|label| digits_after(&text, label).unwrap());
    assert_eq!(count, sum.sum::<u64>());
}

#[test]
fn nothing_before_the_result_looks_like_it() {
    let text = merged();
    let before = &text[..text.find("Thread Stats").unwrap()];
    for word in LABELS {
        assert!(!before.contains(word), "{word}: {before}");
    }
}

#[test]
fn a_run_without_answers_still_has_every_line() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = run_once(&[&format!("http://{closed}/"), "-c", "1", "-d", "150ms"]).stdout;
    assert_eq!(digits_after(&text, "2xx="), Some(0));
    assert_eq!(float_after(&text, "requests in "), Some(0.15));
    assert_eq!(bandwidth(&text), "0.00KB/s");
    let line = text.lines().find(|line| line.contains("Latency")).unwrap();
    assert_eq!(line.split_whitespace().nth(1), Some("0us"));
}
