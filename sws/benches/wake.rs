//! How long it takes until a peer of an idle server has what another thread had done for it, printed as a table.
//!
//! `cargo bench -p sws --bench wake`: microseconds from the other thread's call until the peer has read. Each
//! measurement begins when everything is asleep. The machine should be, too: the figures are those of its scheduler as much as of
//! the server.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, TcpStream},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
use sws::{
    Answered, Config, Context, EngineKind, Rejection, Request, Responder, Response, Running,
    Server, next,
    ws::{Message, Sender, Socket, WebSocket},
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const MEASUREMENTS: usize = 2000;
/// Long enough for every thread to fall asleep.
const PAUSE: Duration = Duration::from_millis(2);
const THREADS: usize = 8;
const INVOKES: u64 = 100_000;

const REQUEST: &str = "GET /socket HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn main() -> Result<()> {
    // `cargo test --all-targets` runs benches too, without this argument: nothing is tested here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    println!(
        "{:<12}{:<44}{:>9}{:>9}{:>9}",
        "engine", "microseconds until the peer has it", "p50", "p99", "max"
    );
    for engine in [EngineKind::IoUring, EngineKind::Epoll] {
        let clock = Arc::new(AtomicU64::new(0));
        let (server, responders) = start(engine, &clock)?;
        print(
            engine,
            "Remote::invoke, sent to a WebSocket",
            invoke(&server)?,
        );
        print(engine, "Responder::send", respond(&server, &responders)?);
        print(
            engine,
            "a worker's result, answered by a handler",
            work(&server, &clock)?,
        );
        let nanos = burst(&server)?;
        let text = format!("nanoseconds an invoke, {THREADS} threads, {INVOKES} each");
        println!("{:<12}{text:<44}{nanos:>9}", engine.as_str());
        server.stop()?;
    }
    Ok(())
}

#[derive(Default)]
struct App {
    sender: Option<Sender>,
    invoked: u64,
}

/// Keeps its connection's sender where invokes find it.
struct Peer;

impl WebSocket<App> for Peer {
    fn open(&mut self, app: &mut App, socket: &mut Socket<'_>) {
        app.sender = Some(socket.sender());
    }

    fn message(&mut self, _: &mut App, _: &mut Socket<'_>, _: Message<'_>) {}
}

/// Nanoseconds since the program began.
fn now() -> u64 {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

fn start(
    engine: EngineKind,
    clock: &Arc<AtomicU64>,
) -> Result<(Running<App>, mpsc::Receiver<Responder>)> {
    let (sender, responders) = mpsc::channel();
    let clock = Arc::clone(clock);
    let server = Server::builder()
        .config(Config {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            reactors: NonZeroUsize::new(1),
            engine,
            workers: 1,
            pin_reactors: false,
            ..Config::default()
        })
        .state(|_| App::default())
        .ws("/socket", |_: &mut App, _: &Request<'_>| Peer)
        .get("/later", defer(std::sync::Mutex::new(sender)))
        .get("/work", move |_: Context<App>| {
            let clock = Arc::clone(&clock);
            async move {
                next::submit(move || {
                    thread::sleep(PAUSE);
                    clock.store(now(), Ordering::SeqCst);
                })
                .await?;
                Ok::<_, Rejection>("done")
            }
        })
        .start()?;
    Ok((server, responders))
}

fn defer(
    sender: std::sync::Mutex<mpsc::Sender<Responder>>,
) -> impl Fn(&mut App, &Request<'_>, Response<'_>) -> Answered + Send + Sync + 'static {
    move |_, _, response| {
        let (responder, answered) = response.defer();
        if let Ok(sender) = sender.lock() {
            // Nobody waits for it only when the program ends.
            let _ = sender.send(responder);
        }
        answered
    }
}

fn connect(server: &Running<App>) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server.addr())?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads until `end` has come.
fn read_through(stream: &mut TcpStream, end: &[u8]) -> io::Result<()> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 1024]);
    while !bytes.ends_with(end) {
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    Ok(())
}

fn invoke(server: &Running<App>) -> Result<Vec<u64>> {
    let mut stream = connect(server)?;
    stream.write_all(REQUEST.as_bytes())?;
    read_through(&mut stream, b"\r\n\r\n")?;
    let remote = server.remote(0).ok_or("a reactor")?;
    let mut latencies = Vec::new();
    for _ in 0..MEASUREMENTS {
        thread::sleep(PAUSE);
        let begin = now();
        remote.invoke(|app| {
            if let Some(sender) = &app.sender {
                // A peer that has gone is noticed by its reader.
                let _ = sender.send("now");
            }
        })?;
        read_through(&mut stream, b"now")?;
        latencies.push(now() - begin);
    }
    Ok(latencies)
}

fn respond(server: &Running<App>, responders: &mpsc::Receiver<Responder>) -> Result<Vec<u64>> {
    let mut stream = connect(server)?;
    let mut latencies = Vec::new();
    for _ in 0..MEASUREMENTS {
        stream.write_all(b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n")?;
        let responder = responders.recv()?;
        thread::sleep(PAUSE);
        let begin = now();
        responder.send("done");
        read_through(&mut stream, b"done")?;
        latencies.push(now() - begin);
    }
    Ok(latencies)
}

fn work(server: &Running<App>, clock: &AtomicU64) -> Result<Vec<u64>> {
    let mut stream = connect(server)?;
    let mut latencies = Vec::new();
    for _ in 0..MEASUREMENTS {
        stream.write_all(b"GET /work HTTP/1.1\r\nHost: t\r\n\r\n")?;
        read_through(&mut stream, b"done")?;
        latencies.push(now() - clock.load(Ordering::SeqCst));
    }
    Ok(latencies)
}

/// Nanoseconds from the first invoke to the last one's end, by invoke.
fn burst(server: &Running<App>) -> Result<u64> {
    let remote = server.remote(0).ok_or("a reactor")?;
    let begin = now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..INVOKES {
                    // It fails only when the server has ended.
                    let _ = remote.invoke(|app| app.invoked += 1);
                }
            });
        }
    });
    let (sender, receiver) = mpsc::channel();
    remote.invoke(move |app| {
        let _ = sender.send(app.invoked);
    })?;
    let (invoked, expected) = (receiver.recv()?, THREADS as u64 * INVOKES);
    if invoked != expected {
        return Err(format!("{invoked} of {expected} invokes arrived").into());
    }
    Ok((now() - begin) / expected)
}

fn print(engine: EngineKind, what: &str, mut nanos: Vec<u64>) {
    nanos.sort_unstable();
    let micros = |index: usize| nanos[index] as f64 / 1000.0;
    let last = nanos.len() - 1;
    println!(
        "{:<12}{what:<44}{:>9.1}{:>9.1}{:>9.1}",
        engine.as_str(),
        micros(last / 2),
        micros(last * 99 / 100),
        micros(last)
    );
}
