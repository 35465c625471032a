//! What makes the program pleasant: completions, the manual, more percentiles, and refusals that say what to do.

use crate::{
    server::{OK, Server},
    tool::{json, number, run, words},
};
use std::{
    io::Write,
    process::{Command, Stdio},
};

#[test]
fn shells_complete_flags_and_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{shell}"
        );
        for word in ["server-pid", "fail-if", "compare", "merge", "completions"] {
            assert!(output.stdout.contains(word), "{shell}: {word}");
        }
    }
    let output = run(&["completions", "csh"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("csh") && output.stderr.contains("bash"),
        "{}",
        output.stderr
    );
}

#[test]
fn bash_takes_its_completions() {
    let script = run(&["completions", "bash"]).stdout;
    // Asked as bash asks: the words so far, and which of them is being typed.
    let ask = "\nCOMP_WORDS=(loadgen --server-c); COMP_CWORD=1; COMP_LINE='loadgen --server-c'; COMP_POINT=18\n\
        _loadgen loadgen --server-c loadgen; echo \"${COMPREPLY[@]}\"\n";
    let child = Command::new("bash")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut bash = child.unwrap();
    let mut input = bash.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    input.write_all(ask.as_bytes()).unwrap();
    drop(input);
    let output = bash.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words, ["--server-cgroup", "--server-container"]);
}

#[test]
fn there_is_a_manual() {
    let page = run(&["man"]);
    assert_eq!(page.code, Some(0));
    for part in [
        ".TH loadgen",
        "\\-\\-server\\-pid",
        "Exit status",
        "compare",
    ] {
        assert!(page.stdout.contains(part), "{part}: {}", page.stdout);
    }
    let page = run(&["man", "merge"]);
    assert_eq!(page.code, Some(0));
    assert!(
        page.stdout.contains(".TH loadgen-merge") && page.stdout.contains("FILES"),
        "{}",
        page.stdout
    );
    let page = run(&["man", "women"]);
    assert_eq!((page.code, page.stdout.as_str()), (Some(2), ""));
    assert!(
        page.stderr.contains("women") && page.stderr.contains("merge"),
        "{}",
        page.stderr
    );
}

#[test]
fn help_names_the_verbs() {
    for args in [["--help"], ["-h"], ["help"]] {
        let output = run(&args);
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
        for verb in ["merge", "compare", "report", "completions", "man"] {
            assert!(
                output
                    .stdout
                    .lines()
                    .any(|line| line.trim_start().starts_with(verb)),
                "{args:?}: {verb}"
            );
        }
    }
}

#[test]
fn percentiles_are_those_that_were_asked_for() {
    let server = Server::answering(OK);
    let line = format!(
        "{} -c 2 -n 2000 -d 20s --percentiles 99,p50,99.99,100",
        server.url()
    );
    let args = words(&line);
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let latency = &report["latency"];
    let points = latency["percentiles"].as_array().unwrap();
    let asked: Vec<f64> = points
        .iter()
        .map(|point| point["percentile"].as_f64().unwrap())
        .collect();
    assert_eq!(asked, [50.0, 99.0, 99.99, 100.0]);
    assert_eq!(points[0]["ns"], latency["p50"]);
    assert_eq!(points[1]["ns"], latency["p99"]);
    assert!(points[2]["ns"].is_null(), "{points:?}");
    assert_eq!(number(&points[3]["ns"]), number(&latency["max"]));
    let text = run(&args).stdout;
    let (_, after) = text.split_once("Reconnects: ").unwrap();
    assert!(
        after.contains("Spectrum:") && after.contains("99.99%       n/a"),
        "{text}"
    );
    let (report, _) = json(&[&server.url(), "-c", "2", "-d", "150ms"]);
    assert!(report["latency"].get("percentiles").is_none());
}

#[test]
fn the_whole_spectrum_has_two_times_in_an_open_loop() {
    let server = Server::answering(OK);
    let output = run(&words(&format!(
        "{} -c 2 -d 300ms --rate 500 -l",
        server.url()
    )));
    let (_, after) = output.stdout.split_once("Spectrum:").unwrap();
    let mut lines = after.lines();
    assert!(
        lines.next().unwrap().contains("response    service"),
        "{}",
        output.stdout
    );
    let first: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!((first[0], first.len()), ("1%", 4), "{}", output.stdout);
    assert!(after.contains("  100%"), "{}", output.stdout);
}

#[test]
fn refusals_say_what_to_write() {
    let url = "http://127.0.0.1:1/";
    for (args, parts) in [
        (
            vec!["mrege", "a.json"],
            vec!["mrege", "http://localhost:8080", "merge"],
        ),
        (
            vec![url, "-c", "many"],
            vec!["--connections", "many", "from 1 to 1048576"],
        ),
        (
            vec![url, "-t", "-1"],
            vec!["--threads", "-1", "from 1 to 1024"],
        ),
        (vec![url, "-w", "-1"], vec!["--warmup", "-1", "500ms"]),
        (vec![url, "-n", "0"], vec!["--requests", "at least 1"]),
        (vec![url, "--seed", "x"], vec!["--seed", "whole number"]),
        (
            vec![url, "--recv-buf", "4k"],
            vec!["--recv-buf", "4k", "from 512 to 1048576"],
        ),
        (
            vec![url, "--percentiles", "50,x"],
            vec!["--percentiles", "`x`", "99.5"],
        ),
        (
            vec!["http://127.0.0.1:99999/"],
            vec!["99999", "from 1 to 65535"],
        ),
        (vec!["http://[::1]:0/"], vec!["`0` is no port"]),
        (vec!["http:///x"], vec!["names no host"]),
        (
            vec![url, "-o", "/no/dir/x.json"],
            vec!["/no/dir/x.json", "there is no directory /no/dir"],
        ),
        (
            vec!["report", "/etc/passwd", "-o", "x.html"],
            vec!["/etc/passwd", "it is no JSON"],
        ),
        (vec!["-c", "5", "merge"], vec!["`merge` is no URL"]),
        (
            vec![url, "http://127.0.0.1:2/"],
            vec!["`http://127.0.0.1:2/` is a word too many", "one URL"],
        ),
        (
            vec!["-c", "5", "sweep", url],
            vec![url, "too many", "a verb", "first"],
        ),
        (
            vec!["doctor", "-c", "x"],
            vec!["--connections", "from 1 to"],
        ),
    ] {
        let output = run(&args);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{args:?}"
        );
        for part in parts {
            assert!(
                output.stderr.contains(part),
                "{args:?}: {part}: {}",
                output.stderr
            );
        }
        assert!(!output.stderr.contains(".loadgen-"), "{}", output.stderr);
    }
}

#[test]
fn nobody_who_reads_is_no_reason_to_panic() {
    let server = Server::answering(OK);
    let url = server.url();
    // Both streams end in a pipe that nobody reads.
    for args in [
        "-c 2 -t 9 -d 150ms",
        "-c 0",
        "--clear-history",
        "-c 2 -d 150ms --fail-if 'p50>1s'",
    ] {
        let binary = env!("CARGO_BIN_EXE_loadgen");
        let script = format!("exec 9>&1; ({binary} {url} {args} 2>&1; echo $? >&9) | true");
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        let code = String::from_utf8(output.stdout).unwrap();
        assert_ne!(code.trim(), "101", "{args}");
        assert!(code.trim().parse::<u8>().is_ok(), "{args}: {code}");
    }
}
