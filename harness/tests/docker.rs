//! Docker mode against a stand-in for the Docker client that notes its calls
//! and runs the fake server as the "container".

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use std::path::PathBuf;
use support::{Entry, Run, harness, root, script_file};
use tempfile::TempDir;

/// Understands the calls that the harness makes. `run` takes the port from
/// --publish and the data folder from the first --volume.
const CLIENT: &str = r#"#!/bin/sh
state=@STATE@
echo "$@" >> "$state/calls"
case "$1" in
info) echo 99.1 ;;
build) exit 0 ;;
rm)
    [ -f "$state/pid" ] || exit 1
    kill "$(cat "$state/pid")" 2> "$state/null" || true
    rm "$state/pid"
    ;;
inspect)
    case "$3" in
    *Pid*) cat "$state/pid" ;;
    *) [ -f "$state/exit" ] && echo "false $(cat "$state/exit")" || echo "true 0" ;;
    esac
    ;;
logs) cat "$state/log" ;;
network) echo bridge ;;
run)
    case "$*" in
    *memlock=-1:-1*) [ -f "$state/strict" ] && refused=8 ;;
    *nofile=512:512*) ;;
    *--ulimit*) [ -f "$state/strict" ] && refused=7 ;;
    esac
    if [ -n "$refused" ]; then
        echo "error setting rlimits for ready process: error setting rlimit type $refused: operation not permitted" >&2
        exit 125
    fi
    while [ $# -gt 0 ]; do
        case "$1" in
        --publish) port=${2#*:}; port=${port%:*} ;;
        --env) port=${2#PORT=} ;;
        --volume) [ -n "$data" ] || data=$(dirname "${2%%:*}") ;;
        esac
        shift
    done
    rm -f "$state/exit"
    (
        if [ -f "$state/strict" ]; then ulimit -l 64; ulimit -n 512; fi
        PORT=$port DATA_DIR=$data @SERVER@ &
        echo $! > "$state/pid.new"
        mv "$state/pid.new" "$state/pid"
        wait $!
        echo $? > "$state/exit"
    ) > "$state/log" 2>&1 &
    while [ ! -f "$state/pid" ]; do sleep 0.01; done
    echo 0123456789abcdef
    ;;
*) exit 64 ;;
esac
"#;

struct FakeDocker {
    folder: TempDir,
}

impl FakeDocker {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = CLIENT
            .replace("@STATE@", &folder.path().display().to_string())
            .replace("@SERVER@", env!("CARGO_BIN_EXE_fake-entry"));
        script_file(&folder.path().join("docker.sh"), &client);
        Self { folder }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("docker.sh")
    }

    /// The calls in order, without those that only look at the engine or at a
    /// container's state.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("calls")).unwrap();
        text.lines()
            .filter(|line| !line.starts_with("inspect") && !line.starts_with("network"))
            .map(str::to_owned)
            .collect()
    }
}

/// A port that nothing else in these tests uses.
fn port() -> String {
    harness::launch::ports::free().unwrap().to_string()
}

#[test]
fn a_validation_builds_cleans_runs_and_removes() {
    let docker = FakeDocker::new();
    let entry = Entry::fake(None, &["pipelined"]);
    let port = port();
    let mut command = harness();
    command
        .arg("--root")
        .arg(root())
        .arg("validate")
        .arg(entry.path());
    command.args([
        "--docker",
        "--quick",
        "--generation",
        "2026-04",
        "--port",
        &port,
    ]);
    command.env("DOCKER", docker.program());
    let run = Run::of(command);
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
        ["info", "build", "rm", "run", "logs", "rm"],
        "{calls:#?}"
    );
    let folder = entry.path().canonicalize().unwrap();
    assert_eq!(
        calls[1],
        format!("build --tag httparena-{name} {}", folder.display())
    );
    assert_eq!(calls[2], format!("rm --force httparena-validate-{name}"));
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
    assert_eq!(calls.last(), Some(&calls[2]));
    assert!(
        !docker.folder.path().join("pid").exists(),
        "the container still runs"
    );
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
    command.args(["--port", &port()]);
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
    let mut command = harness();
    command
        .arg("--root")
        .arg(root())
        .arg("validate")
        .arg(entry.path());
    command.args(["--docker", "--generation", "2026-04", "--port", &port()]);
    command
        .env("DOCKER", docker.program())
        .env("FAKE_FAULT", "dies-at-start");
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
        ["info", "build", "rm", "run", "logs", "rm"],
        "{calls:#?}"
    );
}

#[test]
fn limits_that_the_engine_may_not_raise_become_the_most_that_it_allows() {
    let docker = FakeDocker::new();
    std::fs::write(docker.folder.path().join("strict"), "").unwrap();
    let entry = Entry::fake(None, &["pipelined"]);
    let mut command = harness();
    command
        .arg("--root")
        .arg(root())
        .arg("validate")
        .arg(entry.path());
    command.args([
        "--docker",
        "--quick",
        "--generation",
        "2026-04",
        "--port",
        &port(),
    ]);
    command.env("DOCKER", docker.program());
    let run = Run::of(command);
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
