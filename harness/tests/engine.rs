//! A real Docker engine: what seccomp profiles and limits make of sws, and what
//! the harness makes of a cancelled run. `scripts/docker-test.sh` prepares an
//! entry and runs these; SWS_DOCKER_ENTRY names its folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::{Run, harness, root};

const LIMIT: Duration = Duration::from_secs(30);

fn entry() -> PathBuf {
    std::env::var_os("SWS_DOCKER_ENTRY")
        .expect("scripts/docker-test.sh runs these tests")
        .into()
}

fn name() -> String {
    entry().file_name().unwrap().to_string_lossy().into_owned()
}

fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// A file of `scripts/seccomp/`, as a value of `--security-opt`.
fn seccomp(file: &str) -> String {
    format!("seccomp={}", profile(file).display())
}

fn profile(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scripts/seccomp")
        .join(file)
        .canonicalize()
        .unwrap()
}

/// A container on the host's network, removed at the end of the test.
struct Container {
    name: String,
    port: u16,
}

impl Container {
    fn start(flags: &[&str], server: &[&str]) -> Self {
        let port = harness::launch::ports::free().unwrap();
        let container = Self {
            name: format!("{}-test-{port}", name()),
            port,
        };
        let image = format!("httparena-{}", name());
        let environment = format!("PORT={port}");
        let mut arguments = vec!["run", "--detach", "--name", &container.name];
        arguments.extend(["--network", "host", "--env", &environment]);
        arguments.extend(flags);
        arguments.push(&image);
        arguments.extend(server);
        let output = docker(&arguments);
        assert!(output.status.success(), "{}", text(&output));
        container
    }

    /// Waits for a line with `words`, and shows the log without one.
    #[track_caller]
    fn says(&self, words: &str) {
        let start = Instant::now();
        loop {
            let log = text(&docker(&["logs", &self.name]));
            if log.contains(words) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "not said: {words}\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn exit_code(&self) -> String {
        text(&docker(&["wait", &self.name])).trim().to_owned()
    }

    fn answers(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
            .write_all(
                b"GET /baseline11?a=20&b=22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            )
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.name]);
    }
}

/// With io_uring alone it ends with the sentence; left to choose it serves on
/// epoll and gives the same sentence as its reason.
#[track_caller]
fn refused(flags: &[&str], sentence: &str, cure: &str) {
    let strict = Container::start(flags, &["--engine", "io_uring"]);
    strict.says(sentence);
    strict.says(cure);
    assert_eq!(strict.exit_code(), "1");
    let choosing = Container::start(flags, &["--engine", "auto"]);
    choosing.says(&format!("engine epoll ({sentence}"));
    choosing.says(cure);
    let answer = choosing.answers();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n42"),
        "{answer}"
    );
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn a_seccomp_profile_without_io_uring_is_named_with_its_cure() {
    refused(
        &["--security-opt", &seccomp("no-io_uring.json")],
        "io_uring is forbidden here",
        "`--security-opt seccomp=unconfined`",
    );
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn a_small_memlock_limit_is_named_with_its_cure() {
    let flags = [
        "--security-opt",
        "seccomp=unconfined",
        "--ulimit",
        "memlock=65536:65536",
    ];
    if !rings_are_charged() {
        // Older kernels take rings out of no limit: io_uring is what is expected.
        Container::start(&flags, &["--engine", "io_uring"]).says("engine io_uring");
        println!("skipped: this kernel does not count rings as locked memory (Linux 6.14 does)");
        return;
    }
    refused(
        &flags,
        "no memory for an io_uring",
        "`--ulimit memlock=-1:-1`",
    );
}

/// Whether the kernel is 6.14 or later.
fn rings_are_charged() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 14)
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn the_shipped_profile_is_enough_for_either_engine() {
    let option = seccomp("sws.json");
    let flags = ["--security-opt", &option];
    for engine in ["io_uring", "epoll"] {
        let container = Container::start(&flags, &["--engine", engine]);
        container.says(&format!("engine {engine}"));
        let answer = container.answers();
        assert!(answer.ends_with("\r\n42"), "{answer}");
    }
}

fn validate(port: u16, arguments: &[&str]) -> Run {
    let mut command = harness();
    command.arg("--root").arg(root()).arg("validate");
    command
        .arg(entry())
        .args(["baseline", "--docker", "--quick", "--generation", "2026-04"]);
    command.args(["--port", &port.to_string()]).args(arguments);
    Run::of(command)
}

/// One after the other, because they share the container's name.
#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn a_validation_runs_on_io_uring_with_the_flags_and_says_what_it_runs_on() {
    // What a cancelled run leaves: the name is taken, and so is the port.
    let port = harness::launch::ports::free().unwrap();
    let stale = format!("httparena-validate-{}", name());
    let image = format!("httparena-{}", name());
    let publish = format!("127.0.0.1:{port}:8080");
    docker(&["rm", "--force", &stale]);
    let left = docker(&[
        "run",
        "--detach",
        "--name",
        &stale,
        "--publish",
        &publish,
        &image,
    ]);
    assert!(left.status.success(), "{}", text(&left));
    let id = String::from_utf8_lossy(&left.stdout).trim().to_owned();

    let run = validate(port, &[]);
    run.expect_code(0);
    assert!(
        run.stdout.contains("| sws: engine io_uring ("),
        "{}",
        run.stdout
    );
    assert!(!docker(&["inspect", &id]).status.success(), "{id} is there");
    assert!(
        !docker(&["inspect", &stale]).status.success(),
        "the validation left its container"
    );
    // Refused by engines that may not raise their own limit.
    let unlimited = docker(&[
        "run",
        "--rm",
        "--ulimit",
        "memlock=-1:-1",
        &image,
        "--version",
    ]);
    assert_eq!(
        run.stdout.contains("may not raise memlock"),
        !unlimited.status.success(),
        "{}{}",
        text(&unlimited),
        run.stdout
    );

    let confined = profile("no-io_uring.json");
    let run = validate(port, &["--seccomp", &confined.to_string_lossy()]);
    run.expect_code(0);
    assert!(
        run.stdout
            .contains("| sws: engine epoll (io_uring is forbidden here"),
        "{}",
        run.stdout
    );
}
