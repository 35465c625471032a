//! The benchmark command with the fake server and a generator whose report is
//! fixed: what is measured is not the point, what is made of it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use support::bench::{Bench, REPORT};
use support::{Entry, Run, harness, script_file};

#[test]
fn rounds_alternate_and_results_are_saved() {
    let bench = Bench::new(REPORT);
    let entries = [
        Entry::fake(None, &["pipelined"]),
        Entry::fake(None, &["pipelined"]),
    ];
    let run = bench.run(
        &[&entries[0], &entries[1]],
        &["pipelined", "--rounds", "2", "--conns", "8"],
    );
    run.expect_code(0);
    assert_eq!(run.last_line(), "2 passed, 0 failed");
    let order: Vec<usize> = run
        .stdout
        .lines()
        .filter(|line| line.contains(" 8c round "))
        .map(|line| usize::from(line.contains(&entries[1].name())))
        .collect();
    assert_eq!(order, [0, 1, 1, 0], "{}", run.stdout);
    for entry in &entries {
        let result = bench.result(entry, "pipelined/8").expect("a result file");
        assert_eq!(result["framework"], "Fake");
        assert_eq!(result["rps"], 5000);
        assert_eq!(result["connections"], 8);
        assert_eq!(result["p99_latency"], "200us");
        assert_eq!(result["rounds"].as_array().map(Vec::len), Some(2));
        assert!(
            result["peak_memory_bytes"]
                .as_u64()
                .is_some_and(|bytes| bytes > 100_000)
        );
    }
    let arguments = std::fs::read_to_string(bench.path().join("arguments")).unwrap();
    assert!(
        arguments
            .lines()
            .all(|line| line.contains("/pipeline -c 8 -t ")),
        "{arguments}"
    );
    let name = entries[0].name();
    assert!(
        run.stdout
            .contains(&format!("=== {name} / pipelined / 8c (tool=loadgen) ==="))
    );
    assert!(
        run.stdout.contains("=== Best: 5000 req/s (CPU: "),
        "{}",
        run.stdout
    );
}

/// The run's file has the environment and both sides of the comparison.
#[test]
fn a_run_is_recorded_with_its_environment() {
    let bench = Bench::new(REPORT);
    let entries = [
        Entry::fake(None, &["pipelined"]),
        Entry::fake(None, &["pipelined"]),
        Entry::fake(Some("two-answers"), &["pipelined"]),
    ];
    let run = bench.run(
        &[&entries[0], &entries[1], &entries[2]],
        &["pipelined", "--rounds", "3", "--conns", "8"],
    );
    run.expect_code(1);
    let record = bench.record();
    assert_eq!(record["schema"], "sws-results/1");
    assert!(record["ended"].is_string());
    assert!(record["environment"]["kernel"].is_string());
    assert_eq!(record["plan"]["mode"], "laptop");
    assert_eq!(record["refused"][0]["entry"], entries[2].name());
    let list = record["cells"][0]["entries"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert!(list[0]["against"].is_null());
    // The generator's report is always the same, so the ratio is exactly 1.
    let ratio = &list[1]["against"]["rps"];
    assert_eq!(ratio["value"], 1.0, "{ratio}");
    assert_eq!(ratio["verdict"], "not decided");
    assert!(run.stdout.contains("1.00 [1.00-1.00]"), "{}", run.stdout);
}

/// A generator that can watch the server does, and its figures are used.
#[test]
fn the_generator_watches_the_server_where_it_can() {
    let server = r#""server":{"cpu_cores_used":0.5,"cpu_us_per_answer":7.25,"rss_peak_bytes":4096,
        "voluntary_switches":500,"involuntary_switches":20},"verdict":"#;
    let bench = Bench::new(&REPORT.replace(r#""verdict":"#, server));
    std::fs::write(bench.path().join("help"), "--server-pid <PID>\n").unwrap();
    let entry = Entry::fake(None, &["pipelined"]);
    let run = bench.run(&[&entry], &["pipelined", "--rounds", "1", "--conns", "8"]);
    run.expect_code(0);
    let given = std::fs::read_to_string(bench.path().join("arguments")).unwrap();
    assert!(given.contains(" -w 500ms --server-pid "), "{given}");
    let result = bench.result(&entry, "pipelined/8").expect("a result file");
    assert_eq!(result["server_cpu_us_per_request"], 7.25);
    assert_eq!(result["context_switches_per_request"]["voluntary"], 0.5);
    assert!(
        run.stdout.contains("7.25 us of server CPU"),
        "{}",
        run.stdout
    );
}

/// The arena's fields, each of the type that its site expects.
#[test]
fn a_result_file_follows_the_arenas_schema() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["mixed"]);
    bench
        .run(&[&entry], &["mixed", "--rounds", "1", "--conns", "4"])
        .expect_code(0);
    let result = bench.result(&entry, "mixed/4").expect("a result file");
    let texts = [
        "framework",
        "language",
        "avg_latency",
        "p99_latency",
        "cpu",
        "memory",
        "duration",
        "bandwidth",
        "input_bw",
    ];
    for name in texts {
        assert!(result[name].is_string(), "{name}: {result:#}");
    }
    let numbers = [
        "rps",
        "connections",
        "threads",
        "pipeline",
        "reconnects",
        "status_2xx",
        "status_3xx",
        "status_4xx",
        "status_5xx",
        "tpl_baseline",
        "tpl_json",
        "tpl_db",
        "tpl_upload",
        "tpl_compression",
    ];
    for name in numbers {
        assert!(result[name].is_u64(), "{name}: {result:#}");
    }
    assert!(
        result["cpu"]
            .as_str()
            .is_some_and(|text| text.ends_with('%'))
    );
    assert!(
        result["memory"]
            .as_str()
            .is_some_and(|text| text.ends_with("iB"))
    );
}

/// The generator is told to speak WebSocket, and the cell is saved like others.
#[test]
fn messages_are_measured_like_requests() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["echo-ws"]);
    let arguments = ["echo-ws", "--rounds", "1", "--conns", "8"];
    for (generation, depth) in [("2026-03", 16), ("2026-04", 1)] {
        let only = ["--generation", generation];
        let run = bench.run(&[&entry], &[&arguments[..], &only].concat());
        run.expect_code(0);
        let result = bench.result(&entry, "echo-ws/8").expect("a result file");
        assert_eq!(
            (&result["rps"], &result["pipeline"]),
            (&5000.into(), &depth.into())
        );
        let empty = (generation == "2026-03").then(|| "".into());
        assert_eq!(result.get("input_bw"), empty.as_ref());
        let given = std::fs::read_to_string(bench.path().join("arguments")).unwrap();
        let last = given.lines().last().unwrap_or_default();
        assert!(last.contains("/ws --ws -c 8 -t "), "{last}");
        assert!(last.contains(&format!(" -p {depth} --json")), "{last}");
    }
}

#[test]
fn a_run_with_errors_does_not_count() {
    let bench = Bench::new(&REPORT.replace(r#""read":0"#, r#""read":3"#));
    let entry = Entry::fake(None, &["pipelined"]);
    let run = bench.run(&[&entry], &["pipelined", "--rounds", "1", "--conns", "4"]);
    run.expect_code(1);
    assert!(run.stdout.contains("INVALID: read: 3"), "{}", run.stdout);
    assert_eq!(run.last_line(), "0 passed, 1 failed");
    assert!(bench.result(&entry, "pipelined/4").is_none());
}

#[test]
fn a_generator_without_a_report_is_named() {
    let bench = Bench::new("not json");
    let entry = Entry::fake(None, &["pipelined"]);
    let run = bench.run(&[&entry], &["pipelined", "--rounds", "1", "--conns", "4"]);
    run.expect_code(1);
    assert!(
        run.stdout
            .contains("the load generator gave no JSON report"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_wrong_server_is_refused_and_the_others_are_measured() {
    let bench = Bench::new(REPORT);
    let right = Entry::fake(None, &["pipelined"]);
    let wrong = Entry::fake(Some("two-answers"), &["pipelined"]);
    let run = bench.run(
        &[&wrong, &right],
        &["pipelined", "--rounds", "1", "--conns", "4"],
    );
    run.expect_code(1);
    assert!(
        run.stdout.contains(&format!("REFUSED {}", wrong.name())),
        "{}",
        run.stdout
    );
    assert_eq!(run.last_line(), "1 passed, 1 failed");
    assert!(bench.result(&wrong, "pipelined/4").is_none());
    assert!(bench.result(&right, "pipelined/4").is_some());
}

/// Each way of being wrong on a profile that shows it: its fault is named, no
/// load is run and no figure saved.
#[test]
fn every_kind_of_wrong_server_is_refused_by_name() {
    let cases = [
        ("off-by-one", "baseline", "the sum is wrong (off by one)"),
        (
            "cached-json",
            "json",
            "but the data that the server was started on says",
        ),
        (
            "echoes-content-length",
            "upload",
            "the Content-Length is echoed",
        ),
        (
            "drops-split-header",
            "limited-conn",
            "a header that comes in two segments is dropped",
        ),
        ("two-answers", "pipelined", "an unsolicited answer"),
        (
            "compresses-unasked",
            "compression",
            "the answer is compressed (gzip) although the request did not ask for it",
        ),
    ];
    std::thread::scope(|scope| {
        for (fault, profile, says) in cases {
            scope.spawn(move || {
                let bench = Bench::new(REPORT);
                let entry = Entry::fake(Some(fault), &[profile]);
                let run = bench.run(&[&entry], &[profile, "--rounds", "1", "--conns", "4"]);
                run.expect_code(1);
                let refused = format!("REFUSED {}: ", entry.name());
                for line in [says, &refused] {
                    assert!(run.stdout.contains(line), "{fault}: {}", run.stdout);
                }
                assert!(bench.result(&entry, &format!("{profile}/4")).is_none());
                let loads = bench.path().join("arguments");
                assert!(!loads.exists(), "{fault}: a load was run");
            });
        }
    });
}

#[test]
fn a_profile_that_no_entry_lists_is_a_usage_error() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["pipelined"]);
    let run = bench.run(&[&entry], &["json"]);
    run.expect_code(2);
    assert!(
        run.stderr.contains("none of the entries lists json"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_entry_that_does_not_start_leaves_the_others_their_turn() {
    let bench = Bench::new(REPORT);
    let right = Entry::fake(None, &["pipelined"]);
    let broken = Entry::fake(Some("dies-at-start"), &["pipelined"]);
    let run = bench.run(
        &[&broken, &right],
        &["pipelined", "--rounds", "1", "--conns", "4"],
    );
    run.expect_code(3);
    assert_eq!(run.last_line(), "1 passed, 1 failed");
    assert!(bench.result(&right, "pipelined/4").is_some());
}

/// `run.sh build` ends with 77 where the machine lacks what the entry needs.
#[test]
fn an_entry_that_cannot_be_had_here_is_skipped() {
    let bench = Bench::new(REPORT);
    let lacking = Entry::with_start("exit 1", &["baseline"]);
    let script = "#!/bin/sh\necho 'skipped: no such program' >&2\nexit 77\n";
    script_file(&lacking.path().join("run.sh"), script);
    let right = Entry::fake(None, &["baseline"]);
    let run = bench.run(&[&lacking, &right], &["baseline", "--rounds", "1"]);
    run.expect_code(0);
    let line = format!("skipped: this machine lacks what {} needs", lacking.name());
    assert!(run.stdout.contains(&line), "{}", run.stdout);
    assert!(
        run.stderr.contains("skipped: no such program"),
        "{}",
        run.stderr
    );
    // Alone, nothing is left to measure; and nothing was validated.
    bench.run(&[&lacking], &["baseline"]).expect_code(3);
    lacking.validate(&[]).expect_code(3);
}

#[test]
fn usage_errors_list_what_exists() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["pipelined"]);
    let run = bench.run(&[&entry], &["pipelinedd"]);
    run.expect_code(2);
    assert!(
        run.stderr.contains("unknown entry pipelinedd"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("profiles: baseline, pipelined"),
        "{}",
        run.stderr
    );
    bench
        .run(&[&entry], &["pipelined", "--rounds", "0"])
        .expect_code(2);
    bench
        .run(&[&entry], &["pipelined", "--rounds", "2", "--time", "1"])
        .expect_code(2);
    bench
        .run(&[&entry], &["pipelined", "--conns", "1000000"])
        .expect_code(2);
    bench
        .run(&[&entry], &["compression", "--generation", "2026-04"])
        .expect_code(2);
}

#[test]
fn a_generator_that_cannot_be_run_is_named() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["pipelined"]);
    std::fs::write(bench.path().join("text"), "").unwrap();
    let text = bench.path().join("text").display().to_string();
    for (path, says) in [
        ("/nonexistent/loadgen", "LOADGEN: there is no file"),
        (text.as_str(), "cannot be run: Permission denied"),
    ] {
        let mut command = harness();
        command.arg("--root").arg(bench.path());
        command.args(["benchmark", "pipelined", "--native"]);
        command.arg(entry.path()).env("LOADGEN", path);
        let run = Run::of(command);
        run.expect_code(2);
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
}

/// Results are told apart by names, and words that say the same count once.
#[test]
fn the_same_words_again_measure_nothing_twice() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["pipelined"]);
    let options = ["pipelined", "--rounds", "1", "--conns", "8"];
    let run = bench.run(&[&entry, &entry], &options);
    run.expect_code(2);
    let says = format!("two entries are called {}", entry.name());
    assert!(run.stderr.contains(&says), "{}", run.stderr);

    let other = Entry::fake(None, &["pipelined"]);
    let again = ["pipelined", "pipelined", "--rounds", "1", "--conns", "8,8"];
    let run = bench.run(&[&entry, &other], &again);
    run.expect_code(0);
    assert_eq!(
        run.stdout.matches(" 8c round 1 ").count(),
        2,
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("one round decides nothing"),
        "{}",
        run.stdout
    );
}

/// Two at a time would measure each other.
#[test]
fn a_second_benchmark_is_refused_before_it_measures() {
    let bench = Bench::new(REPORT);
    let entry = Entry::fake(None, &["pipelined"]);
    std::fs::create_dir(bench.path().join("results")).unwrap();
    let lock = std::fs::File::create(bench.path().join("results/.lock")).unwrap();
    lock.lock().unwrap();
    let run = bench.run(&[&entry], &["pipelined", "--rounds", "1", "--conns", "8"]);
    run.expect_code(3);
    assert!(
        run.stderr.contains("another benchmark is running"),
        "{}",
        run.stderr
    );
    assert!(!run.stdout.contains("building"), "{}", run.stdout);
}

/// The CPUs of a list such as `0-2,64`.
fn expanded(list: &str) -> Vec<usize> {
    let ranges = list.trim().split(',').flat_map(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        from.parse::<usize>().unwrap()..=to.parse().unwrap()
    });
    ranges.collect()
}

/// What is printed of who runs where is so: each round on the same CPUs, and the
/// server's are not the generator's wherever there are two.
#[test]
fn server_and_generator_run_on_the_cpus_that_are_printed() {
    let bench = Bench::new(REPORT);
    let noted = bench.path().join("server-cpus");
    let start = format!(
        "grep Cpus_allowed_list /proc/self/status >> {}; exec {}",
        noted.display(),
        env!("CARGO_BIN_EXE_fake-entry")
    );
    let entry = Entry::with_start(&start, &["pipelined"]);
    let run = bench.run(&[&entry], &["pipelined", "--rounds", "2", "--conns", "4"]);
    run.expect_code(0);
    let printed = run.stdout.lines().find_map(|line| {
        let split = line.strip_prefix("server on CPU ")?;
        split.split_once(", load generator on CPU ")
    });
    let Some((server, client)) = printed else {
        assert!(run.stdout.contains("server and load generator share CPU"));
        return;
    };
    let (server, client) = (expanded(server), expanded(client));
    assert!(!server.iter().any(|cpu| client.contains(cpu)), "{server:?}");
    let seen = |path: &std::path::Path, skip: usize| -> Vec<Vec<usize>> {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().skip(skip);
        lines
            .map(|line| expanded(line.split_once(':').unwrap().1))
            .collect()
    };
    // The first start is for the validation, the generator's first for a look at it.
    assert_eq!(seen(&noted, 1), [server.clone(), server]);
    let loads = seen(&bench.path().join("cpus"), 0);
    assert!(!loads.is_empty());
    assert!(loads.iter().all(|cpus| *cpus == client), "{loads:?}");
}
