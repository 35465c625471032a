//! Several processes as one run: `--worker`, `--start-at`, `loadgen merge`.

use crate::{
    files::{histogram, read, sum},
    server::{OK, Server},
    tool::{Output, finish, number, run, start, template, words},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Two workers that begin together; their files.
fn two_workers(folder: &TempDir, url: &str, extra: &[&str]) -> Vec<PathBuf> {
    let at = SystemTime::now() + Duration::from_millis(1500);
    let at = humantime::format_rfc3339_millis(at).to_string();
    let path = |name: String| folder.path().join(name);
    let children: Vec<_> = (0..2)
        .map(|worker| {
            let (share, json) = (format!("{worker}/2"), path(format!("w{worker}.json")));
            let series = path(format!("w{worker}.ndjson"));
            let text = format!(
                "{url} -c 5 -t 2 -d 1s --interval 200ms --label server=x \
 --worker {share} --start-at {at} -o {} --timeseries {}",
                text(&json),
                text(&series)
            );
            let line = words(&text);
            start(&[&line[..], extra].concat())
        })
        .collect();
    for child in children {
        let output = finish(child);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    (0..2)
        .map(|worker| path(format!("w{worker}.json")))
        .collect()
}

fn merge(files: &[&Path], out: &Path) -> Output {
    let files: Vec<&str> = files.iter().map(|path| text(path)).collect();
    run(&[&["merge"], files.as_slice(), &["-o", text(out)]].concat())
}

#[test]
fn two_workers_are_the_sum_of_their_records() {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let files = two_workers(&folder, &server.url(), &[]);
    let out = folder.path().join("run.json");
    // The order does not matter.
    let output = merge(&[&files[1], &files[0]], &out);
    assert_eq!(output.code, Some(0), "{output:?}");
    let (parts, whole) = ([read(&files[0]), read(&files[1])], read(&out));

    let total = |key: &str| parts.iter().map(|part| number(&part[key])).sum::<u64>();
    for key in [
        "connections",
        "threads",
        "requests",
        "responses",
        "bytes_read",
    ] {
        assert_eq!(number(&whole[key]), total(key), "{key}");
    }
    assert_eq!(
        (
            number(&parts[0]["connections"]),
            number(&whole["connections"])
        ),
        (3, 5)
    );
    assert_eq!(whole["counts"]["ok"], whole["responses"]);
    assert_eq!(whole["labels"]["server"], "x");
    assert_eq!(whole["workers"].as_array().unwrap().len(), 2);
    assert!(whole["verdict"]["overlap"].as_f64().unwrap() > 0.99);

    // Both began when they were told to, within what the threads' announcements allow.
    for part in &parts {
        let phases = &part["phases"];
        let late = number(&phases["start_unix_ns"]).abs_diff(number(&phases["start_at_unix_ns"]));
        assert!(late < 5_000_000, "{late} ns");
    }

    let hdr = |value: &Value| histogram(value["hdr"].as_str().unwrap());
    let merged = hdr(&whole["latency"]["service"]);
    let rows = (0..2).flat_map(|worker| {
        let path = folder.path().join(format!("w{worker}.ndjson"));
        let rows = fs::read_to_string(path).unwrap();
        let rows: Vec<Value> = rows
            .lines()
            .map(|row| serde_json::from_str(row).unwrap())
            .collect();
        rows
    });
    assert_eq!(sum(rows.map(|row| hdr(&row))), merged);
    assert_eq!(
        sum(parts.iter().map(|part| hdr(&part["latency"]["service"]))),
        merged
    );
    assert_eq!(merged.len(), total("responses"));

    let windows = whole["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 5);
    assert_eq!(sum(windows.iter().map(hdr)), merged);
    for (row, window) in windows.iter().enumerate() {
        let ok: u64 = parts
            .iter()
            .map(|part| number(&part["windows"][row]["ok"]))
            .sum();
        assert_eq!(number(&window["ok"]), ok);
    }
    refusals(&folder, &files, &out);
}

/// What does not belong together is refused, with the file and the reason.
fn refusals(folder: &TempDir, files: &[PathBuf], merged: &Path) {
    let out = folder.path().join("refused.json");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = read(&files[1]);
        change(&mut value);
        let path = folder.path().join("changed.json");
        fs::write(&path, value.to_string()).unwrap();
        path
    };
    let refused = |files: &[&Path], file: &str, reason: &str| {
        let output = merge(files, &out);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(
            output.stderr.contains(file) && output.stderr.contains(reason),
            "{output:?}"
        );
        assert!(!out.exists());
    };
    refused(&[&files[0]], "w0.json", "no file of worker 1");
    refused(&[&files[1]], "w1.json", "no file of worker 0");
    refused(
        &[&files[0], &files[1], &files[0]],
        "w0.json",
        "the same worker",
    );
    refused(&[merged, &files[1]], "run.json", "together already");
    let other = changed(&|value| value["config"] = "0".into());
    refused(&[&files[0], &other], "changed.json", "other arguments");
    let other = changed(&|value| value["worker"] = Value::Null);
    refused(&[&files[0], &other], "changed.json", "no worker's");
    let other = changed(&|value| {
        let start = number(&value["phases"]["start_unix_ns"]);
        value["phases"]["start_unix_ns"] = (start + 11_000_000).into();
    });
    refused(&[&files[0], &other], "changed.json", "measured together");
    let other = changed(&|value| value["latency"]["service"]["hdr"] = "AAAA".into());
    refused(&[&files[0], &other], "changed.json", "histogram");
    // Two parts in a hundred too late is too late, five in a thousand is not.
    let other = changed(&|value| {
        let start = number(&value["phases"]["start_unix_ns"]);
        value["phases"]["start_unix_ns"] = (start + 3_000_000).into();
    });
    assert_eq!(merge(&[&files[0], &other], &out).code, Some(0));
}

#[test]
fn two_workers_share_a_rate() {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let files = two_workers(&folder, &server.url(), &["--rate", "600"]);
    let out = folder.path().join("run.json");
    let output = merge(&[&files[0], &files[1]], &out);
    assert_eq!(output.code, Some(0), "{output:?}");
    let whole = read(&out);
    let load = &whole["load"];
    assert!((598..=602).contains(&number(&load["due"])), "{load:#}");
    let offered = load["offered_rps"].as_f64().unwrap();
    assert!((offered - 600.0).abs() < 3.0, "{load:#}");
    let hdr = |value: &Value| histogram(value["hdr"].as_str().unwrap());
    let response = hdr(&whole["latency"]["response"]);
    assert_eq!(response.len(), number(&whole["responses"]));
    // The windows are of the response time, which is what counts here.
    let windows = whole["windows"].as_array().unwrap();
    assert_eq!(sum(windows.iter().map(hdr)), response);
}

#[test]
fn a_start_that_is_over_sends_nothing() {
    let server = Server::answering(OK);
    let output = run(&words(&format!(
        "{} --start-at 2020-01-01T00:00:00Z -d 5s",
        server.url()
    )));
    assert_eq!(output.code, Some(4), "{output:?}");
    assert!(output.stderr.contains("too late"), "{output:?}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn no_worker_s_file_is_overwritten() {
    let file = template("{}");
    let path = file.path().to_str().unwrap();
    let same = format!("/{path}");
    let output = run(&["merge", path, "-o", &same]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("name another one"), "{output:?}");
    assert_eq!(fs::read_to_string(path).unwrap(), "{}");
}

#[test]
fn an_engine_s_number_is_taken() {
    let server = Server::answering(OK);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args([
            &server.url(),
            "-c",
            "3",
            "-d",
            "200ms",
            "--worker",
            "auto/2",
            "--json",
        ])
        .env("JOB_COMPLETION_INDEX", "1")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (
            number(&report["worker"]["index"]),
            number(&report["connections"])
        ),
        (1, 1)
    );
}
