//! A real Docker engine, and the entry that `scripts/docker-test.sh` prepares
//! for it; SWS_DOCKER_ENTRY names its folder.

use super::harness;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) fn entry() -> PathBuf {
    std::env::var_os("SWS_DOCKER_ENTRY")
        .expect("scripts/docker-test.sh runs these tests")
        .into()
}

/// The name of an entry: that of its folder.
pub(crate) fn name(entry: &Path) -> String {
    entry.file_name().unwrap().to_string_lossy().into_owned()
}

pub(crate) fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).output().unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Whether the engine has a container of this name or id.
pub(crate) fn exists(container: &str) -> bool {
    docker(&["inspect", "--type", "container", container])
        .status
        .success()
}

/// `harness validate` of one profile in a container.
pub(crate) fn validate(entry: &Path, port: u16) -> Command {
    let mut command = harness();
    command.arg("--root").arg(super::root()).arg("validate");
    command
        .arg(entry)
        .args(["baseline", "--docker", "--quick", "--generation", "2026-04"]);
    command.args(["--port", &port.to_string()]);
    command
}

/// An entry on top of the image of the prepared one. What is left of it is
/// removed at the end of the test.
pub(crate) struct Derived {
    folder: TempDir,
}

impl Derived {
    pub(crate) fn new(instructions: &str) -> Self {
        // Names of images are in small letters.
        let folder = tempfile::Builder::new()
            .prefix("sws-derived-")
            .rand_bytes(0)
            .suffix(&format!("{}", harness::launch::ports::free().unwrap()))
            .tempdir()
            .unwrap();
        let text = format!("FROM httparena-{}\n{instructions}\n", name(&entry()));
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        std::fs::copy(entry().join("meta.json"), folder.path().join("meta.json")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn container(&self, purpose: &str) -> String {
        format!("httparena-{purpose}-{}", name(self.path()))
    }

    pub(crate) fn image(&self) -> String {
        format!("httparena-{}", name(self.path()))
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        for purpose in ["validate", "bench"] {
            docker(&["rm", "--force", &self.container(purpose)]);
        }
        docker(&["rmi", "--force", &self.image()]);
    }
}
