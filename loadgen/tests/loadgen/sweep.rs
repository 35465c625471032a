//! `loadgen sweep`: the steps, what they are worth, and the knee that follows from them.

use crate::{
    html, schema,
    server::{OK, Server},
    tool::{finish, number, run, start},
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    process::Command,
    thread,
    time::Duration,
};

/// Takes some time for each answer, so that the ceiling is low and the rest of the machine can do other things.
fn slow() -> Server {
    Server::start(|connection| {
        loop {
            connection.request()?;
            thread::sleep(Duration::from_millis(4));
            connection.write(OK)?;
        }
    })
}

fn line<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = [
        "sweep",
        url,
        "-c",
        "4",
        "--step-duration",
        "250ms",
        "--steps",
        "3",
        "--halvings",
        "2",
    ];
    [&start, more].concat()
}

/// Runs it with `--json` and checks what must hold whatever was measured.
fn sweep(url: &str, more: &[&str]) -> (Value, Option<i32>) {
    let output = run(&line(url, &[more, &["--json"]].concat()));
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    consistent(&report, output.code);
    (report, output.code)
}

fn float(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// The knee and the exit status, from the steps alone.
fn consistent(report: &Value, code: Option<i32>) {
    let steps = report["steps"].as_array().unwrap();
    let of = |words: &[&str]| -> Vec<f64> {
        let steps = steps
            .iter()
            .filter(|step| words.contains(&step["verdict"].as_str().unwrap()));
        steps.map(|step| float(&step["rate"])).collect()
    };
    let missed = of(&["missed"]).into_iter().reduce(f64::min);
    let kept = of(&["kept"])
        .into_iter()
        .filter(|rate| missed.is_none_or(|missed| *rate < missed))
        .reduce(f64::max);
    let missed = of(&["missed", "invalid"])
        .into_iter()
        .filter(|rate| kept.is_none_or(|kept| *rate > kept))
        .reduce(f64::min);
    let knee = &report["knee"];
    assert_eq!(knee["rps"].as_f64(), kept, "{knee:#}");
    assert_eq!(knee["missed_rps"].as_f64(), missed, "{knee:#}");
    let expected = match (kept, knee["missed_verdict"].as_str()) {
        (Some(_), _) => 0,
        (None, Some("missed")) => 3,
        (None, _) => 4,
    };
    assert_eq!(code, Some(expected), "{knee:#}");
    assert_eq!(report["exit_status"], expected);
    let rates = of(&["kept", "missed", "invalid", "unknown"]);
    assert!(rates.is_sorted(), "{rates:?}");
    schema::validate(&report["ceiling"]["result"]);
    for step in steps {
        schema::validate(&step["result"]);
        let rate = step["result"]["load"]["rate"].as_str().unwrap();
        assert_eq!(rate.parse::<f64>().unwrap(), float(&step["rate"]));
        assert_eq!(
            step["verdict"] == "kept",
            step["reasons"] == serde_json::json!([])
        );
    }
}

#[test]
fn steps_go_up_to_the_ceiling() {
    let server = slow();
    // An hour is always kept, so steps are only missed where the schedule is not held.
    let (report, _) = sweep(&server.url(), &["--slo", "max<3600s"]);
    let ceiling = float(&report["ceiling"]["rps"]);
    assert_eq!(report["ceiling"]["result"]["load"]["model"], "closed");
    let steps = report["steps"].as_array().unwrap();
    assert!((3..=5).contains(&steps.len()), "{report:#}");
    for share in [1.0 / 3.0, 2.0 / 3.0, 1.0] {
        let held = steps.iter().any(|step| {
            let rate = float(&step["rate"]);
            (rate / ceiling - share).abs() < 0.01 && (float(&step["share"]) - share).abs() < 0.01
        });
        assert!(held, "{report:#}");
    }
    assert_eq!(report["slo"], serde_json::json!(["max<3600s"]));
    assert_eq!(report["step_ns"], 250_000_000);
}

#[test]
fn what_no_step_keeps_has_no_knee() {
    let server = slow();
    let (report, code) = sweep(&server.url(), &["--slo", "max<1us", "--slo", "rps>0"]);
    assert_eq!(report["knee"]["rps"], Value::Null, "{report:#}");
    // The client is only to blame where it was the limit.
    assert!(matches!(code, Some(3 | 4)), "{report:#}");
    let steps = report["steps"].as_array().unwrap();
    // There is no closer look where the client could not even do the least.
    let looks = steps.len() - 3;
    assert!(looks == 2 || (code == Some(4) && looks < 2), "{report:#}");
    for step in steps {
        let reasons = step["reasons"].to_string();
        assert!(
            ["missed", "invalid"].contains(&step["verdict"].as_str().unwrap()),
            "{step:#}"
        );
        assert!(reasons.contains("not max<1us"), "{reasons}");
        assert!(!reasons.contains("rps>0"), "{reasons}");
    }
}

#[test]
fn what_is_too_short_to_tell_is_neither_kept_nor_missed() {
    let server = slow();
    let (report, _) = sweep(&server.url(), &["--slo", "p99.99<3600s"]);
    assert_eq!(report["knee"]["rps"], Value::Null, "{report:#}");
    for step in report["steps"].as_array().unwrap() {
        assert_ne!(step["verdict"], "kept", "{step:#}");
    }
}

#[test]
fn wrong_answers_are_no_ceiling() {
    let server = Server::answering("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    let output = run(&line(&server.url(), &[]));
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output
            .stdout
            .contains("Knee:     not found: there is no ceiling")
            && output.stdout.contains("outside 2xx"),
        "{}",
        output.stdout
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = run(&line(&format!("http://{closed}/"), &[]));
    assert_eq!(output.code, Some(5), "{output:?}");
}

#[test]
fn the_table_and_the_files_say_the_same() {
    let server = slow();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (json, csv, page) = (path("s.json"), path("s.csv"), path("s.html"));
    let url = server.url();
    let more = [
        "--slo",
        "max<3600s",
        "-o",
        &json,
        "--csv",
        &csv,
        "--html",
        &page,
        "--label",
        "server=x",
    ];
    let output = run(&line(&url, &more));
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    consistent(&report, output.code);
    assert_eq!(report["labels"]["server"], "x");
    let steps = report["steps"].as_array().unwrap();

    let table = output
        .stdout
        .lines()
        .skip_while(|line| !line.contains("verdict"));
    let rows: Vec<&str> = table.skip(1).take_while(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), steps.len(), "{}", output.stdout);
    assert!(
        output
            .stdout
            .contains(report["knee"]["sentence"].as_str().unwrap()),
        "{}",
        output.stdout
    );

    let text = fs::read_to_string(&csv).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows.len(), steps.len() + 1, "{text}");
    for (row, step) in rows[1..].iter().zip(steps) {
        assert_eq!(row.len(), rows[0].len());
        assert_eq!(row[1].parse::<f64>().unwrap(), float(&step["rate"]));
        assert_eq!(row[6].parse::<u64>().unwrap(), number(&step["p99_ns"]));
        assert_eq!(row[11], step["verdict"]);
    }

    let text = fs::read_to_string(&page).unwrap();
    assert!(
        text.contains("Load sweep of 127.0.0.1:") && !text.contains("NaN"),
        "{text}"
    );
    let drawn = steps.iter().any(|step| step["verdict"] != "invalid");
    if let Some(browser) = html::browser().filter(|_| drawn) {
        html::looks_right(browser, &folder, page.as_ref(), (2, 3));
    }
}

#[test]
fn an_interrupted_sweep_says_what_it_knows() {
    let server = slow();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.json");
    let url = server.url();
    let mut child = start(&[
        "sweep",
        &url,
        "-c",
        "4",
        "--step-duration",
        "600ms",
        "-o",
        file.to_str().unwrap(),
    ]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Until there is a row.
    let row = lines.find(|line| line.as_ref().unwrap().contains("10.0%"));
    assert!(row.is_some());
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.iter().any(|line| line.contains("Knee:")), "{rest:?}");
    child.stdout = Some(empty());
    let output = finish(child);
    assert_eq!(output.code, Some(130), "{output:?}");
    let report: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(report["interrupted"], true);
    let steps = report["steps"].as_array().unwrap();
    assert!((1..10).contains(&steps.len()), "{report:#}");
    assert_ne!(steps[0]["verdict"], "interrupted");
}

/// The output of a program that says nothing.
fn empty() -> std::process::ChildStdout {
    let mut child = Command::new("true")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.wait().unwrap();
    child.stdout.take().unwrap()
}

#[test]
fn refusals_name_the_flag() {
    let url = "http://127.0.0.1:1/";
    for (more, part) in [
        (&["-d", "5s"][..], "--step-duration"),
        (&["--rate", "100"], "--rate"),
        (&["-R", "100"], "./100"),
        (&["-n", "5"], "-n"),
        (&["--fail-if", "p99>5ms"], "--slo"),
        (&["--hgrm", "x"], "--hgrm"),
        (&["--raw-log", "x"], "--raw-log"),
        (&["--idle"], "--idle"),
        (&["--start-at", "next:5s"], "--start-at"),
        (&["--slo", "p99"], "p99>5ms"),
        (&["--steps", "0"], "--steps"),
    ] {
        let output = run(&[&["sweep", url], more].concat());
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(part), "{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    let output = run(&["sweep", "--help"]);
    assert_eq!(output.code, Some(0));
    for part in [
        "--slo",
        "The knee is",
        "even the lowest step",
        "--expect-status",
    ] {
        assert!(output.stdout.contains(part), "{}", output.stdout);
    }
}
