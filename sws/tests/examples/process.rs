//! An example that runs.

use crate::{
    common::{Answer, Client},
    socket::Socket,
};
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
};

pub(crate) struct Example {
    child: Child,
    stdout: ChildStdout,
    addr: SocketAddr,
}

/// `target/PROFILE/examples/NAME`, beside `target/PROFILE/deps/THIS_TEST`.
fn path(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile = this.parent().and_then(|deps| deps.parent()).unwrap();
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "{path:?} is missing: `cargo test` builds it, `cargo test --test examples` alone does not"
    );
    path
}

impl Example {
    /// Starts it and reads its start-up line, which has the port.
    pub(crate) fn start(name: &str) -> Self {
        let mut child = Command::new(path(name))
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let (_, addr) = line
            .trim()
            .rsplit_once("listening on ")
            .unwrap_or_else(|| panic!("{name}: {line}"));
        let addr: SocketAddr = addr.parse().unwrap();
        // What it says later belongs to the test's output; unread it would block at last.
        thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .for_each(|line| eprintln!("{line}"));
        });
        Self {
            child,
            stdout,
            addr: SocketAddr::from(([127, 0, 0, 1], addr.port())),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.addr)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.client().get(path)
    }

    pub(crate) fn socket(&self, path: &str) -> Socket {
        Socket::open(self.client(), path)
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn ask_to_stop(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        let killed = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(killed.success());
    }

    /// Stops it. A client that keeps its connection open all the while holds that up for a few seconds.
    pub(crate) fn stop(self) {
        self.ask_to_stop();
        let (status, _) = self.wait();
        assert!(status.success(), "{status}");
    }

    /// Waits for its end; returns what it printed.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap(), printed)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It is gone already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request with a body.
pub(crate) fn with_body(
    client: &mut Client,
    line: &str,
    content_type: &str,
    body: &[u8],
) -> Answer {
    let length = body.len();
    client.send(format!(
        "{line} HTTP/1.1\r\nHost: t\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    ));
    client.send(body);
    client.answer()
}
