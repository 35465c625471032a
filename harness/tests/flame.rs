//! A flame graph with a perf that is a script: what the harness asks of it, and
//! what it says when there is none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use support::bench::{Bench, REPORT};
use support::{Entry, Run, harness, script_file};

const PERF: &str = r#"#!/bin/sh
case "$1" in
--version) echo perf version 6 ;;
record) echo "$@" >> FOLDER/perf-arguments ;;
script) printf 'sws-1 1/2 5.0:  cpu-clock: \n\t e3b37 inner+0x1 (/x)\n\t de992 outer+0x2 (/x)\n\n' ;;
esac
"#;

fn draw(bench: &Bench, entries: &[&Entry], arguments: &[&str], path: &str) -> Run {
    let mut command = harness();
    command.arg("--root").arg(bench.path()).arg("benchmark");
    command.args(entries.iter().map(|entry| entry.path()));
    command.args(["--native", "--flamegraph"]).args(arguments);
    command.env("LOADGEN", bench.path().join("generator.sh"));
    command.env("PATH", path);
    Run::of(command)
}

/// A PATH on which the fake perf comes first.
fn with_perf(bench: &Bench) -> String {
    let folder = bench.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let script = PERF.replace("FOLDER", &bench.path().display().to_string());
    script_file(&folder.join("perf"), &script);
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn samples_of_the_server_become_a_graph() {
    let bench = Bench::new(REPORT);
    let path = with_perf(&bench);
    let entry = Entry::fake(None, &["pipelined"]);
    let options = ["pipelined", "--duration", "1", "--conns", "8"];
    let run = draw(&bench, &[&entry], &options, &path);
    run.expect_code(0);
    let given = std::fs::read_to_string(bench.path().join("perf-arguments")).unwrap();
    assert!(
        given.contains(" -p ") && given.contains(" -- sleep 1"),
        "{given}"
    );
    let folder = bench.path().join("results/flame");
    let name = format!("pipelined-8-{}", entry.name());
    let folded = std::fs::read_to_string(folder.join(format!("{name}.folded"))).unwrap();
    assert_eq!(folded, "sws-1;outer;inner 1\n");
    let svg = folder.join(format!("{name}.svg"));
    assert!(std::fs::read_to_string(&svg).unwrap().contains("inner"));
    assert!(
        run.stdout.contains(&svg.display().to_string()),
        "{}",
        run.stdout
    );
}

#[test]
fn without_perf_it_says_what_to_install() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["pipelined"]);
    let run = draw(&bench, &[&entry], &["pipelined"], "/nonexistent");
    run.expect_code(3);
    assert!(run.stderr.contains("install linux-perf"), "{}", run.stderr);
}

#[test]
fn it_draws_one_thing_at_a_time() {
    let bench = Bench::new(REPORT);
    let path = with_perf(&bench);
    let entries = [
        Entry::fake(None, &["pipelined", "json"]),
        Entry::fake(None, &["pipelined"]),
    ];
    let usage = |entries: &[&Entry], arguments: &[&str]| {
        draw(&bench, entries, arguments, &path).expect_code(2);
    };
    usage(&[&entries[0], &entries[1]], &["pipelined"]);
    usage(&[&entries[0]], &["pipelined", "json"]);
    usage(&[&entries[0]], &["pipelined", "--conns", "1,2"]);
    usage(&[&entries[1]], &["json"]);
    usage(&[&entries[0]], &["pipelined", "--quick"]);
}
