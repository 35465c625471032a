//! Building, starting and stopping an entry, natively or in Docker.

pub mod docker;
pub mod ports;

use crate::cleanup::{Container, Process, TempFolder, strays};
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::processes;
use crate::profiles::Generation;
use docker::{Docker, RunOptions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process whose port refuses connections may take to be gone.
const DYING: Duration = Duration::from_secs(2);
/// How long a server may take to end after SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// A `run.sh build` that ends with this has said what the machine has not got.
const SKIPPED: i32 = 77;
/// A server that answers and has printed nothing for so long has said what it is.
const SILENCE: Duration = Duration::from_millis(100);
/// As long as that is waited for where one goes on printing.
const SAYS_WITHIN: Duration = Duration::from_secs(1);
/// Lines that are enough to say it, with a warning or two.
const GREETING_LINES: usize = 3;
/// Lines of a server's output that an error shows.
const LAST_LINES: usize = 15;

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

/// What to know about a native run of an entry that means to use io_uring on a
/// machine that forbids it: it may fall back to something else unseen.
pub fn caution(entry: &Entry, mode: &Mode) -> Option<String> {
    if entry.meta.engine != "io_uring" || !matches!(mode, Mode::Native) {
        return None;
    }
    let value = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?;
    let value = value.trim();
    (value != "0").then(|| {
        format!(
            "caution: kernel.io_uring_disabled is {value}: {} is built for io_uring and may run on something else",
            entry.name
        )
    })
}

/// Builds an entry with its own script or with Docker; output goes to the
/// terminal.
///
/// # Errors
/// When there is nothing to build with or the build fails. Apart from that
/// ([`Error::is_skip`]) when the entry says that this machine lacks what it needs.
pub fn build(entry: &Entry, mode: &Mode) -> Result<(), Error> {
    let mut command = match mode {
        Mode::Native => {
            runnable(&entry.script)?;
            let mut command = Command::new(&entry.script);
            command.arg("build").current_dir(&entry.folder);
            command
        }
        Mode::Docker(docker) => docker.build_command(entry),
    };
    println!("building {} ...", entry.name);
    if let Some(caution) = caution(entry, mode) {
        println!("{caution}");
    }
    // The report's lines and the builder's must not overtake each other.
    let _ = std::io::stdout().flush();
    let mut process = Process::spawn(command.stdin(Stdio::null()), None)
        .context(|| format!("start the build of {}", entry.name))?;
    let status = process.wait(Duration::MAX);
    if status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    if status.is_some_and(|status| status.code() == Some(SKIPPED)) {
        return Err(Error::skip(format!(
            "skipped: this machine lacks what {} needs",
            entry.name
        )));
    }
    let status = status.map_or_else(|| "no status".into(), |status| status.to_string());
    Err(Error::environment(format!(
        "{} could not be built ({status})",
        entry.name
    )))
}

fn runnable(script: &Path) -> Result<(), Error> {
    let found = std::fs::metadata(script)
        .map_err(|error| Error::environment(format!("{} is missing: {error}", script.display())))?;
    if found.permissions().mode() & 0o111 == 0 {
        return Err(Error::environment(format!(
            "{} is not executable",
            script.display()
        )));
    }
    Ok(())
}

#[derive(Debug)]
enum Running {
    Native(Process),
    Docker {
        docker: Docker,
        container: Container,
    },
}

/// A server that answered its first request; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    running: Running,
    port: u16,
    scratch: TempFolder,
}

impl Server {
    /// Starts an entry that has been built and waits until it answers.
    ///
    /// # Errors
    /// When the port is taken, the server ends early (its last lines are shown)
    /// or does not answer in time.
    pub fn start(entry: &Entry, mode: &Mode, start: &Start<'_>) -> Result<Self, Error> {
        let scratch = TempFolder::new("server")?;
        match mode {
            Mode::Native => ports::must_be_free(start.port)?,
            Mode::Docker(docker) => docker.make_way(entry, start.purpose, start.port)?,
        }
        let running = match mode {
            Mode::Native => Running::Native(start_native(entry, start, scratch.path())?),
            Mode::Docker(docker) => {
                let options = RunOptions::new(entry, start, docker);
                if let Some(note) = options.note() {
                    println!("{note}");
                }
                let container = docker.run(&options)?;
                Running::Docker {
                    docker: docker.clone(),
                    container,
                }
            }
        };
        let mut server = Self {
            running,
            port: start.port,
            scratch,
        };
        server.wait_until_ready(entry, start.ready_within)?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port))
    }

    /// The id of its first process, for measuring its tree. Containers have one
    /// too as long as the engine runs on this machine.
    pub fn process(&self) -> Option<u32> {
        match &self.running {
            Running::Native(process) => Some(process.id()),
            Running::Docker { docker, container } => docker.process(container.name()),
        }
    }

    /// Why it no longer runs, with its last lines; `None` while it does.
    pub fn death(&mut self) -> Option<String> {
        let how = match &mut self.running {
            Running::Native(process) => process.ended().map(|status| status.to_string()),
            Running::Docker { docker, container } => docker.exit(container.name()),
        }?;
        Some(format!("the server ended ({how})\n{}", self.last_lines()))
    }

    /// The same of a server that has just failed a check. While a process ends,
    /// its sockets are gone before it is: when the port refuses a connection the
    /// end is waited for.
    pub fn death_after_failure(&mut self) -> Option<String> {
        let death = self.death();
        if death.is_some() || TcpStream::connect_timeout(&self.address(), DYING).is_ok() {
            return death;
        }
        let deadline = Instant::now() + DYING;
        loop {
            let death = self.death();
            if death.is_some() || Instant::now() >= deadline {
                return death;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it printed; of a container the end.
    pub fn output(&self) -> String {
        let text = match &self.running {
            Running::Native(_) => std::fs::read(log_path(self.scratch.path())).unwrap_or_default(),
            Running::Docker { docker, container } => docker.logs(container.name(), LAST_LINES),
        };
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Writes all that it has printed into a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_output(&self, path: &Path) -> Result<(), Error> {
        let save = || match &self.running {
            Running::Native(_) => std::fs::copy(log_path(self.scratch.path()), path).map(drop),
            Running::Docker { docker, container } => docker.save_logs(container.name(), path),
        };
        save().context(|| format!("write {}", path.display()))
    }

    /// The first line of its output that holds `word`.
    pub fn said(&self, word: &str) -> Option<String> {
        let text = self.output();
        let line = text.lines().find(|line| line.contains(word))?;
        Some(line.trim().to_owned())
    }

    /// The last lines that it printed, waited for a little: most servers say
    /// there what they are and where they listen, some after a warning.
    pub fn greeting(&self) -> Vec<String> {
        let start = Instant::now();
        let mut since = start;
        let mut printed = self.output();
        while since.elapsed() < SILENCE && start.elapsed() < SAYS_WITHIN {
            std::thread::sleep(Duration::from_millis(10));
            let now = self.output();
            if now != printed {
                printed = now;
                since = Instant::now();
            }
        }
        // What comes after the last line break is still being written.
        let (lines, _) = printed.rsplit_once('\n').unwrap_or_default();
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        lines[lines.len().saturating_sub(GREETING_LINES)..].to_vec()
    }

    /// The end of what it printed, indented for a message.
    pub fn last_lines(&self) -> String {
        let text = self.output();
        let lines: Vec<&str> = text.lines().collect();
        if lines.is_empty() {
            return "  (it printed nothing)".into();
        }
        let first = lines.len().saturating_sub(LAST_LINES);
        lines[first..]
            .iter()
            .map(|line| format!("  | {line}"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn wait_until_ready(&mut self, entry: &Entry, limit: Duration) -> Result<(), Error> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(death) = self.death() {
                return Err(Error::environment(format!("{}: {death}", entry.name)));
            }
            if answers(self.address()) {
                return Ok(());
            }
            if start.elapsed() >= limit {
                return Err(Error::environment(format!(
                    "{} did not answer on port {} within {} s{}; its last lines:\n{}",
                    entry.name,
                    self.port,
                    limit.as_secs(),
                    self.what_it_does(),
                    self.last_lines()
                )));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    /// Why it may not answer, if that can be seen.
    fn what_it_does(&self) -> String {
        if TcpStream::connect_timeout(&self.address(), DYING).is_ok() {
            return ": it accepts connections, but what it sends is no HTTP answer".into();
        }
        let Running::Native(process) = &self.running else {
            return String::new();
        };
        match processes::ports(process.id()).as_slice() {
            [] => ": it listens on no port".into(),
            ports => {
                let list: Vec<String> = ports.iter().map(u16::to_string).collect();
                let list = list.join(", ");
                format!(": it listens on {list}, but is to take its port from PORT")
            }
        }
    }

    /// Stops it and waits until it is gone.
    pub fn stop(mut self) {
        if let Running::Native(process) = &mut self.running {
            process.stop(STOP_GRACE);
        }
    }
}

fn start_native(entry: &Entry, start: &Start<'_>, scratch: &Path) -> Result<Process, Error> {
    runnable(&entry.script)?;
    let log = log_path(scratch);
    let output = std::fs::File::create(&log).context(|| format!("create {}", log.display()))?;
    let errors = output
        .try_clone()
        .context(|| format!("open {}", log.display()))?;
    let mut command = Command::new(&entry.script);
    command
        .arg("start")
        .current_dir(&entry.folder)
        .env("PORT", start.port.to_string())
        .env("DATA_DIR", start.data)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    strays::leave_those_of_now();
    Process::spawn(&mut command, start.cpus).context(|| format!("start {}", entry.script.display()))
}

fn log_path(scratch: &Path) -> PathBuf {
    scratch.join("server.log")
}

/// Whether any HTTP answer comes back, whatever its status.
fn answers(address: SocketAddr) -> bool {
    let limit = Duration::from_secs(2);
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(
            b"GET /baseline11?a=1&b=1 HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n",
        )?;
        let mut first = [0; 5];
        stream.read_exact(&mut first)?;
        Ok(&first == b"HTTP/")
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn entry(folder: &Path, start: &str) -> Entry {
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

    fn start(port: u16, data: &Path) -> Start<'_> {
        Start {
            purpose: Purpose::Validate,
            port,
            data,
            generation: Generation::April2026,
            cpus: None,
            ready_within: Duration::from_millis(300),
        }
    }

    #[test]
    fn an_early_exit_shows_the_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let entry = entry(folder.path(), "echo no such database >&2; exit 7");
        let port = ports::free().unwrap();
        let error = Server::start(&entry, &Mode::Native, &start(port, folder.path())).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let text = error.to_string();
        assert!(
            text.contains("exit status: 7") && text.contains("| no such database"),
            "{text}"
        );
    }

    #[test]
    fn a_server_that_never_listens_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let entry = entry(folder.path(), "exec sleep 60");
        let port = ports::free().unwrap();
        let error = Server::start(&entry, &Mode::Native, &start(port, folder.path())).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("within 0 s: it listens on no port;"),
            "{error}"
        );
    }

    #[test]
    fn a_taken_port_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let entry = entry(folder.path(), "exec sleep 60");
        let error = Server::start(&entry, &Mode::Native, &start(port, folder.path())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("port {port} is in use")), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
    }

    #[test]
    fn only_io_uring_entries_can_be_cautioned() {
        let folder = tempfile::tempdir().unwrap();
        let mut entry = entry(folder.path(), "");
        assert_eq!(caution(&entry, &Mode::Native), None);
        entry.meta.engine = "io_uring".into();
        let forbidden = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
            .is_ok_and(|value| value.trim() != "0");
        assert_eq!(caution(&entry, &Mode::Native).is_some(), forbidden);
    }

    #[test]
    fn a_failing_build_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = build(&entry(folder.path(), "exit 1"), &Mode::Native).unwrap_err();
        assert_eq!((error.exit_code(), error.is_skip()), (3, false));
        let error = build(&entry(folder.path(), "exit 77"), &Mode::Native).unwrap_err();
        assert_eq!((error.exit_code(), error.is_skip()), (3, true));
        assert!(error.to_string().starts_with("skipped: "), "{error}");
        std::fs::remove_file(folder.path().join("run.sh")).unwrap();
        let mut missing = entry(folder.path(), "");
        missing.script = folder.path().join("absent.sh");
        assert!(
            build(&missing, &Mode::Native)
                .unwrap_err()
                .to_string()
                .contains("is missing")
        );
    }
}
