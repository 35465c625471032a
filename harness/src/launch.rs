//! Building, starting and stopping an entry, natively or in Docker.

mod build;
pub mod docker;
mod output;
pub mod ports;
mod server;

use crate::error::Error;
use crate::profiles::Generation;
use docker::Docker;
use std::path::Path;
use std::time::Duration;

pub use build::{build, caution};
pub use server::Server;

/// What a server is started for; decides container names and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For the checks.
    Validate,
    /// For a measurement.
    Bench,
}

/// Where entries run.
#[derive(Debug, Clone)]
pub enum Mode {
    /// As processes of this machine, through `run.sh`.
    Native,
    /// As containers.
    Docker(Docker),
}

impl Mode {
    /// The mode that the options ask for; without any, Docker where an engine
    /// answers. Says what was chosen.
    ///
    /// # Errors
    /// When Docker was asked for and no engine answers.
    pub fn choose(docker: bool, native: bool) -> Result<Self, Error> {
        if native {
            return Ok(Self::Native);
        }
        let program = Docker::from_environment();
        match program.answers() {
            Ok(version) => {
                println!("mode: docker (engine {version})");
                Ok(Self::Docker(program))
            }
            Err(reason) if docker => Err(Error::environment(format!("--docker: {reason}"))),
            Err(reason) => {
                println!("mode: native ({reason})");
                Ok(Self::Native)
            }
        }
    }
}

impl Mode {
    /// The same mode with every container under this seccomp profile.
    ///
    /// # Errors
    /// A profile that cannot be read, or a mode without containers.
    pub fn confined(self, profile: Option<&Path>) -> Result<Self, Error> {
        match (self, profile) {
            (mode, None) => Ok(mode),
            (Self::Docker(docker), Some(profile)) => docker.confined(profile).map(Self::Docker),
            (Self::Native, Some(_)) => Err(Error::environment(
                "--seccomp is for containers, and no Docker engine answers",
            )),
        }
    }
}

/// Everything that one start depends on.
#[derive(Debug)]
pub struct Start<'a> {
    /// Checks or measurement.
    pub purpose: Purpose,
    /// The port on this machine.
    pub port: u16,
    /// The folder with `dataset.json` and, by generation, its neighbours.
    pub data: &'a Path,
    /// Decides which files a container is shown.
    pub generation: Generation,
    /// The CPUs that the server may use; `None` for all.
    pub cpus: Option<&'a [usize]>,
    /// How long the server may take to answer its first request.
    pub ready_within: Duration,
}

#[cfg(test)]
mod scripts {
    use crate::entries::Entry;
    use std::path::Path;
    use std::process::Command;

    /// An entry whose `run.sh` does `start`, whatever the verb.
    pub(super) fn entry(folder: &Path, start: &str) -> Entry {
        let script = folder.join("run.sh");
        let text = folder.join("text");
        std::fs::write(&text, format!("#!/bin/sh\n{start}\n")).unwrap();
        // Written by another process: a descriptor open for writing here could
        // be inherited by another test's child, and Linux refuses to run a file
        // that somebody can write to.
        let install = Command::new("install")
            .args(["-m", "755"])
            .args([&text, &script])
            .status();
        assert!(install.unwrap().success());
        let meta = r#"{"display_name":"x","language":"sh"}"#;
        Entry {
            name: "x".into(),
            meta: serde_json::from_str(meta).unwrap(),
            script,
            folder: folder.into(),
        }
    }
}
