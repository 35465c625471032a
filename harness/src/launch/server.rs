//! A server: started, waited for, watched and stopped.

use super::build::runnable;
use super::docker::{Docker, RunOptions};
use super::{Mode, Start, ports};
use crate::cleanup::{Container, Process, TempFolder, strays};
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::processes;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process whose port refuses connections may take to be gone.
const DYING: Duration = Duration::from_secs(2);
/// How long a server may take to end after SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Where it runs.
#[derive(Debug)]
pub(super) enum Running {
    Native(Process),
    Docker {
        docker: Docker,
        container: Container,
    },
}

/// A server that answered its first request; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    pub(super) running: Running,
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

    /// What a native one prints into.
    pub(super) fn log_path(&self) -> PathBuf {
        log_path(self.scratch.path())
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
    use crate::launch::Purpose;
    use crate::launch::scripts::entry;
    use crate::profiles::Generation;
    use std::net::TcpListener;

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
}
