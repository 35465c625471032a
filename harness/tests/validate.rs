//! The validator against a server that is right, and against the same server
//! being wrong in one way each time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use support::{Entry, Run, harness, root};

const ALL: [&str; 10] = [
    "baseline",
    "pipelined",
    "limited-conn",
    "noisy",
    "json",
    "json-comp",
    "upload",
    "compression",
    "mixed",
    "echo-ws",
];

#[test]
fn a_right_server_passes_everything() {
    let run = Entry::fake(None, &ALL).validate(&[]);
    run.expect_code(0);
    assert!(
        run.last_line().ends_with(" passed, 0 failed"),
        "{}",
        run.last_line()
    );
    assert!(!run.stdout.contains("SKIP"), "{}", run.stdout);
}

/// Validates one profile in one generation and expects a failure.
#[track_caller]
fn wrong(fault: &str, generation: &str, profile: &str) -> Run {
    let run = Entry::fake(Some(fault), &ALL).validate(&["--generation", generation, profile]);
    run.expect_code(1);
    assert!(
        !run.last_line().contains(" 0 failed"),
        "{}",
        run.last_line()
    );
    run
}

#[test]
fn a_sum_that_is_off_by_one() {
    let run = wrong("off-by-one", "2026-03", "baseline");
    run.expect_fault("2026-03/baseline/get", "the sum is wrong (off by one)");
    run.expect_fault("2026-03/baseline/get", "expected  body `55`");
}

#[test]
fn answers_remembered_by_url() {
    let run = wrong("remembers-by-url", "2026-04", "baseline");
    run.expect_fault(
        "2026-04/baseline/post-random",
        "the sum does not follow the body",
    );
}

#[test]
fn a_wrong_content_type() {
    let run = wrong("wrong-type", "2026-04", "pipelined");
    run.expect_fault(
        "2026-04/pipelined/get",
        "\"text/html\" instead of text/plain",
    );
}

#[test]
fn a_wrong_status_with_the_right_body() {
    let run = wrong("wrong-status", "2026-03", "pipelined");
    run.expect_fault("2026-03/pipelined/get", "the status is 500 instead of 200");
}

#[test]
fn two_answers_to_one_request() {
    let run = wrong("two-answers", "2026-03", "baseline");
    run.expect_fault(
        "2026-03/connection/one-answer-per-request",
        "an unsolicited answer",
    );
    let run = wrong("two-answers", "2026-03", "pipelined");
    run.expect_fault(
        "2026-03/pipelined/sixteen-in-one-write",
        "an unsolicited answer",
    );
}

#[test]
fn connections_closed_without_need_and_kept_against_the_wish() {
    let run = wrong("closes-always", "2026-03", "baseline");
    run.expect_fault(
        "2026-03/connection/kept-open",
        "request 2 on one connection",
    );
    let run = wrong("ignores-close", "2026-03", "baseline");
    run.expect_fault(
        "2026-03/connection/closed-on-request",
        "`Connection: close` is not honoured",
    );
}

#[test]
fn an_answer_to_head_with_a_body() {
    let run = wrong("head-with-body", "2026-03", "baseline");
    run.expect_fault("2026-03/connection/head", "the answer to HEAD has a body");
}

#[test]
fn pipelined_answers_in_reverse() {
    let run = wrong("reversed-pipeline", "2026-03", "limited-conn");
    run.expect_fault("2026-03/connection/pipelined-in-order", "out of order");
}

#[test]
fn a_head_that_the_generator_cannot_read() {
    let run = wrong("huge-head", "2026-03", "baseline");
    run.expect_fault(
        "2026-03/connection/small-response-head",
        "more than the arena's generator reads",
    );
}

#[test]
fn a_head_in_two_segments() {
    let run = wrong("drops-split-head", "2026-04", "baseline");
    run.expect_fault(
        "2026-04/framing/request-line-split",
        "a request that comes in 3 segments",
    );
    run.expect_fault(
        "2026-04/framing/get-split-at-every-byte",
        "split after byte",
    );
}

#[test]
fn a_header_in_two_segments() {
    let run = wrong("drops-split-header", "2026-03", "baseline");
    let says = "a header that comes in two segments is dropped: split after byte";
    run.expect_fault("2026-03/framing/post-split-at-every-byte", says);
    run.expect_fault("2026-03/framing/chunked-split-at-every-byte", says);
}

#[test]
fn headers_that_are_missed() {
    let run = wrong("forgets-last-header", "2026-03", "baseline");
    run.expect_fault("2026-03/framing/header-spelling", "the sum is wrong");
    let run = wrong("case-sensitive-headers", "2026-03", "baseline");
    run.expect_fault(
        "2026-03/framing/header-spelling",
        "with the header line `content-length: 2",
    );
}

#[test]
fn json_of_another_day() {
    let run = wrong("cached-json", "2026-03", "json");
    run.expect_fault(
        "2026-03/json/items",
        "but the data that the server was started on says",
    );
    let run = wrong("cached-json", "2026-04", "json");
    run.expect_fault(
        "2026-04/json/arena-counts",
        "but the data that the server was started on says",
    );
}

#[test]
fn items_and_totals_that_are_missing_or_wrong() {
    let run = wrong("missing-item", "2026-04", "json");
    run.expect_fault(
        "2026-04/json/arena-counts",
        "`count` says 12 but there are 11 items",
    );
    let run = wrong("wrong-total", "2026-04", "json");
    run.expect_fault("2026-04/json/arena-counts", "item 1: `total` is");
    let run = wrong("no-totals", "2026-03", "compression");
    run.expect_fault("2026-03/compression/items", "item 1: `total` is missing");
}

#[test]
fn compression_without_being_asked() {
    let run = wrong("compresses-unasked", "2026-04", "json-comp");
    let says = "the answer is compressed (gzip) although the request did not ask for it";
    run.expect_fault("2026-04/json-comp/only-when-asked", says);
    let run = wrong("compresses-unasked", "2026-03", "compression");
    run.expect_fault("2026-03/compression/only-when-asked", says);
}

#[test]
fn a_weight_of_zero() {
    let run = wrong("ignores-weight-zero", "2026-04", "json-comp");
    run.expect_fault(
        "2026-04/json-comp/negotiation",
        "coded as gzip, which the request does not allow",
    );
}

#[test]
fn uploads_that_are_not_counted() {
    let run = wrong("echoes-content-length", "2026-03", "upload");
    run.expect_fault(
        "2026-03/upload/not-the-declared-length",
        "the Content-Length is echoed",
    );
    let run = wrong("answers-early", "2026-03", "upload");
    run.expect_fault(
        "2026-03/upload/no-early-answer",
        "answered before its body has come",
    );
    let run = wrong("limits-uploads", "2026-04", "upload");
    run.expect_fault(
        "2026-04/upload/arena-sizes",
        "the status is 413 instead of 200",
    );
}

#[test]
fn rows_outside_of_the_range() {
    let run = wrong("database-ignores-range", "2026-03", "mixed");
    run.expect_fault("2026-03/mixed/db", "outside of 10 to 50");
    run.expect_fault("2026-03/mixed/db-empty-range", "`count` is 50 instead of 0");
}

#[test]
fn noise_taken_for_requests() {
    let run = wrong("accepts-noise", "2026-03", "noisy");
    run.expect_fault(
        "2026-03/noisy/malformed-heads",
        "a broken request is answered with 200",
    );
    let run = wrong("not-found-is-ok", "2026-03", "noisy");
    run.expect_fault(
        "2026-03/noisy/unknown-path",
        "the status is 200 instead of 404",
    );
}

#[test]
fn a_server_that_dies_under_noise_ends_the_run_with_its_last_lines() {
    let run = wrong("dies-on-noise", "2026-03", "noisy");
    assert!(
        run.stdout
            .contains("| fake-entry: cannot understand this request"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("checks were not made"),
        "{}",
        run.stdout
    );
}

#[test]
fn what_a_server_says_at_its_start_is_shown_with_the_warnings() {
    let start = format!(
        "echo long ago; echo warning: no data; echo serving; echo on 8080; exec {}",
        env!("CARGO_BIN_EXE_fake-entry")
    );
    let run = Entry::with_start(&start, &["pipelined"]).validate(&["--generation", "2026-04"]);
    run.expect_code(0);
    let shown = "2026-04\n  | warning: no data\n  | serving\n  | on 8080\nPASS ";
    assert!(run.stdout.contains(shown), "{}", run.stdout);
}

#[test]
fn a_server_that_dies_at_the_start_is_an_environment_error() {
    let run = Entry::fake(Some("dies-at-start"), &ALL).validate(&["baseline"]);
    run.expect_code(3);
    assert!(run.stderr.contains("exit status: 7"), "{}", run.stderr);
    assert!(
        run.stderr.contains("| fake-entry: the licence has expired"),
        "{}",
        run.stderr
    );
}

#[test]
fn profiles_that_nobody_can_check_are_skipped_with_a_reason() {
    let run = Entry::fake(None, &["pipelined", "unary-grpc"]).validate(&[]);
    run.expect_code(0);
    assert!(
        run.stdout
            .contains("SKIP unary-grpc: no checks exist for this profile"),
        "{}",
        run.stdout
    );
    assert!(
        run.last_line().ends_with(" passed, 0 failed, 1 skipped"),
        "{}",
        run.last_line()
    );
    let run = Entry::fake(None, &["pipelined"]).validate(&["baseline"]);
    run.expect_code(2);
    assert!(
        run.stdout.contains("does not list this profile"),
        "{}",
        run.stdout
    );
    assert_eq!(run.last_line(), "0 passed, 0 failed, 1 skipped");
    assert!(run.stderr.contains("nothing about "), "{}", run.stderr);
}

#[test]
fn unknown_names_list_what_exists() {
    let run = Entry::fake(None, &ALL).validate(&["jsn"]);
    run.expect_code(2);
    assert!(
        run.stderr
            .contains("unknown profile jsn; there are: baseline"),
        "{}",
        run.stderr
    );
    let mut command = harness();
    command
        .arg("--root")
        .arg(root())
        .args(["validate", "nobody"]);
    let run = Run::of(command);
    run.expect_code(2);
    assert!(
        run.stderr.contains("unknown entry nobody"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_seed_replays_the_data() {
    let see = |seed: &str| {
        let run = Entry::fake(Some("wrong-total"), &ALL).validate(&[
            "--generation",
            "2026-04",
            "--seed",
            seed,
            "json",
        ]);
        let line = run
            .stdout
            .lines()
            .find(|line| line.contains("item 1: `total` is"));
        line.unwrap_or_default().to_owned()
    };
    assert_eq!(see("11"), see("11"));
    assert_ne!(see("11"), see("12"));
}

/// Without any options but these.
fn validate(entry: &Entry, arguments: &[&str]) -> Run {
    let mut command = harness();
    command.arg("--root").arg(root()).arg("validate");
    command.arg(entry.path()).arg("--native").args(arguments);
    Run::of(command)
}

#[test]
fn values_that_cannot_be_meant_are_usage_errors() {
    let entry = Entry::fake(None, &ALL);
    for (flag, value) in [
        ("--port", "0"),
        ("--port", "70000"),
        ("--ready-within", "0"),
    ] {
        let run = validate(&entry, &[flag, value]);
        run.expect_code(2);
        let says = format!("invalid value '{value}' for '{flag}");
        assert!(run.stderr.contains(&says), "{}", run.stderr);
    }
    let lists_nothing = Entry::fake(None, &[]).validate(&[]);
    lists_nothing.expect_code(2);
    let says = "its meta.json lists no tests";
    assert!(
        lists_nothing.stderr.contains(says),
        "{}",
        lists_nothing.stderr
    );
}

/// What keeps a server from being found is said, as far as it can be seen.
#[test]
fn a_server_elsewhere_and_one_that_is_mute_are_told_apart() {
    let port = harness::launch::ports::free().unwrap();
    let start = format!("PORT={port} exec {}", env!("CARGO_BIN_EXE_fake-entry"));
    let entry = Entry::with_start(&start, &["pipelined"]);
    let elsewhere = validate(&entry, &["--ready-within", "3"]);
    elsewhere.expect_code(3);
    let says = format!("it listens on {port}, but is to take its port from PORT");
    assert!(elsewhere.stderr.contains(&says), "{}", elsewhere.stderr);

    let port = harness::launch::ports::free().unwrap().to_string();
    let mute = "import os, socket, time; s = socket.create_server((\"127.0.0.1\", int(os.environ[\"PORT\"]))); \
                c = s.accept()[0]; c.sendall(b\"ready\"); time.sleep(60)";
    let entry = Entry::with_start(&format!("exec python3 -c '{mute}'"), &["pipelined"]);
    let run = validate(&entry, &["--ready-within", "3", "--port", &port]);
    run.expect_code(3);
    let says = "it accepts connections, but what it sends is no HTTP answer";
    assert!(run.stderr.contains(says), "{}", run.stderr);
}
