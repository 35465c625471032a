//! Docker mode against a stand-in for the Docker client that notes its calls
//! and runs the fake server as the "container".

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use support::docker::FakeDocker;
use support::{Entry, Run, harness, root, script_file};

/// A port that nothing else in these tests uses.
fn port() -> u16 {
    harness::launch::ports::free().unwrap()
}

#[test]
fn a_validation_builds_cleans_runs_and_removes() {
    let docker = FakeDocker::new();
    let entry = Entry::fake(None, &["pipelined"]);
    let port = port();
    let run = Run::of(docker.validate(&entry, port));
    run.expect_code(0);
    assert!(
        run.stdout.contains("mode: docker (engine 99.1)"),
        "{}",
        run.stdout
    );
    let name = entry.name();
    let calls = docker.calls();
    let mut verbs: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.split(' ').next())
        .collect();
    // The log is asked until the server has said something, which this one does not.
    verbs.dedup();
    assert_eq!(
        verbs,
        ["info", "build", "ps", "run", "logs", "rm"],
        "{calls:#?}"
    );
    let folder = entry.path().canonicalize().unwrap();
    assert_eq!(
        calls[1],
        format!("build --tag httparena-{name} {}", folder.display())
    );
    assert!(
        calls[3].starts_with(&format!(
            "run --detach --name httparena-validate-{name} --label sws.harness="
        )),
        "{}",
        calls[3]
    );
    assert!(
        calls[3].contains(&format!("--publish 127.0.0.1:{port}:8080")),
        "{}",
        calls[3]
    );
    assert!(
        calls[3].ends_with(&format!(":/data/dataset.json:ro httparena-{name}")),
        "{}",
        calls[3]
    );
    assert_eq!(
        calls.last(),
        Some(&format!("rm --force httparena-validate-{name}"))
    );
    assert!(!docker.file("pid").exists(), "the container still runs");
}

#[test]
fn a_measurement_uses_the_host_network_and_the_containers_process() {
    let docker = FakeDocker::new();
    let entry = Entry::fake(None, &["pipelined"]);
    let bench = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("data"), bench.path().join("data")).unwrap();
    let report =
        r#"{"elapsed_sec":0.1,"responses":10,"latency_us":{"avg":1,"p99":2},"status":{"2xx":10}}"#;
    let generator = bench.path().join("generator.sh");
    script_file(
        &generator,
        &format!("#!/bin/sh\nsleep 0.2\necho '{report}'\n"),
    );
    let mut command = harness();
    command
        .arg("--root")
        .arg(bench.path())
        .arg("benchmark")
        .arg(entry.path());
    command.args([
        "pipelined",
        "--docker",
        "--quick",
        "--rounds",
        "1",
        "--conns",
        "4",
    ]);
    command.args(["--port", &port().to_string()]);
    command
        .env("DOCKER", docker.program())
        .env("LOADGEN", &generator);
    let run = Run::of(command);
    run.expect_code(0);
    let calls = docker.calls();
    let measured = calls
        .iter()
        .find(|call| call.contains("httparena-bench-") && call.starts_with("run"));
    let measured = measured.expect("a run of the bench container");
    for flag in [
        "--network host",
        "--security-opt seccomp=unconfined",
        "--cpuset-cpus ",
    ] {
        assert!(measured.contains(flag), "{measured}");
    }
    assert_eq!(
        calls.last().map(String::as_str),
        Some(format!("rm --force httparena-bench-{}", entry.name()).as_str())
    );
    let result = bench
        .path()
        .join(format!("results/pipelined/4/{}.json", entry.name()));
    let result: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(result).unwrap()).unwrap();
    assert!(
        result["peak_memory_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0),
        "{result:#}"
    );
}

#[test]
fn a_container_that_ends_shows_its_log_and_is_removed() {
    let docker = FakeDocker::new();
    let entry = Entry::fake(None, &["pipelined"]);
    let mut command = docker.validate(&entry, port());
    command.env("FAKE_FAULT", "dies-at-start");
    let run = Run::of(command);
    run.expect_code(3);
    assert!(
        run.stderr.contains("container exit code 7"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("| fake-entry: the licence has expired"),
        "{}",
        run.stderr
    );
    let calls = docker.calls();
    let verbs: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.split(' ').next())
        .collect();
    assert_eq!(
        verbs,
        ["info", "build", "ps", "run", "logs", "rm"],
        "{calls:#?}"
    );
}

/// A line of `docker ps` as the harness asks for it.
fn listed(id: &str, name: &str, label: &str, port: u16) -> String {
    format!("{id}\t{name}\trunning\t{label}\t127.0.0.1:{port}->8080/tcp\n")
}

/// The label of a container that a process started: this test's program is one
/// that runs, and the same process started earlier is one that does not.
fn label(has_ended: bool) -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let pid = std::process::id();
    let start = harness::processes::start_time(pid).unwrap() - u64::from(has_ended);
    format!("{}/{pid}/{start}", boot.trim())
}

#[test]
fn what_cancelled_runs_of_any_entry_left_is_removed_and_nothing_else() {
    let docker = FakeDocker::new();
    let entry = Entry::fake(None, &["pipelined"]);
    let list = [
        listed("11", "httparena-bench-other", &label(true), 1),
        listed("22", "httparena-bench-another", &label(false), 2),
        listed("33", "httparena-validate-other", "", 3),
    ];
    std::fs::write(docker.file("containers"), list.concat()).unwrap();
    let run = Run::of(docker.validate(&entry, port()));
    run.expect_code(0);
    assert!(
        run.stdout
            .contains("removing container httparena-bench-other, which a cancelled run left\n"),
        "{}",
        run.stdout
    );
    let calls = docker.calls();
    let removed: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.strip_prefix("rm --force "))
        .collect();
    let own = format!("httparena-validate-{}", entry.name());
    assert_eq!(removed, ["11", &own], "{calls:#?}");
}

#[test]
fn a_container_that_the_harness_did_not_start_is_named_and_left_alone() {
    let docker = FakeDocker::new();
    let entry = Entry::fake(None, &["pipelined"]);
    let own = format!("httparena-validate-{}", entry.name());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().port();
    let program = docker.program().display().to_string();
    for (list, port, says) in [
        (
            listed("33", &own, "", 1),
            port(),
            format!(
                "container {own} was not started by this harness; to remove it: {program} rm --force {own}"
            ),
        ),
        (
            listed("44", "web", "", taken),
            taken,
            format!("port {taken} is in use: container web was not started by this harness"),
        ),
        (
            listed("55", &own, &label(false), 1),
            port(),
            format!(
                "container {own} belongs to another run, process {}",
                std::process::id()
            ),
        ),
    ] {
        std::fs::write(docker.file("containers"), list).unwrap();
        let run = Run::of(docker.validate(&entry, port));
        run.expect_code(3);
        assert!(run.stderr.contains(&says), "{}", run.stderr);
    }
    let calls = docker.calls();
    let touched = |call: &String| call.starts_with("rm") || call.starts_with("run");
    assert!(!calls.iter().any(touched), "{calls:#?}");
}

#[test]
fn limits_that_the_engine_may_not_raise_become_the_most_that_it_allows() {
    let docker = FakeDocker::new();
    std::fs::write(docker.file("strict"), "").unwrap();
    let entry = Entry::fake(None, &["pipelined"]);
    let run = Run::of(docker.validate(&entry, port()));
    run.expect_code(0);
    for most in [
        "may not raise memlock",
        "65536 bytes",
        "may not raise nofile",
        "512 files",
    ] {
        assert!(run.stdout.contains(most), "{most}: {}", run.stdout);
    }
    let calls = docker.calls();
    let last = calls.iter().rfind(|call| call.starts_with("run"));
    assert!(
        last.is_some_and(
            |call| call.contains("--ulimit memlock=65536:65536 --ulimit nofile=512:512")
        ),
        "{calls:#?}"
    );
}

#[test]
fn a_seccomp_profile_must_be_there_and_is_for_containers() {
    let entry = Entry::fake(None, &["pipelined"]);
    let docker = FakeDocker::new();
    let run = |arguments: &[&str]| {
        let mut command = harness();
        command
            .arg("--root")
            .arg(root())
            .arg("validate")
            .arg(entry.path())
            .args(arguments)
            .env("DOCKER", docker.program());
        Run::of(command)
    };
    let missing = run(&["--seccomp", "/nonexistent/profile.json"]);
    missing.expect_code(2);
    assert!(
        missing
            .stderr
            .contains("--seccomp /nonexistent/profile.json: No such file"),
        "{}",
        missing.stderr
    );
    run(&["--native", "--seccomp", "/etc/hostname"]).expect_code(2);
}

#[test]
fn without_an_engine_docker_mode_is_an_environment_error() {
    let entry = Entry::fake(None, &["pipelined"]);
    let mut command = harness();
    command
        .arg("--root")
        .arg(root())
        .arg("validate")
        .arg(entry.path())
        .arg("--docker");
    command.env("DOCKER", "/nonexistent/docker");
    let run = Run::of(command);
    run.expect_code(3);
    assert!(
        run.stderr.contains("--docker: no Docker client"),
        "{}",
        run.stderr
    );
}
