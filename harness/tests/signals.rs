//! A signal leaves nothing behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use harness::processes;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Entry, harness, root, within};

/// `validate`, native and silent, which has its folders in `temporary`.
fn validation(entry: &Entry, temporary: &Path) -> Command {
    let mut command = harness();
    command
        .arg("--root")
        .arg(root())
        .arg("validate")
        .arg(entry.path())
        .arg("--native")
        .env("TMPDIR", temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_terminated_validation_stops_its_server_and_removes_its_folders() {
    let notes = tempfile::tempdir().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let pid_file = notes.path().join("pid");
    // Never answers, so that the harness waits for it.
    let start = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 60",
        pid_file.display()
    );
    let entry = Entry::with_start(&start, &["pipelined"]);
    let mut child = validation(&entry, temporary.path()).spawn().unwrap();
    within(Duration::from_secs(20), "the start of the server", || {
        pid_file.exists()
    });
    let server: u32 = std::fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(processes::is_running(server));
    assert!(std::fs::read_dir(temporary.path()).unwrap().count() > 0);

    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(128 + 15));
    within(Duration::from_secs(5), "the end of the server", || {
        !processes::is_running(server)
    });
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// A network namespace with settings of its own; what a namespace does not hold
/// (the page cache, governors) is out of reach in it. Ends with this.
struct Namespace(std::process::Child);

impl Namespace {
    /// `None` where even root may not make one.
    fn new() -> Option<Self> {
        let script = "set -e; mount -t sysfs sysfs /sys; mount -t tmpfs none /sys/devices/system/cpu; \
                      mount --bind /dev/null /proc/sys/vm/drop_caches; ip link set lo up; \
                      echo ready; exec sleep 120";
        let mut child = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = [0; 6];
        let output = child.stdout.as_mut()?;
        let is_ready = std::io::Read::read_exact(output, &mut line).is_ok();
        let namespace = Self(child);
        is_ready.then_some(namespace)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        let id = self.0.id().to_string();
        command.args(["--net", "--mount", "--target", &id]);
        command.arg(program);
        command
    }

    fn setting(&self, path: &str) -> String {
        let output = self.command("cat").arg(path).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const SOMAXCONN: &str = "/proc/sys/net/core/somaxconn";

#[test]
fn an_interrupted_benchmark_puts_the_tuned_host_back() {
    if !rustix::process::geteuid().is_root() {
        let entry = Entry::with_start("exec sleep 60", &["pipelined"]);
        let mut command = harness();
        command.arg("--root").arg(root()).arg("benchmark");
        command.arg(entry.path());
        command.args(["pipelined", "--native", "--tune-host"]);
        let run = support::Run::of(command);
        run.expect_code(3);
        assert!(run.stderr.contains("has to be root"), "{}", run.stderr);
        return;
    }
    let Some(host) = Namespace::new() else {
        eprintln!("skipped: this root may not make namespaces");
        return;
    };
    let before = host.setting(SOMAXCONN);
    let mtu = host.setting("/sys/class/net/lo/mtu");
    assert!(!before.is_empty() && before != "65535", "{before}");

    let notes = tempfile::tempdir().unwrap();
    let pid_file = notes.path().join("pid");
    let start = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 60",
        pid_file.display()
    );
    let entry = Entry::with_start(&start, &["pipelined"]);
    let mut child = host
        .command(env!("CARGO_BIN_EXE_harness"))
        .arg("--root")
        .arg(root())
        .arg("benchmark")
        .arg(entry.path())
        .args(["pipelined", "--native", "--tune-host"])
        // Any program will do: it is never got to.
        .env("LOADGEN", "/bin/true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    within(Duration::from_secs(30), "the start of the server", || {
        pid_file.exists()
    });
    assert_eq!(host.setting(SOMAXCONN), "65535");
    assert_eq!(host.setting("/sys/class/net/lo/mtu"), "1500");
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(128 + 2));
    assert_eq!(host.setting(SOMAXCONN), before);
    assert_eq!(host.setting("/sys/class/net/lo/mtu"), mtu);
}

/// A signal in the midst of a measurement: server, generator and port are gone,
/// and so are the temporary folders.
#[test]
fn an_interrupted_measurement_leaves_no_process_and_no_port() {
    let notes = tempfile::tempdir().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let pid_file = notes.path().join("pid");
    let generator = notes.path().join("generator.sh");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --help ] && exit 0\necho $$ > {0}.new; mv {0}.new {0}; sleep 60\n",
        pid_file.display()
    );
    support::script_file(&generator, &script);
    let repository = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("data"), repository.path().join("data")).unwrap();
    let entry = Entry::fake(None, &["pipelined"]);
    let port = harness::launch::ports::free().unwrap();
    let mut child = harness()
        .arg("--root")
        .arg(repository.path())
        .arg("benchmark")
        .arg(entry.path())
        .args([
            "pipelined",
            "--native",
            "--quick",
            "--port",
            &port.to_string(),
        ])
        .env("LOADGEN", &generator)
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    within(
        Duration::from_secs(30),
        "the start of the generator",
        || pid_file.exists(),
    );
    let tree = processes::tree(child.id());
    assert!(tree.len() >= 3, "server and generator: {tree:?}");
    assert!(processes::listener(port).is_some());

    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 2));
    within(Duration::from_secs(5), "the end of all processes", || {
        !tree.iter().any(|pid| processes::is_running(*pid))
    });
    assert_eq!(processes::listener(port), None);
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// What an entry started as a daemon ends with it, at the end and after a signal.
#[test]
fn daemons_of_an_entry_are_stopped_too() {
    let notes = tempfile::tempdir().unwrap();
    let pid_file = notes.path().join("daemon");
    let daemon = |server: &str| {
        let file = pid_file.display();
        let start = format!(
            "(setsid sh -c 'echo $$ > {file}.new; mv {file}.new {file}; exec sleep 120' &)\n\
             while [ ! -f {file} ]; do sleep 0.01; done\n{server}"
        );
        Entry::with_start(&start, &["pipelined"])
    };
    let pid = || -> u32 {
        let text = std::fs::read_to_string(&pid_file).unwrap();
        std::fs::remove_file(&pid_file).unwrap();
        text.trim().parse().unwrap()
    };
    let ended = |pid: u32| {
        within(Duration::from_secs(10), "the end of the daemon", || {
            !processes::is_running(pid)
        });
    };
    let server = format!("exec {}", env!("CARGO_BIN_EXE_fake-entry"));
    daemon(&server).validate(&["pipelined"]).expect_code(0);
    ended(pid());

    // But not what its build started: a compiler's cache serves others as well.
    let entry = Entry::with_start("", &["pipelined"]);
    let file = pid_file.display();
    let script = format!(
        "#!/bin/sh\n[ $1 = start ] && {server}\n\
         (setsid sh -c 'echo $$ > {file}.new; mv {file}.new {file}; exec sleep 30' > {file}.log 2>&1 &)\n\
         while [ ! -f {file} ]; do sleep 0.01; done\n"
    );
    support::script_file(&entry.path().join("run.sh"), &script);
    entry.validate(&["pipelined"]).expect_code(0);
    let cache = pid();
    assert!(processes::is_running(cache));
    kill_process(Pid::from_raw(cache as i32).unwrap(), Signal::KILL).unwrap();

    let entry = daemon("exec sleep 60");
    let temporary = tempfile::tempdir().unwrap();
    let mut child = validation(&entry, temporary.path()).spawn().unwrap();
    within(Duration::from_secs(30), "the daemon's start", || {
        pid_file.exists()
    });
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    ended(pid());
}

/// `./validate.sh x | head -1` ends quietly, and so does the server.
#[test]
fn a_closed_pipe_is_no_crash_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let port = harness::launch::ports::free().unwrap();
    let start = format!("echo ready; exec {}", env!("CARGO_BIN_EXE_fake-entry"));
    let entry = Entry::with_start(&start, &["pipelined"]);
    let mut child = validation(&entry, temporary.path())
        .args(["--port", &port.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    // Up to the line that the server is there.
    while !String::from_utf8_lossy(&seen).contains("| ready") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut output, &mut byte).unwrap();
        seen.push(byte[0]);
    }
    drop(output);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(128 + 13), "{errors}");
    assert_eq!(errors, "");
    assert_eq!(processes::listener(port), None);
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}
