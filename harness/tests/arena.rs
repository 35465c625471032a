//! Arena-exact mode: its command lines, its files, its lines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use serde_json::Value;
use std::path::Path;
use support::bench::{Bench, REPORT};
use support::{Entry, Run, harness};

fn arena(bench: &Bench, entry: &Entry, arguments: &[&str]) -> Run {
    let mut command = harness();
    command.arg("--root").arg(bench.path()).arg("benchmark");
    command.arg(entry.path()).args(arguments);
    command.args(["--native", "--arena"]);
    command.env("LOADGEN", bench.path().join("generator.sh"));
    Run::of(command)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The loads of both generations, a fresh server for each count and two runs
/// against it; the connection counts are the platform's.
#[test]
fn command_lines_lines_and_files_are_the_arenas() {
    let bench = Bench::new(REPORT);
    let start = concat!("echo at the start; exec ", env!("CARGO_BIN_EXE_fake-entry"));
    let entry = Entry::with_start(start, &["json"]);
    let only = ["json", "--rounds", "1", "--generation", "2026-04"];
    let run = arena(&bench, &entry, &only);
    run.expect_code(0);
    let given = std::fs::read_to_string(bench.path().join("arguments")).unwrap();
    let lines: Vec<&str> = given.lines().collect();
    assert_eq!(lines.len(), 1, "{given}");
    assert!(
        lines[0].ends_with(" -c 4096 -t 64 -d 5s -p 1 -r 25 --json"),
        "{given}"
    );
    let name = entry.name();
    let heading = format!("=== {name} / json / 4096c (tool=loadgen) ===\n[run 1/1] 5,000 req/s");
    assert!(run.stdout.contains(&heading), "{}", run.stdout);
    assert!(
        run.stdout.contains("\n=== Best: 5000 req/s (CPU: "),
        "{}",
        run.stdout
    );
    let result = bench.result(&entry, "json/4096").expect("a result file");
    assert_eq!(
        (&result["threads"], &result["duration"]),
        (&64.into(), &"5s".into())
    );
    assert_eq!(bench.record()["plan"]["mode"], "arena");

    let site = bench.path().join("results/site/data");
    let list = json(&site.join("json-4096.json"));
    assert_eq!(list[0]["framework"], "Fake");
    assert_eq!(list[0]["rps"], 5000);
    // Nothing of ours among the site's data.
    assert_eq!(list[0].get("schema"), None);
    let dir = &json(&site.join("frameworks.json"))["Fake"]["dir"];
    assert_eq!(*dir, name);
    let log = format!("../static/logs/json/4096/{name}.log");
    let log = std::fs::read_to_string(site.join(log)).unwrap();
    assert!(log.starts_with("at the start\n"), "{log}");
    let machine = json(&site.join("current.json"));
    assert!(machine["threads"].is_string() && machine["tcp"]["somaxconn"].is_string());
}

#[test]
fn one_server_has_all_runs_and_the_best_counts() {
    let bench = Bench::new(REPORT);
    let starts = bench.path().join("starts");
    let start = format!(
        "echo x >> {}; exec {}",
        starts.display(),
        env!("CARGO_BIN_EXE_fake-entry")
    );
    let entry = Entry::with_start(&start, &["pipelined"]);
    let options = [
        "pipelined",
        "--conns",
        "8",
        "--rounds",
        "2",
        "--duration",
        "1",
    ];
    let run = arena(&bench, &entry, &options);
    run.expect_code(0);
    assert!(run.stdout.contains("[run 2/2]"), "{}", run.stdout);
    assert!(
        run.stdout
            .contains("arena-exact mode but for what was asked for"),
        "{}",
        run.stdout
    );
    // One for the validation, one for the runs.
    assert_eq!(std::fs::read_to_string(&starts).unwrap(), "x\nx\n");
    let result = bench.result(&entry, "pipelined/8").expect("a result file");
    assert_eq!(result["rounds"].as_array().map(Vec::len), Some(2));
}

#[test]
fn it_cannot_be_scaled_as_well() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["pipelined"]);
    arena(&bench, &entry, &["--quick"]).expect_code(2);
    arena(&bench, &entry, &["--time", "2"]).expect_code(2);
}
