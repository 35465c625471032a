//! A real Docker engine: a signal at any moment leaves nothing behind, and the
//! next run removes what a killed one left. `scripts/docker-test.sh` prepares an
//! entry and runs these.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use harness::{launch::ports, processes};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::engine::{Derived, docker, entry, exists, name, text, validate};
use support::{Run, harness, root, script_file, within};
use tempfile::{NamedTempFile, TempDir};

const LIMIT: Duration = Duration::from_secs(60);

/// A run of the harness with a folder for temporary files of its own, in a
/// process group of its own as a shell makes one for each command.
struct Started {
    child: Child,
    temporary: TempDir,
    output: NamedTempFile,
}

impl Started {
    fn new(mut command: Command) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let output = NamedTempFile::new().unwrap();
        command
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(output.reopen().unwrap())
            .stderr(Stdio::null())
            .process_group(0);
        let child = command.spawn().unwrap();
        Self {
            child,
            temporary,
            output,
        }
    }

    /// A validation that has made a check and has most of them to make. That the
    /// server listens is no sign of it: the first one may be there for its limits.
    #[track_caller]
    fn in_the_midst_of_checks(entry: &Path, port: u16) -> Self {
        let mut command = harness();
        command.arg("--root").arg(root()).arg("validate").arg(entry);
        command.args(["--docker", "--port", &port.to_string()]);
        let run = Self::new(command);
        within(LIMIT, "the first check", || {
            run.printed().contains("\nPASS ")
        });
        run
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(self.output.path()).unwrap()
    }

    fn signal(&mut self, signal: Signal) -> Option<i32> {
        let group = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process_group(group, signal).unwrap();
        self.child.wait().unwrap().code()
    }

    /// What Ctrl-C in a terminal does, and that it leaves no process, no folder,
    /// no listener on `port` and no container.
    #[track_caller]
    fn interrupt(mut self, port: u16, container: &str) {
        let tree = processes::tree(self.child.id());
        assert_eq!(self.signal(Signal::INT), Some(128 + 2));
        within(LIMIT, "the end of all processes", || {
            !tree.iter().any(|pid| processes::is_running(*pid))
        });
        assert!(!exists(container), "{container} is there");
        assert_eq!(processes::listener(port), None);
        let left = std::fs::read_dir(self.temporary.path()).unwrap();
        assert_eq!(left.count(), 0);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell script that writes `note`, whole from the first moment on.
fn noting(note: &Path, then: &str) -> String {
    format!(
        "echo $$ > {0}.new; mv {0}.new {0}\n{then}\n",
        note.display()
    )
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn an_interrupted_validation_leaves_no_container_and_no_port() {
    let port = ports::free().unwrap();
    let entry = Derived::new("");
    let container = entry.container("validate");
    let run = Started::in_the_midst_of_checks(entry.path(), port);
    assert!(exists(&container));
    run.interrupt(port, &container);
}

/// The moment between the order to start a container and the container.
#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn a_container_that_is_just_being_started_is_removed_as_well() {
    let port = ports::free().unwrap();
    let entry = Derived::new("");
    let notes = tempfile::tempdir().unwrap();
    let note = notes.path().join("run");
    let client = notes.path().join("docker.sh");
    let slow = noting(&note, "sleep 1");
    script_file(
        &client,
        &format!("#!/bin/sh\nif [ \"$1\" = run ]; then\n{slow}fi\nexec docker \"$@\"\n"),
    );
    let mut command = validate(entry.path(), port);
    command.env("DOCKER", &client);
    let run = Started::new(command);
    within(LIMIT, "the order to start a container", || note.exists());
    run.interrupt(port, &entry.container("validate"));
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn an_interrupted_measurement_leaves_no_container_and_no_port() {
    let port = ports::free().unwrap();
    let entry = Derived::new("");
    let container = entry.container("bench");
    let repository = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("data"), repository.path().join("data")).unwrap();
    let note = repository.path().join("measured");
    let generator = repository.path().join("generator.sh");
    let measure = noting(&note, "sleep 60");
    script_file(
        &generator,
        &format!("#!/bin/sh\n[ \"$1\" = --help ] && exit 0\n{measure}"),
    );
    let mut command = harness();
    command.arg("--root").arg(repository.path());
    command.arg("benchmark").arg(entry.path());
    command.args(["baseline", "--docker", "--quick"]);
    command.args(["--port", &port.to_string()]);
    command.env("LOADGEN", &generator);
    let run = Started::new(command);
    within(LIMIT, "the start of the generator", || note.exists());
    let (server, _) = processes::listener(port).expect("the server");
    run.interrupt(port, &container);
    assert!(!processes::is_running(server));
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn an_interrupted_build_leaves_no_container_and_no_image() {
    let port = ports::free().unwrap();
    // A number that no other process has among its arguments.
    let pause = format!("600.{port}{}", std::process::id());
    let entry = Derived::new(&format!("RUN [\"sleep\", \"{pause}\"]"));
    let run = Started::new(validate(entry.path(), port));
    within(LIMIT, "the build", || sleeps(&pause));
    run.interrupt(port, &entry.container("validate"));
    // The engine hears of it when the connection ends.
    within(LIMIT, "the end of the build", || !sleeps(&pause));
    within(LIMIT, "the removal of the build's container", || {
        let list = docker(&["ps", "--all", "--no-trunc", "--format", "{{.Command}}"]);
        !text(&list).contains(&pause)
    });
    let image = docker(&["image", "inspect", &entry.image()]);
    assert!(!image.status.success(), "{}", text(&image));
}

/// Whether a process has the arguments `sleep PAUSE`.
fn sleeps(pause: &str) -> bool {
    let wanted = format!("sleep\0{pause}\0").into_bytes();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|item| std::fs::read(item.path().join("cmdline")).ok())
        .any(|arguments| arguments == wanted)
}

/// A container that this test starts by itself, removed at its end.
struct Bystander(String);

impl Bystander {
    fn start(flags: &[&str]) -> Self {
        let bystander = Self(format!("sws-bystander-{}", ports::free().unwrap()));
        let mut arguments = vec!["run", "--detach", "--name", &bystander.0];
        arguments.extend(flags);
        let image = format!("httparena-{}", name(&entry()));
        arguments.push(&image);
        let output = docker(&arguments);
        assert!(output.status.success(), "{}", text(&output));
        bystander
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.0]);
    }
}

#[test]
#[ignore = "needs a Docker engine; scripts/docker-test.sh runs it"]
fn what_a_killed_run_of_another_entry_left_is_removed_and_nothing_else() {
    let port = ports::free().unwrap();
    let other = Derived::new("");
    let stale = other.container("validate");
    let mut killed = Started::in_the_midst_of_checks(other.path(), port);
    assert_eq!(killed.signal(Signal::KILL), None);
    assert!(exists(&stale));
    let bystander = Bystander::start(&[]);

    let run = Run::of(validate(&entry(), port));
    run.expect_code(0);
    let says = format!("removing container {stale}, which a cancelled run left");
    assert!(run.stdout.contains(&says), "{}", run.stdout);
    assert!(!exists(&stale));
    assert!(exists(&bystander.0));

    // On a port, in the two ways that there are; without a bridge there is one.
    let host = format!("PORT={port}");
    let publish = format!("127.0.0.1:{port}:8080");
    let ways = [
        ["--network", "host", "--env", &host],
        ["--publish", &publish, "--env", "PORT=8080"],
    ];
    let has_bridge = docker(&["network", "inspect", "bridge"]).status.success();
    for flags in &ways[..1 + usize::from(has_bridge)] {
        let holder = Bystander::start(flags);
        within(LIMIT, "the start of the holder", || {
            processes::listener(port).is_some()
        });
        let run = Run::of(validate(&entry(), port));
        run.expect_code(3);
        let says = format!(
            "port {port} is in use: container {0} was not started by this harness; \
             to remove it: docker rm --force {0}",
            holder.0
        );
        assert!(run.stderr.contains(&says), "{}", run.stderr);
        assert!(exists(&holder.0));
    }
}
