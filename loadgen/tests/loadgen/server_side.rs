//! The server's side of a run: its processes are watched while it is measured.

use crate::{
    server::{OK, Server},
    tool::{Output, finish, json, number, run, start, words},
};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::PathBuf,
    process::{self, Child, Command, Stdio},
    sync::Mutex,
    thread,
};

/// The servers of these tests are threads of this process.
fn own_pid() -> String {
    process::id().to_string()
}

/// Runs against this server while a process is watched; `flags` in one line.
fn watching(pid: &str, server: &Server, flags: &str) -> (Value, Output) {
    let line = format!("{} --server-pid {pid} {flags}", server.url());
    json(&words(&line))
}

/// A process that is ended with the test.
struct Watched(Child);

impl Watched {
    fn start(script: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn positive(value: &Value) -> f64 {
    let number = value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"));
    assert!(number > 0.0, "{number}");
    number
}

#[test]
fn a_process_is_measured_over_the_window() {
    // Not this process: its children are those of all tests.
    let watched = Watched::start("while :; do :; done");
    let server = Server::answering(OK);
    let clock = || sws_ring::sys::cpu_time_of(watched.0.id()).unwrap();
    let before = clock();
    let flags =
        "-c 4 -d 500ms --interval 100ms --fail-if server-rss>100GB --fail-if server-cpu>100s";
    let (report, output) = watching(&watched.pid(), &server, flags);
    let spent = clock() - before;
    assert_eq!(output.code, Some(0), "{report:#}");
    let side = &report["server"];
    assert_eq!(side["source"], "pid");
    assert_eq!(side["name"], watched.pid());
    assert_eq!(
        (&side["processes"], &side["threads"]),
        (&1.into(), &1.into())
    );
    let cpu = positive(&side["cpu_sec"]);
    assert!(cpu <= spent.as_secs_f64(), "{cpu} of {spent:?}");
    let each = positive(&side["cpu_us_per_answer"]);
    let answers = number(&report["responses"]) as f64;
    assert!(
        (each * answers / 1e6 - cpu).abs() <= cpu * 0.01 + 1e-4,
        "{side:#}"
    );
    let cores = positive(&side["cpu_cores_used"]);
    let saturation = cores / positive(&side["cpus_allowed"]);
    assert!(
        (positive(&side["cpu_saturation"]) - saturation).abs() < 0.01,
        "{side:#}"
    );
    assert!(positive(&side["busiest_thread"]) <= 1.0, "{side:#}");
    assert!(positive(&side["saturation"]) >= saturation);
    assert!(number(&side["rss_peak_bytes"]) >= number(&side["rss_bytes"]));
    assert_eq!(side["shares_network"], true);
    assert!(side["retransmits"].is_u64() && side["listen_overflows"].is_u64());
    assert_eq!(side["notes"], Value::Array(Vec::new()));
    let samples = side["samples"].as_array().unwrap();
    assert!(!samples.is_empty() && samples.len() <= 6, "{samples:?}");
    for gate in report["gates"].as_array().unwrap() {
        assert_eq!(gate["pass"], true, "{gate}");
    }
}

#[test]
fn threads_and_their_switches_are_counted() {
    let server = Server::answering(OK);
    let (report, _) = watching(&own_pid(), &server, "-c 4 -d 200ms");
    let side = &report["server"];
    // The listener and the connections, at least.
    assert!(number(&side["threads"]) >= 5, "{side:#}");
    assert!(number(&side["voluntary_switches"]) > 0, "{side:#}");
}

#[test]
fn gates_on_the_server_can_be_breached() {
    let server = Server::answering(OK);
    let common = format!("{} -c 2 -d 150ms --fail-if", server.url());
    for gate in ["server-rss>1KB", "server-cpu>1ns"] {
        let line = format!("{common} {gate} --server-pid {}", own_pid());
        let output = run(&words(&line));
        assert_eq!(output.code, Some(3), "{output:?}");
    }
    let output = run(&words(&format!("{common} server-rss>1GB")));
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output.stdout.contains("did not measure"),
        "{}",
        output.stdout
    );
}

#[test]
fn the_text_has_it_after_the_result() {
    let server = Server::answering(OK);
    let line = format!("{} -c 2 -d 200ms --server-pid {}", server.url(), own_pid());
    let output = run(&words(&line));
    assert_eq!(output.code, Some(0), "{output:?}");
    let (_, after) = output.stdout.split_once("Reconnects: ").unwrap();
    for part in [
        "  Host:",
        "listen overflows",
        "  Server:",
        "us CPU per answer",
        "peak",
        "voluntary",
    ] {
        assert!(after.contains(part), "{part}: {}", output.stdout);
    }
    let (report, _) = json(&[&server.url(), "-c", "2", "-d", "150ms"]);
    assert_eq!(report["server"], Value::Null);
    assert!(number(&report["client"]["rss_peak_bytes"]) > 0);
}

#[test]
fn child_processes_belong_to_it() {
    // The shell waits for a child that never rests, and says when it has it.
    let child = Command::new("sh")
        .args([
            "-c",
            "(while :; do :; done) & child=$!; trap 'kill $child; exit' TERM; echo up; wait",
        ])
        .stdout(Stdio::piped())
        .spawn();
    let mut shell = child.unwrap();
    let mut word = [0; 3];
    shell.stdout.take().unwrap().read_exact(&mut word).unwrap();
    let server = Server::answering(OK);
    let pid = shell.id().to_string();
    let (report, output) = watching(&pid, &server, "-c 1 -d 300ms");
    let ended = Command::new("kill").arg(&pid).status().unwrap();
    assert!(ended.success());
    shell.wait().unwrap();
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["server"]["processes"], 2, "{report:#}");
    positive(&report["server"]["cpu_sec"]);
    assert_eq!(report["server"]["programs"], serde_json::json!(["sh"]));
}

#[test]
fn a_server_that_ends_is_no_end_of_the_run() {
    let watched = Watched::start("read line");
    let pid = watched.pid();
    let watched = Mutex::new(watched);
    // With -n nothing is sent before the window, so it ends within it.
    let server = Server::start(move |connection| {
        loop {
            connection.request()?;
            let child = &mut watched.lock().unwrap().0;
            // It has no time to end before its parent waits for it.
            let _ = child.kill();
            child.wait()?;
            connection.write(OK)?;
        }
    });
    let (report, output) = watching(&pid, &server, "-c 1 -n 200 -d 20s");
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["responses"], 200);
    let notes = report["server"]["notes"].to_string();
    assert!(
        notes.contains(&format!("process {pid}")) && notes.contains("ended"),
        "{notes}"
    );
    assert_eq!(report["server"]["processes"], 0);
}

#[test]
fn what_is_not_there_is_refused() {
    let gone = {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id().to_string()
    };
    let url = "http://127.0.0.1:1/";
    for (flags, parts) in [
        (
            ["--server-pid", &gone],
            ["--server-pid", "there is no process"],
        ),
        (["--server-pid", "0"], ["--server-pid", "0"]),
        (["--server-pid", "nginx"], ["--server-pid", "nginx"]),
        (
            ["--server-cgroup", "/no/such"],
            ["--server-cgroup", "/no/such"],
        ),
        (["--server-container", "-x"], ["-x", "unexpected"]),
        (
            ["--server-container", "a/b"],
            ["--server-container", "no name or id"],
        ),
    ] {
        let output = run(&[&[url], flags.as_slice()].concat());
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{flags:?}"
        );
        for part in parts {
            assert!(output.stderr.contains(part), "{flags:?}: {}", output.stderr);
        }
    }
    let output = run(&[url, "--server-pid", "1", "--server-cgroup", "/x"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("--server-cgroup"),
        "{}",
        output.stderr
    );
}

/// The cgroup of this process, where version 2 is mounted.
fn own_cgroup() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let place = fields.next()?;
        (fields.next()? == "cgroup2").then(|| PathBuf::from(place))
    })?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = mount.join(path);
    path.join("cpu.stat").is_file().then_some(path)
}

#[test]
fn a_cgroup_is_measured_as_a_whole() {
    let server = Server::answering(OK);
    let group = own_cgroup();
    let path = group.clone().unwrap_or_else(|| "/sys/fs/cgroup".into());
    let path = path.to_str().unwrap();
    let line = format!("{} -c 2 -d 300ms --server-cgroup {path}", server.url());
    let args = words(&line);
    if group.is_none() {
        let output = run(&args);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(
            output.stderr.contains("--server-cgroup"),
            "{}",
            output.stderr
        );
        return;
    }
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    let side = &report["server"];
    assert_eq!(
        (&side["source"], &side["name"]),
        (&"cgroup".into(), &path.into())
    );
    // The client is in it as well.
    assert!(number(&side["processes"]) >= 2, "{side:#}");
    let client = report["client"]["cpu_sec"].as_f64().unwrap();
    assert!(positive(&side["cpu_sec"]) > client * 0.5, "{side:#}");
}

/// An engine that answers every question with these bytes.
fn engine(answer: String) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                question.push(byte[0]);
            }
            assert!(question.starts_with(b"GET /containers/web-1/json HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (folder, format!("unix://{}", path.display()))
}

/// A run that may ask the engine at `host` only.
fn with_engine(host: &str, args: &[&str]) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(args)
        .env("DOCKER_HOST", host)
        .env("PATH", "/nowhere")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    finish(child.unwrap())
}

#[test]
fn a_container_is_found_by_name() {
    let server = Server::answering(OK);
    let found = format!(
        "HTTP/1.0 200 OK\r\n\r\n{{\"State\":{{\"Pid\":{}}}}}",
        process::id()
    );
    let (_folder, host) = engine(found);
    let line = format!(
        "{} -c 2 -d 200ms --json --server-container web-1",
        server.url()
    );
    let args = words(&line);
    let output = with_engine(&host, &args);
    assert_eq!(output.code, Some(0), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    crate::schema::validate(&report);
    assert_eq!(report["server"]["source"], "container");
    assert_eq!(report["server"]["name"], "web-1");
    positive(&report["server"]["cpu_sec"]);

    let stopped = "HTTP/1.0 200 OK\r\n\r\n{\"State\":{\"Pid\":0}}";
    let missing = "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container: web-1\"}";
    for (answer, part) in [
        (stopped, "is not running"),
        (missing, "No such container: web-1"),
    ] {
        let (_folder, host) = engine(answer.into());
        let output = with_engine(&host, &args);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{output:?}"
        );
        assert!(output.stderr.contains(part), "{}", output.stderr);
        assert!(
            output.stderr.contains("--server-container"),
            "{}",
            output.stderr
        );
    }
    let output = with_engine("unix:///no/such.sock", &args);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("neither docker nor podman"),
        "{}",
        output.stderr
    );
}

#[test]
fn the_page_draws_it() {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.html");
    let flags = format!("-c 2 -d 400ms --interval 100ms --html {}", path.display());
    let (_, output) = watching(&own_pid(), &server, &flags);
    assert_eq!(output.code, Some(0), "{output:?}");
    let page = fs::read_to_string(path).unwrap();
    for part in [
        "Machines",
        "CPUs that the server used",
        "server memory, peak",
        "switches/s",
        "steal",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_signal_ends_the_watch_as_well() {
    let server = Server::answering(OK);
    let line = format!(
        "{} -c 2 -d 60s --json --server-pid {}",
        server.url(),
        own_pid()
    );
    let child = start(&words(&line));
    while server.requests().len() < 1000 {
        thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = finish(child);
    assert_eq!(output.code, Some(130), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    crate::schema::validate(&report);
    assert_eq!(report["server"]["source"], "pid");
}
