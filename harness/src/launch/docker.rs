//! The Docker side of launching: argument lists and the few calls of the client.

use super::{Purpose, Start, ports};
use crate::cleanup::Container;
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::profiles::Generation;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The Docker client program.
#[derive(Debug, Clone)]
pub struct Docker {
    program: PathBuf,
}

impl Docker {
    /// `docker` from the path, or what the environment variable `DOCKER` names.
    pub fn from_environment() -> Self {
        let program = std::env::var_os("DOCKER").unwrap_or_else(|| OsString::from("docker"));
        Self {
            program: program.into(),
        }
    }

    fn output<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> std::io::Result<Output> {
        Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
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
        command
            .args(["build", "--tag", &image(entry)])
            .arg(&entry.folder);
        command
    }

    /// Removes a container of ours that an earlier run left behind.
    pub(super) fn remove_stale(&self, entry: &Entry, purpose: Purpose) {
        // Fails when there is none, which is the usual case.
        let _ = self.output(["rm", "--force", &container_name(entry, purpose)]);
    }

    /// Starts a container in the background.
    pub(super) fn run(&self, options: &RunOptions) -> Result<Container, Error> {
        let container = Container::claim(&self.program, &options.name);
        let output = self
            .output(options.arguments())
            .context(|| format!("run {}", self.program.display()))?;
        if output.status.success() {
            return Ok(container);
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::environment(format!(
            "docker run of {} failed: {reason}",
            options.image
        )))
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

/// What decides the arguments of `docker run`.
#[derive(Debug)]
pub(super) struct RunOptions {
    name: String,
    image: String,
    purpose: Purpose,
    io_uring: bool,
    port: u16,
    cpus: Option<String>,
    nofile: u64,
    mounts: Vec<(PathBuf, &'static str)>,
}

impl RunOptions {
    pub(super) fn new(entry: &Entry, start: &Start<'_>) -> Self {
        let files: &[&'static str] = match start.generation {
            Generation::March2026 => &["dataset.json", "dataset-large.json", "benchmark.db"],
            Generation::April2026 => &["dataset.json"],
        };
        Self {
            name: container_name(entry, start.purpose),
            image: image(entry),
            purpose: start.purpose,
            io_uring: entry.meta.engine == "io_uring",
            port: start.port,
            cpus: start.cpus.map(cpu_list),
            nofile: hard_nofile(),
            mounts: files
                .iter()
                .map(|file| (start.data.join(file), *file))
                .collect(),
        }
    }

    /// Docker's default seccomp profile refuses io_uring, and rings are charged
    /// to locked memory by older kernels; measurements run without either limit
    /// for every entry, so that none is favoured.
    fn arguments(&self) -> Vec<String> {
        let mut list: Vec<String> = ["run", "--detach", "--name", &self.name]
            .map(str::to_owned)
            .into();
        match self.purpose {
            Purpose::Validate => {
                list.extend([
                    "--publish".into(),
                    format!("127.0.0.1:{}:{}", self.port, ports::ARENA),
                ]);
            }
            Purpose::Bench => {
                list.extend(["--network", "host"].map(str::to_owned));
                if self.port != ports::ARENA {
                    list.extend(["--env".into(), format!("PORT={}", self.port)]);
                }
            }
        }
        if self.io_uring || self.purpose == Purpose::Bench {
            list.extend(
                [
                    "--security-opt",
                    "seccomp=unconfined",
                    "--ulimit",
                    "memlock=-1:-1",
                ]
                .map(str::to_owned),
            );
        }
        list.extend(["--ulimit".into(), format!("nofile={0}:{0}", self.nofile)]);
        if let Some(cpus) = &self.cpus {
            list.extend(["--cpuset-cpus".into(), cpus.clone()]);
        }
        for (source, file) in &self.mounts {
            list.extend([
                "--volume".into(),
                format!("{}:/data/{file}:ro", source.display()),
            ]);
        }
        list.push(self.image.clone());
        list
    }
}

/// CPU numbers as `--cpuset-cpus` and people write them.
pub fn cpu_list(cpus: &[usize]) -> String {
    cpus.iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// The host's hard limit of open files; a container cannot be given "no limit".
fn hard_nofile() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .maximum
        .unwrap_or(1_048_576)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(purpose: Purpose, io_uring: bool, port: u16) -> RunOptions {
        RunOptions {
            name: "httparena-validate-x".into(),
            image: "httparena-x".into(),
            purpose,
            io_uring,
            port,
            cpus: None,
            nofile: 1000,
            mounts: vec![("/d/dataset.json".into(), "dataset.json")],
        }
    }

    #[test]
    fn a_validation_is_bridged_and_confined() {
        assert_eq!(
            options(Purpose::Validate, false, 9000).arguments(),
            [
                "run",
                "--detach",
                "--name",
                "httparena-validate-x",
                "--publish",
                "127.0.0.1:9000:8080",
                "--ulimit",
                "nofile=1000:1000",
                "--volume",
                "/d/dataset.json:/data/dataset.json:ro",
                "httparena-x",
            ]
        );
    }

    #[test]
    fn io_uring_gets_its_flags() {
        let list = options(Purpose::Validate, true, 8080).arguments().join(" ");
        assert!(
            list.contains("--security-opt seccomp=unconfined --ulimit memlock=-1:-1"),
            "{list}"
        );
    }

    #[test]
    fn a_measurement_uses_the_host_network_without_limits() {
        let mut options = options(Purpose::Bench, false, 8080);
        options.cpus = Some(cpu_list(&[0, 2]));
        let list = options.arguments().join(" ");
        assert!(
            list.contains("--network host --security-opt seccomp=unconfined"),
            "{list}"
        );
        assert!(list.contains("--cpuset-cpus 0,2"), "{list}");
        assert!(
            !list.contains("--publish") && !list.contains("PORT="),
            "{list}"
        );
        options.port = 9001;
        assert!(options.arguments().join(" ").contains("--env PORT=9001"));
    }

    #[test]
    fn a_missing_client_is_a_reason() {
        let docker = Docker {
            program: "/nonexistent/docker".into(),
        };
        assert!(docker.answers().unwrap_err().contains("no Docker client"));
    }
}
