//! Resident bytes of a server by idle connection and by `async` handler that waits, printed as a table.
//!
//! `cargo bench -p sws --bench memory`: the server is a process of its own, and this one its clients. Each may have as many
//! connections as descriptors (`ulimit -Hn`); with fewer than wanted, it is said and fewer are measured.

use socket2::{Domain, Socket, Type};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    num::NonZeroUsize,
    process::{Child, Command, Stdio},
    time::Duration,
};
use sws::{Config, Context, EngineKind, Request, Response, Server, next};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const WAITING: usize = 100_000;
const IDLE: usize = 16_000;
/// What a process needs besides connections.
const SPARE_DESCRIPTORS: usize = 200;
/// Connections before the first reading, so that what there is once is there.
const FIRST: usize = 300;
/// Connections from one address: fewer than it has ports.
const PER_ADDRESS: usize = 20_000;
const FIRST_PORT: u16 = 10_000;
/// An hour: longer than the program runs.
const LONG: Duration = Duration::from_secs(3600);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [serve, engine] if serve == "serve" => return run_server(engine.parse()?),
        // `cargo test --all-targets` runs benches too, without this argument: nothing is tested here.
        rest if !rest.iter().any(|argument| argument == "--bench") => return Ok(()),
        _ => {}
    }
    let files = usize::try_from(sws_ring::sys::raise_nofile()?.soft).unwrap_or(usize::MAX);
    let room = files.saturating_sub(SPARE_DESCRIPTORS + FIRST);
    println!("{files} descriptors a process");
    println!(
        "{:<12}{:<44}{:>9}{:>12}{:>12}",
        "engine", "what", "count", "bytes each", "of them heap"
    );
    for engine in [EngineKind::IoUring, EngineKind::Epoll] {
        measure(engine, "idle keep-alive connections", "/", IDLE.min(room))?;
        measure(
            engine,
            "async handlers that wait for a timer",
            "/wait",
            WAITING.min(room),
        )?;
        measure(
            engine,
            "the same on connections that were there",
            "/both",
            WAITING.min(room),
        )?;
        measure(
            engine,
            "tasks that wait for a timer, no connection",
            "/tasks",
            WAITING,
        )?;
    }
    Ok(())
}

fn run_server(engine: EngineKind) -> Result<()> {
    let server = Server::builder()
        .config(Config {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            reactors: NonZeroUsize::new(1),
            engine,
            idle_timeout: LONG,
            ..Config::default()
        })
        .get(
            "/",
            |_: &mut (), _: &Request<'_>, response: Response<'_>| response.text("ready"),
        )
        .get("/wait", |_: Context<()>| async {
            sws::time::sleep(LONG).await;
            "late"
        })
        .get("/tasks", |_: Context<()>| async {
            for _ in 0..WAITING {
                if next::go(sws::time::sleep(LONG)).is_err() {
                    return "too many";
                }
            }
            next::yield_now().await;
            "ready"
        })
        .start()?;
    println!("{}", server.addr());
    let counters = server.counters_handle();
    // One line asked, one answered: how many requests have come.
    for line in io::stdin().lines() {
        drop(line?);
        println!("{}", counters.get().requests);
    }
    // Handlers that wait are not waited for.
    std::process::exit(0);
}

/// A server's process.
struct Process {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    addr: SocketAddr,
}

impl Process {
    fn start(engine: EngineKind) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", engine.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("its output")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let addr = line.trim().parse()?;
        Ok(Self { child, lines, addr })
    }

    fn requests(&mut self) -> Result<u64> {
        let input = self.child.stdin.as_mut().ok_or("its input")?;
        input.write_all(b"?\n")?;
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }

    fn wait_for_requests(&mut self, count: usize) -> Result<()> {
        while self.requests()? < count as u64 {
            std::thread::sleep(Duration::from_millis(20));
        }
        // The turn in which the last one came ends.
        std::thread::sleep(Duration::from_millis(200));
        Ok(())
    }

    /// Resident bytes: all, and those that are no file's.
    fn resident(&self) -> Result<(i64, i64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> Result<i64> {
            let line = status.lines().find(|line| line.starts_with(name));
            let text = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(text.ok_or("a field of status")?.parse::<i64>()? * 1024)
        };
        Ok((field("VmRSS:")?, field("RssAnon:")?))
    }

    fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

fn connect(addr: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Ports are given out here: the kernel's search for a free one takes longer the more are in use. A reset at the end leaves none
    // in use for the next measurement.
    let source = Ipv4Addr::new(127, 0, 0, 2 + (number / PER_ADDRESS) as u8);
    let port = FIRST_PORT + (number % PER_ADDRESS) as u16;
    socket.bind(&SocketAddr::from((source, port)).into())?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.connect(&addr.into())?;
    Ok(socket.into())
}

fn ask(stream: &mut TcpStream, path: &str) -> io::Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n\r\n").as_bytes())
}

fn answered(stream: &mut TcpStream) -> Result<()> {
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer)?;
    if answer[..count].ends_with(b"ready") {
        Ok(())
    } else {
        Err(format!(
            "not served: {:?}",
            String::from_utf8_lossy(&answer[..count])
        )
        .into())
    }
}

fn measure(engine: EngineKind, what: &str, path: &str, count: usize) -> Result<()> {
    let mut process = Process::start(engine)?;
    let mut streams = Vec::new();
    let wanted = if path == "/tasks" { 0 } else { count };
    let mut more = |number: usize, path: &str| -> Result<()> {
        let mut stream = connect(process.addr, number)?;
        ask(&mut stream, path)?;
        if path == "/" {
            answered(&mut stream)?;
        }
        streams.push(stream);
        Ok(())
    };
    // Idle ones are asked for once, those for "/both" first.
    let first = if path == "/wait" { "/wait" } else { "/" };
    for number in 0..FIRST {
        more(number, first)?;
    }
    let mut requests = FIRST;
    if path == "/both" {
        for number in FIRST..FIRST + wanted {
            more(number, "/")?;
        }
        requests += wanted;
    }
    process.wait_for_requests(requests)?;
    let before = process.resident()?;
    match path {
        "/tasks" => {
            ask(&mut streams[0], path)?;
            answered(&mut streams[0])?;
        }
        "/both" => {
            for stream in &mut streams[FIRST..] {
                ask(stream, "/wait")?;
            }
            process.wait_for_requests(requests + wanted)?;
        }
        path => {
            for number in FIRST..FIRST + wanted {
                let mut stream = connect(process.addr, number)?;
                ask(&mut stream, path)?;
                if path == "/" {
                    answered(&mut stream)?;
                }
                streams.push(stream);
            }
            process.wait_for_requests(requests + wanted)?;
        }
    }
    let after = process.resident()?;
    let each = |before: i64, after: i64| (after - before) as f64 / count as f64;
    println!(
        "{:<12}{what:<44}{count:>9}{:>12.0}{:>12.0}",
        engine.as_str(),
        each(before.0, after.0),
        each(before.1, after.1)
    );
    drop(streams);
    process.stop()
}
