//! `loadgen compare` on made-up results whose differences are known.

use crate::tool::{Output, run};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// As much of a result as a comparison reads.
fn result(name: &str, number: u64, rps: f64, p99: f64) -> Value {
    json!({
        "schema": "loadgen/1", "mode": "http", "target": "h/", "connections": 8, "threads": 1,
        "pipeline_depth": 1, "duration_sec": 5, "rps": rps,
        "labels": { "server": name },
        "load": { "model": "closed", "requests_per_connection": null },
        "latency": { "p50": 1000, "p99": p99, "p99_9": null },
        "phases": { "start_unix_ns": number * 1_000_000_000 },
        "client": { "host": "h", "cpu_us_per_answer": 5.0 },
        "verdict": { "valid": true, "bound": "unknown", "notes": [] },
    })
}

/// Files of runs with these rates and a p99 that has nothing to do with who it is.
fn files(folder: &TempDir, name: &str, first: u64, rates: &[f64]) -> Vec<String> {
    let numbered = rates.iter().zip(first..);
    numbered
        .map(|(rps, number)| {
            let p99 = 5000.0 + (number * 7919 % 13) as f64 * 300.0;
            let path = folder.path().join(format!("{name}{number}.json"));
            let number = (number % 100) * 2 + u64::from(name == "b");
            fs::write(&path, result(name, number, *rps, p99).to_string()).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect()
}

fn compare(options: &[&str], a: &[String], b: &[String]) -> Output {
    let mut line = vec!["compare"];
    line.extend(options);
    line.extend(a.iter().map(String::as_str));
    line.push("--");
    line.extend(b.iter().map(String::as_str));
    run(&line)
}

fn verdicts(output: &Output) -> Vec<(String, String)> {
    assert_eq!(output.code, Some(0), "{output:?}");
    let comparison: Value = serde_json::from_str(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let metrics = comparison["metrics"].as_array().unwrap().iter();
    metrics
        .map(|metric| (text(&metric["name"]), text(&metric["verdict"])))
        .collect()
}

/// Rates around `base` that rise and fall alike for all who ask.
fn rates(base: f64, count: u32) -> Vec<f64> {
    (0..count)
        .map(|run| base * (1.0 + 0.004 * f64::from(run * 5 % 7) - 0.012))
        .collect()
}

#[test]
fn words_only_where_something_is_decided() {
    let folder = tempfile::tempdir().unwrap();
    let a = files(&folder, "a", 0, &rates(1000.0, 10));
    let b = files(&folder, "b", 0, &rates(1200.0, 10));
    let output = compare(&["--json"], &a, &b);
    let found = verdicts(&output);
    let of = |name: &str| &found.iter().find(|(metric, _)| metric == name).unwrap().1;
    assert_eq!(of("throughput"), "faster");
    assert_eq!(of("p50"), "same within ±2%");
    assert!(of("client cpu/answer").starts_with("same"));
    let comparison: Value = serde_json::from_str(&output.stdout).unwrap();
    let throughput = &comparison["metrics"][0];
    assert!((throughput["ratio"]["value"].as_f64().unwrap() - 1.2).abs() < 1e-9);
    assert!((throughput["p"].as_f64().unwrap() - 2.0 / 1024.0).abs() < 1e-12);
    assert!((throughput["p_holm"].as_f64().unwrap() - 8.0 / 1024.0).abs() < 1e-12);
    // The other way round the words are turned round.
    assert_eq!(verdicts(&compare(&["--json"], &b, &a))[0].1, "slower");
    let text = compare(&[], &a, &b).stdout;
    for part in [
        "A = a, B = b, 10 pairs",
        "1.200",
        "faster",
        "Wilcoxon",
        "Holm",
        "A/A noise floor",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn too_few_pairs_decide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let a = files(&folder, "a", 0, &rates(1000.0, 5));
    let b = files(&folder, "b", 0, &rates(2000.0, 5));
    let output = compare(&[], &a, &b);
    assert!(
        output
            .stdout
            .contains("fewer than 6 pairs, and there are 5"),
        "{output:?}"
    );
    assert!(
        verdicts(&compare(&["--json"], &a, &b))[0]
            .1
            .starts_with("not decided")
    );
}

#[test]
fn a_difference_that_the_host_makes_by_itself_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let a = files(&folder, "a", 0, &rates(1000.0, 10));
    let b = files(&folder, "b", 0, &rates(1050.0, 10));
    assert_eq!(verdicts(&compare(&["--json"], &a, &b))[0].1, "faster");
    // The same server, measured again, was 8 % faster.
    let again = files(&folder, "a", 100, &rates(1080.0, 10));
    let mut options: Vec<&str> = vec!["--json", "--aa"];
    options.extend(again.iter().map(String::as_str));
    // An option with many values ends where another begins.
    options.extend(["--relevant", "2"]);
    let found = verdicts(&compare(&options, &a, &b));
    assert_eq!(found[0].1, "not decided: below the noise floor");
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let a = files(&folder, "a", 0, &rates(1000.0, 6));
    let b = files(&folder, "b", 0, &rates(1000.0, 6));
    let refused = |a: &[String], b: &[String], parts: &[&str]| {
        let output = compare(&[], a, b);
        assert_eq!(output.code, Some(2), "{output:?}");
        for part in parts {
            assert!(output.stderr.contains(part), "{part}: {output:?}");
        }
    };
    refused(&a[..5], &b, &["5 of A and 6 of B"]);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = result("b", 1, 1000.0, 5000.0);
        change(&mut value);
        let path: PathBuf = folder.path().join("changed.json");
        fs::write(&path, value.to_string()).unwrap();
        let mut files = b.clone();
        files[3] = path.to_str().unwrap().to_owned();
        files
    };
    let other = changed(&|value| value["connections"] = 9.into());
    refused(
        &a,
        &other,
        &["changed.json", "connections is 8 there and 9 here"],
    );
    let other = changed(&|value| {
        value["verdict"] = json!({ "valid": false, "notes": ["12 requests were lost"] });
    });
    refused(
        &a,
        &other,
        &["changed.json", "12 requests were lost", "--allow-invalid"],
    );
    assert_eq!(compare(&["--allow-invalid"], &a, &other).code, Some(0));
}
