//! Runs the real binary and talks to it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use sws_server::testdata::{self, Generation};
use tempfile::TempDir;

/// Nothing on loopback takes this long unless it hangs, and less than the
/// server's own timeouts.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) const ENGINES: [&str; 2] = ["io_uring", "epoll"];

/// Runs `test` with a server of each engine on the data of `generation`.
pub(crate) fn on_both_engines(generation: Generation, test: impl Fn(&Server)) {
    let data = data_dir(generation);
    for engine in ENGINES {
        let server = Server::start(engine, data.path(), &[]);
        test(&server);
        assert!(server.stop().success(), "{engine}: graceful stop");
    }
}

/// A data directory with all three files.
pub(crate) fn data_dir(generation: Generation) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, count| {
        fs::write(dir.path().join(name), testdata::dataset(generation, count)).unwrap();
    };
    write("dataset.json", 50);
    write("dataset-large.json", 6000);
    write_database(&dir.path().join("benchmark.db"));
    dir
}

fn write_database(path: &Path) {
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL,
                price REAL NOT NULL, quantity INTEGER NOT NULL, active INTEGER NOT NULL,
                tags TEXT NOT NULL, rating_score REAL NOT NULL, rating_count INTEGER NOT NULL);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
             INSERT INTO items SELECT i, 'Item ' || i, 'tools', i + 0.25, i, i % 2,
                '[\"new\", \"tag ' || i || '\"]', 3.5, i FROM n;",
        )
        .unwrap();
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub(crate) engine: &'static str,
    pub(crate) addr: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(engine: &'static str, data_dir: &Path, arguments: &[&str]) -> Self {
        let mut child = command()
            .args(["--port", "0", "--host", "127.0.0.1", "--reactors", "2"])
            .args(["--engine", engine, "--data-dir"])
            .arg(data_dir)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = collect(child.stderr.take().unwrap());
        let deadline = Instant::now() + PATIENCE;
        let addr = loop {
            if let Some(addr) = log
                .lock()
                .unwrap()
                .iter()
                .find_map(|line| listening_on(line))
            {
                break addr;
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{engine}: {status}: {:#?}", log.lock().unwrap());
            }
            assert!(
                Instant::now() < deadline,
                "no start-up line: {:#?}",
                log.lock().unwrap()
            );
            thread::sleep(Duration::from_millis(5));
        };
        Self {
            engine,
            addr,
            child,
            log,
        }
    }

    /// What the server has written to stderr.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a line on stderr, which comes by another way than answers.
    pub(crate) fn await_log(&self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().iter().any(|line| line.contains(part)) {
            assert!(
                Instant::now() < deadline,
                "no {part:?} in {:#?}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(self) -> ExitStatus {
        self.terminate();
        self.ended()
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.addr)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// All that comes until the server closes.
    pub(crate) fn read_to_close(&self, mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            let read = answer.escape_ascii();
            panic!("{}: not closed after \"{read}\": {error}", self.engine);
        }
        String::from_utf8(answer).unwrap()
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.request("GET", target, &[], None)
    }

    pub(crate) fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Reply {
        self.request("GET", target, fields, None)
    }

    pub(crate) fn post(&self, target: &str, body: &[u8]) -> Reply {
        self.request("POST", target, &[], Some(body))
    }

    /// One request by a client that is not ours.
    pub(crate) fn request(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Reply {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(target));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => agent.run(request.body(body).unwrap()),
            None => agent.run(request.body(()).unwrap()),
        };
        Reply::new(
            response.unwrap_or_else(|error| panic!("{}: {method} {target}: {error}", self.engine)),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, deaf to the settings of whoever runs the tests.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sws"));
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Runs the binary until it ends by itself: exit code, stdout, stderr.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let status = wait(&mut child);
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.unwrap().read_to_string(&mut stdout).unwrap();
    child.stderr.unwrap().read_to_string(&mut stderr).unwrap();
    (status.code(), stdout, stderr)
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the server does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

fn collect(stderr: ChildStderr) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
    log
}

/// The address in the start-up line.
fn listening_on(line: &str) -> Option<SocketAddr> {
    line.split([' ', ','])
        .find_map(|word| word.trim_start_matches("http://").parse().ok())
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    fields: Vec<(String, String)>,
}

impl Reply {
    fn new(response: ureq::http::Response<ureq::Body>) -> Self {
        let (head, mut body) = response.into_parts();
        let fields = head.headers.iter();
        Self {
            status: head.status.as_u16(),
            body: body.with_config().limit(1 << 26).read_to_vec().unwrap(),
            fields: fields
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "{name} twice");
        Some(value)
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(
            (self.status, self.field("content-type")),
            (200, Some("application/json"))
        );
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Writes `parts` with a pause after each, so that they arrive separately, and
/// reads all that comes until the server closes.
pub(crate) fn exchange(server: &Server, parts: &[&[u8]]) -> String {
    let mut stream = server.connect();
    for part in parts {
        stream.write_all(part).unwrap();
        thread::sleep(Duration::from_millis(30));
    }
    server.read_to_close(stream)
}
