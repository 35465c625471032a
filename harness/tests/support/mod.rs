//! Temporary entries and the harness as a program.

// Each test file uses a part of this.
#![allow(dead_code, reason = "shared by several test programs")]

pub(crate) mod bench;
pub(crate) mod docker;
pub(crate) mod engine;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A repository of the tests' own: its data is generated once and kept.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("repository");
        std::fs::create_dir_all(&root).unwrap();
        let output = harness()
            .arg("--root")
            .arg(&root)
            .arg("data")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        root
    })
}

/// The harness, without what the caller's environment would change.
pub(crate) fn harness() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command
        .env_remove("HARNESS_PORT")
        .env_remove("LOADGEN")
        .env_remove("DOCKER");
    command
}

/// An entry folder that is removed at the end of the test.
pub(crate) struct Entry {
    folder: TempDir,
}

impl Entry {
    /// An entry whose `run.sh start` executes `start`.
    pub(crate) fn with_start(start: &str, tests: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tests = tests
            .iter()
            .map(|test| format!("\"{test}\""))
            .collect::<Vec<_>>()
            .join(",");
        let meta = format!(
            r#"{{"display_name":"Fake","language":"Rust","engine":"threads","tests":[{tests}]}}"#
        );
        std::fs::write(folder.path().join("meta.json"), meta).unwrap();
        let script = format!("#!/bin/sh\n[ \"$1\" = build ] && exit 0\n{start}\n");
        script_file(&folder.path().join("run.sh"), &script);
        Self { folder }
    }

    /// The fake server, right or with one fault.
    pub(crate) fn fake(fault: Option<&str>, tests: &[&str]) -> Self {
        let fault = fault
            .map(|fault| format!("FAKE_FAULT={fault} "))
            .unwrap_or_default();
        Self::with_start(
            &format!("{fault}exec {}", env!("CARGO_BIN_EXE_fake-entry")),
            tests,
        )
    }

    /// As the command line takes it.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The entry's name: that of its folder.
    pub(crate) fn name(&self) -> String {
        self.folder
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    }

    /// Runs `harness validate` on it.
    pub(crate) fn validate(&self, arguments: &[&str]) -> Run {
        let mut command = harness();
        command
            .arg("--root")
            .arg(root())
            .arg("validate")
            .arg(self.path());
        command
            .args(["--native", "--quick", "--ready-within", "10"])
            .args(arguments);
        Run::of(command)
    }
}

/// Writes an executable file through another process: a descriptor that is
/// open for writing here could be inherited by a child of another test, and
/// Linux refuses to execute a file that somebody can write to.
pub(crate) fn script_file(path: &Path, text: &str) {
    let plain = path.with_extension("txt");
    std::fs::write(&plain, text).unwrap();
    let status = Command::new("install")
        .args(["-m", "755"])
        .arg(&plain)
        .arg(path)
        .status();
    assert!(status.unwrap().success());
}

/// Waits until `done`.
#[track_caller]
pub(crate) fn within(limit: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < limit,
            "{what} did not happen within {limit:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a run printed.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }

    pub(crate) fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn expect_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
    }

    /// The check failed and its message contains `says`.
    #[track_caller]
    pub(crate) fn expect_fault(&self, check: &str, says: &str) {
        let start = self.stdout.find(&format!("FAIL {check}: "));
        let Some(start) = start else {
            panic!("{check} did not fail:\n{}", self.stdout)
        };
        let message = &self.stdout[start..];
        let message = message.split("\nPASS ").next().unwrap_or_default();
        assert!(
            message.contains(says),
            "{check} does not say {says:?}:\n{message}"
        );
    }
}
