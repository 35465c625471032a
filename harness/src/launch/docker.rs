//! The Docker side of launching: the few calls of the client.

mod containers;
mod limits;
mod options;

use super::{Purpose, ports};
use crate::cleanup::{self, Container};
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::processes;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use containers::Listed;
use limits::{Allowed, Limit};
pub(super) use options::RunOptions;

/// Each of the limits may be refused twice before the container starts without it.
const ATTEMPTS: usize = 1 + 2 * Limit::ALL.len();
/// Of the error of `docker run --name` for a name that another container has.
const NAME_TAKEN: &str = "is already in use by container";

/// The Docker client program.
#[derive(Debug, Clone)]
pub struct Docker {
    program: PathBuf,
    /// A seccomp profile for every container, in place of what the arena gives.
    seccomp: Option<PathBuf>,
    /// Learnt from the first container that was refused.
    allowed: Arc<Mutex<Allowed>>,
}

impl Docker {
    /// `docker` from the path, or what the environment variable `DOCKER` names.
    pub fn from_environment() -> Self {
        let program = std::env::var_os("DOCKER").unwrap_or_else(|| OsString::from("docker"));
        Self {
            program: program.into(),
            seccomp: None,
            allowed: Arc::default(),
        }
    }

    /// The same client, running every container under this seccomp profile.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn confined(self, profile: &Path) -> Result<Self, Error> {
        let refuse = |error| Error::usage(format!("--seccomp {}: {error}", profile.display()));
        File::open(profile).map_err(refuse)?;
        // The client looks for it from its own folder.
        let seccomp = Some(profile.canonicalize().map_err(refuse)?);
        Ok(Self { seccomp, ..self })
    }

    fn output<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> io::Result<Output> {
        Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
    }

    /// The same for a call that changes something. An engine does what it was
    /// asked for even when the client is gone, so a signal waits until it is done,
    /// and that of a terminal does not reach the client.
    fn change<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> io::Result<Output> {
        cleanup::undisturbed(|| {
            Command::new(&self.program)
                .args(arguments)
                .stdin(Stdio::null())
                .process_group(0)
                .output()
        })
    }

    /// The engine's version.
    ///
    /// # Errors
    /// The reason, in a few words, why there is none.
    pub fn answers(&self) -> Result<String, String> {
        let output = self
            .output(["info", "--format", "{{.ServerVersion}}"])
            .map_err(|error| format!("no Docker client: {error}"))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !version.is_empty() {
            Ok(version)
        } else {
            Err("no Docker engine answers".into())
        }
    }

    /// An entry's own `build.sh` where it has one, else `docker build`.
    pub(super) fn build_command(&self, entry: &Entry) -> Command {
        let own = entry.folder.join("build.sh");
        if own.is_file() {
            let mut command = Command::new(own);
            command.current_dir(&entry.folder);
            return command;
        }
        let mut command = Command::new(&self.program);
        command.args(["build", "--tag", &image(entry)]);
        if !self.has_bridge() {
            command.args(["--network", "host"]);
        }
        command.arg(&entry.folder);
        command
    }

    /// Sees to it that a container of this entry can be started on `port`:
    /// removes what cancelled runs of any entry left, and nothing else.
    ///
    /// # Errors
    /// When its name or the port is taken; with the container that has it, where
    /// there is one.
    pub(super) fn make_way(&self, entry: &Entry, purpose: Purpose, port: u16) -> Result<(), Error> {
        let (stale, others): (Vec<Listed>, Vec<Listed>) =
            self.containers().into_iter().partition(Listed::is_stale);
        for container in stale {
            println!(
                "removing container {}, which a cancelled run left",
                container.name
            );
            self.remove(&container.id);
        }
        let program = self.program.display().to_string();
        let name = container_name(entry, purpose);
        match others.iter().find(|container| container.name == name) {
            Some(taken) if taken.is_left_over() => self.remove(&taken.id),
            Some(taken) => return Err(Error::environment(taken.whose(&program))),
            None => {}
        }
        ports::must_be_free(port).map_err(|error| {
            let holder = processes::listener(port).map(|(pid, _)| pid);
            let container = others
                .iter()
                .find(|container| container.holds(port, holder));
            container.map_or(error, |container| {
                let whose = container.whose(&program);
                Error::environment(format!("port {port} is in use: {whose}"))
            })
        })
    }

    /// All containers of the engine, running or not.
    fn containers(&self) -> Vec<Listed> {
        let arguments = ["ps", "--all", "--no-trunc", "--format", containers::FORMAT];
        match self.output(arguments) {
            Ok(output) => containers::list(&String::from_utf8_lossy(&output.stdout)),
            Err(_) => Vec::new(),
        }
    }

    /// Whether the engine has the network that ports are published on. Without
    /// it (`dockerd --bridge=none`) `--publish` does nothing, and says nothing.
    pub(super) fn has_bridge(&self) -> bool {
        match self.output(["network", "ls", "--format", "{{.Name}}"]) {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
                .lines()
                .any(|name| name == "bridge"),
            _ => true,
        }
    }

    /// Starts a container in the background, with limits as high as the engine
    /// allows.
    pub(super) fn run(&self, options: &RunOptions) -> Result<Container, Error> {
        let container = Container::claim(&self.program, &options.name);
        let mut reason = String::new();
        for _ in 0..ATTEMPTS {
            let allowed = self.allowed().clone();
            let output = self
                .change(options.arguments(&allowed))
                .context(|| format!("run {}", self.program.display()))?;
            if output.status.success() {
                return Ok(container);
            }
            reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if reason.contains(NAME_TAKEN) {
                // Since a moment ago, and by somebody else.
                container.leave();
                break;
            }
            // It was created all the same.
            self.remove(&options.name);
            let refused = limits::refused(&reason);
            if refused.is_empty() {
                break;
            }
            let most = self.own_limits(options);
            for limit in refused {
                let most = limits::hard(&most, limit);
                println!("{}", self.allowed().lower(limit, most));
            }
        }
        Err(Error::environment(format!(
            "docker run of {} failed: {reason}",
            options.image
        )))
    }

    fn allowed(&self) -> std::sync::MutexGuard<'_, Allowed> {
        self.allowed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits that a container has when none is asked for, as in
    /// `/proc/PID/limits`. Its hard ones are the most that the engine may set.
    /// Where a container cannot be looked at (it ended at once, the engine is in
    /// a virtual machine) those of this process stand in.
    fn own_limits(&self, options: &RunOptions) -> String {
        let _ = self.change(options.arguments(&Allowed::untouched()));
        let pid = self.process(&options.name);
        let read = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/limits")).ok();
        let text = pid.and_then(|pid| read(&pid.to_string()));
        self.remove(&options.name);
        text.or_else(|| read("self")).unwrap_or_default()
    }

    fn remove(&self, container: &str) {
        // Fails when there is none, which is the usual case.
        let _ = self.change(["rm", "--force", container]);
    }

    fn inspect(&self, container: &str, format: &str) -> Option<String> {
        let output = self
            .output(["inspect", "--format", format, container])
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    pub(super) fn process(&self, container: &str) -> Option<u32> {
        let pid = self.inspect(container, "{{.State.Pid}}")?.parse().ok()?;
        // With an engine in a virtual machine the number means nothing here.
        (pid != 0 && Path::new(&format!("/proc/{pid}")).exists()).then_some(pid)
    }

    pub(super) fn exit(&self, container: &str) -> Option<String> {
        let state = self.inspect(container, "{{.State.Running}} {{.State.ExitCode}}")?;
        let code = state.strip_prefix("false ")?;
        Some(format!("container exit code {code}"))
    }

    pub(super) fn logs(&self, container: &str, lines: usize) -> Vec<u8> {
        let tail = lines.to_string();
        match self.output(["logs", "--tail", &tail, container]) {
            Ok(output) => [output.stdout, output.stderr].concat(),
            Err(_) => Vec::new(),
        }
    }

    /// All of it in the order in which it came.
    pub(super) fn save_logs(&self, container: &str, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        let mut command = Command::new(&self.program);
        command.args(["logs", container]).stdin(Stdio::null());
        let status = command.stdout(file.try_clone()?).stderr(file).status()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("docker logs ended with {status}"))),
        }
    }
}

fn image(entry: &Entry) -> String {
    format!("httparena-{}", entry.name)
}

fn container_name(entry: &Entry, purpose: Purpose) -> String {
    let purpose = match purpose {
        Purpose::Validate => "validate",
        Purpose::Bench => "bench",
    };
    format!("httparena-{purpose}-{}", entry.name)
}

/// CPU numbers as `--cpuset-cpus` and people write them.
pub fn cpu_list(cpus: &[usize]) -> String {
    cpus.iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_client_is_a_reason() {
        let docker = Docker {
            program: "/nonexistent/docker".into(),
            seccomp: None,
            allowed: Arc::default(),
        };
        assert!(docker.answers().unwrap_err().contains("no Docker client"));
    }
}
