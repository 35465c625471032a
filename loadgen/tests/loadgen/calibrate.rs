//! `loadgen calibrate`: a ceiling and a floor, kept for later runs.

use crate::{
    schema,
    server::{OK, Server},
    tool::{Output, number, run, run_with},
};
use serde_json::Value;
use std::{fs, path::Path};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Measures for longer where the machine is so slow that nothing is answered meanwhile, or some connection not yet up.
fn measured(cache: &Path, args: &[&str]) -> Output {
    let mut output = None;
    for duration in ["100ms", "700ms", "4s"] {
        let line = [&["calibrate", "-d", duration], args].concat();
        let found = output.insert(run_with(&line, "XDG_CACHE_HOME", cache));
        if !found.stderr.contains("the sink was not answered for") {
            break;
        }
    }
    let output = output.unwrap();
    assert_eq!(output.code, Some(0), "{output:?}");
    output
}

fn calibrate(cache: &Path, args: &[&str]) -> Value {
    let output = measured(cache, &[&["-c", "4", "--json"], args].concat());
    parsed(&output.stdout)
}

#[test]
fn what_was_measured_is_kept_and_later_runs_are_compared_with_it() {
    let cache = tempfile::tempdir().unwrap();
    let told = calibrate(cache.path(), &["-p", "8"]);
    assert_eq!(told["pipelined"]["depth"], 8);
    for ceiling in ["keep_alive", "pipelined"] {
        let ceiling = &told[ceiling];
        let (measured, most) = (
            ceiling["rps"].as_f64().unwrap(),
            ceiling["ceiling_rps"].as_f64().unwrap(),
        );
        assert!(measured > 0.0 && most >= measured, "{told:#}");
        for share in ["client_busy", "sink_busy"] {
            let share = ceiling[share].as_f64().unwrap();
            assert!((0.0..=1.1).contains(&share), "{told:#}");
        }
    }
    assert!(number(&told["floor"]["min_ns"]) > 0);
    assert!(number(&told["floor"]["p50_ns"]) >= number(&told["floor"]["min_ns"]));

    let path = cache.path().join("loadgen/calibration.json");
    assert_eq!(told["stored"], path.to_str().unwrap());
    let kept = parsed(&fs::read_to_string(&path).unwrap());
    assert_eq!(kept["entries"][0]["keep_alive"], told["keep_alive"]);

    let server = Server::answering(OK);
    let url = server.url();
    for (depth, ceiling) in [
        ("1", &told["keep_alive"]["ceiling_rps"]),
        ("8", &told["pipelined"]["ceiling_rps"]),
        ("2", &Value::Null),
    ] {
        let line = [&url, "-c", "2", "-p", depth, "-d", "150ms", "--json"];
        let output = run_with(&line, "XDG_CACHE_HOME", cache.path());
        let report = parsed(&output.stdout);
        schema::validate(&report);
        assert_eq!(&report["client"]["ceiling_rps"], ceiling);
    }
    let output = run_with(&[&url, "-d", "150ms"], "XDG_CACHE_HOME", cache.path());
    assert!(
        output.stdout.contains("  Ceiling:  this client can do "),
        "{output:?}"
    );
    // Two threads are another client.
    let line = [&url, "-t", "2", "-d", "150ms", "--json"];
    let output = run_with(&line, "XDG_CACHE_HOME", cache.path());
    assert_eq!(parsed(&output.stdout)["client"]["ceiling_rps"], Value::Null);
}

#[test]
fn a_rate_near_the_ceiling_is_worth_a_note() {
    let cache = tempfile::tempdir().unwrap();
    calibrate(cache.path(), &[]);
    let path = cache.path().join("loadgen/calibration.json");
    let mut kept = parsed(&fs::read_to_string(&path).unwrap());
    // A client that can hardly do anything.
    kept["entries"][0]["keep_alive"]["ceiling_rps"] = 10.0.into();
    fs::write(&path, kept.to_string()).unwrap();
    let server = Server::answering(OK);
    let line = [&server.url(), "-d", "200ms", "--rate", "100", "--json"];
    let output = run_with(&line, "XDG_CACHE_HOME", cache.path());
    assert_eq!(output.code, Some(0), "{output:?}");
    let notes = parsed(&output.stdout)["verdict"]["notes"].to_string();
    assert!(notes.contains("at most (loadgen calibrate)"), "{notes}");
}

#[test]
fn it_is_printed_as_text_and_shares_a_cpu_if_it_must() {
    let cache = tempfile::tempdir().unwrap();
    let output = measured(
        cache.path(),
        &["-c", "130", "-t", "3", "-p", "2", "--cpus", "0"],
    );
    for part in [
        "Keep-alive:",
        "Pipeline 2:",
        "Floor:",
        "Stored:",
        "3 threads on CPU 0",
    ] {
        assert!(output.stdout.contains(part), "{}", output.stdout);
    }
}

#[test]
fn refusals_name_the_flag() {
    for (args, part) in [
        (["calibrate", "-p", "1"], "--pipeline"),
        (["calibrate", "-t", "100"], "-t 100"),
        (["calibrate", "--cpus", "x"], "--cpus"),
    ] {
        let output = run(&args);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(part), "{output:?}");
    }
    let cache = tempfile::tempdir().unwrap();
    let line = ["calibrate", "-d", "50ms", "--cpus", "4000"];
    let output = run_with(&line, "XDG_CACHE_HOME", cache.path());
    assert_eq!(output.code, Some(6), "{output:?}");
    assert!(output.stderr.contains("CPU 4000"), "{output:?}");
    // There is nowhere to keep it (see `run`), which is found out before anything is measured.
    let output = run(&["calibrate", "-d", "1h"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("/dev/null/loadgen"), "{output:?}");
}
