//! A real Docker engine: what seccomp profiles and limits make of sws.
//! `scripts/docker-test.sh` prepares an entry and runs these.

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
use std::time::{Duration, Instant};
use support::engine::{docker, entry, exists, name, text, validate};
use support::{Run, script_file};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

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
            name: format!("{}-test-{port}", name(&entry())),
            port,
        };
        let image = format!("httparena-{}", name(&entry()));
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

/// A client that keeps what the last container printed before it is removed.
struct KeepingLogs(TempDir);

impl KeepingLogs {
    fn new() -> Self {
        let keeping = Self(tempfile::tempdir().unwrap());
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = rm ] && docker logs \"$3\" > {} 2>&1\nexec docker \"$@\"\n",
            keeping.path("log").display()
        );
        script_file(&keeping.client(), &script);
        keeping
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn client(&self) -> PathBuf {
        self.path("docker.sh")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn a_validation_runs_on_io_uring_with_the_flags_and_says_what_it_runs_on() {
    let port = harness::launch::ports::free().unwrap();
    let keeping = KeepingLogs::new();
    let mut command = validate(&entry(), port);
    command.env("DOCKER", keeping.client());
    let run = Run::of(command);
    run.expect_code(0);
    let log = keeping.log();
    assert!(
        log.lines()
            .any(|line| line.starts_with("sws: engine io_uring (")),
        "{log}{}",
        run.stdout
    );
    let container = format!("httparena-validate-{}", name(&entry()));
    assert!(!exists(&container), "the validation left its container");
    // Refused by engines that may not raise their own limit.
    let unlimited = docker(&[
        "run",
        "--rm",
        "--ulimit",
        "memlock=-1:-1",
        &format!("httparena-{}", name(&entry())),
        "--version",
    ]);
    assert_eq!(
        run.stdout.contains("may not raise memlock"),
        !unlimited.status.success(),
        "{}{}",
        text(&unlimited),
        run.stdout
    );

    let mut confined = validate(&entry(), port);
    confined.arg("--seccomp").arg(profile("no-io_uring.json"));
    confined.env("DOCKER", keeping.client());
    let run = Run::of(confined);
    run.expect_code(0);
    let log = keeping.log();
    assert!(
        log.contains("sws: engine epoll (io_uring is forbidden here"),
        "{log}{}",
        run.stdout
    );
}
