//! Starting and stopping whole servers: failures on the way up, hand-overs on the way down.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{config, engines, pattern, start};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    num::NonZeroUsize,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use sws::{Config, EngineKind, ReactorInfo, Request, Response, Server};

/// The tests count the process's descriptors, so one runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reactors(count: usize, engine: EngineKind) -> Config {
    Config {
        reactors: NonZeroUsize::new(count),
        ..config(engine)
    }
}

/// Sockets of this process.
fn sockets() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("comm")).ok())
        .filter(|name| name.starts_with("sws-"))
        .count()
}

#[test]
fn a_state_that_cannot_be_made_is_an_error_and_leaves_nothing_behind() {
    let _alone = alone();
    for engine in engines() {
        let before = sockets();
        let port = free_port();
        let begin = Instant::now();
        let error = Server::builder()
            .config(Config {
                port,
                ..reactors(3, engine)
            })
            .state(|info: ReactorInfo| assert_ne!(info.index, 1, "on purpose"))
            .start()
            .unwrap_err()
            .to_string();
        assert!(error.contains("panicked"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert_eq!((sockets(), threads()), (before, 0), "{engine}");
        // The port is free at once.
        let server = start(Config {
            port,
            ..reactors(3, engine)
        });
        assert_eq!(server.addr().port(), port);
        server.stop().unwrap();
    }
}

#[test]
fn nobody_is_served_before_every_reactor_is_ready() {
    static LAST_IS_READY: AtomicBool = AtomicBool::new(false);
    let _alone = alone();
    for engine in engines() {
        LAST_IS_READY.store(false, Relaxed);
        let port = free_port();
        std::thread::scope(|scope| {
            let client = scope.spawn(move || {
                let addr = SocketAddr::from(([127, 0, 0, 1], port));
                let mut stream = loop {
                    match TcpStream::connect(addr) {
                        Ok(stream) => break stream,
                        Err(_) => std::thread::sleep(Duration::from_millis(1)),
                    }
                };
                stream
                    .write_all(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
                    .unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                assert!(answer.ends_with("\r\n\r\ntrue"), "{engine}: {answer}");
            });
            let server = Server::builder()
                .config(Config {
                    port,
                    ..reactors(4, engine)
                })
                .state(|info: ReactorInfo| {
                    // All listeners listen by now, and three of the reactors could serve.
                    if info.index == 3 {
                        std::thread::sleep(Duration::from_millis(300));
                        LAST_IS_READY.store(true, Relaxed);
                    }
                })
                .get(
                    "/",
                    |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                        response.text(LAST_IS_READY.load(Relaxed).to_string())
                    },
                )
                .start()
                .unwrap();
            client.join().unwrap();
            server.stop().unwrap();
        });
    }
}

/// Connections come, are spread over the reactors and ask, while the server stops: each answer that was made arrives
/// whole, no descriptor and no thread is left, and nobody waits for the end of the time for a stop.
#[test]
fn a_stop_in_the_middle_of_a_storm() {
    let _alone = alone();
    for engine in engines() {
        let before = sockets();
        let mut handed_over = 0;
        for round in 0..12u64 {
            let server = start(reactors(4, engine));
            let addr = server.addr();
            let counters = server.counters_handle();
            let (answers, stopping) = (AtomicU64::new(0), AtomicBool::new(false));
            let taken = std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        while !stopping.load(Relaxed) {
                            answers.fetch_add(storm(addr), Relaxed);
                        }
                    });
                }
                std::thread::sleep(Duration::from_millis(30 + 7 * round));
                let begin = Instant::now();
                server.stop().unwrap();
                stopping.store(true, Relaxed);
                begin.elapsed()
            });
            assert!(taken < Duration::from_secs(5), "{engine}: {taken:?}");
            let counters = counters.get();
            assert_eq!(
                answers.load(Relaxed),
                counters.requests,
                "{engine}: answers were lost"
            );
            assert_eq!(
                (counters.accepted, counters.slots_open),
                (counters.closed, 0),
                "{engine}"
            );
            handed_over += counters.handed_over;
        }
        assert!(handed_over > 0, "the test did not reach what it is for");
        assert_eq!((sockets(), threads()), (before, 0), "{engine}");
    }
}

/// A few requests on a few connections at a time, until the server has had enough. Returns how many were answered.
fn storm(addr: SocketAddr) -> u64 {
    let mut answers = 0;
    let streams: Vec<TcpStream> = (0..8)
        .map_while(|_| TcpStream::connect(addr).ok())
        .collect();
    for mut stream in streams {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        for _ in 0..3 {
            // A refusal to take it or an end before an answer is fair when a server stops; half an answer is not.
            if stream
                .write_all(b"GET /bytes/100 HTTP/1.1\r\nHost: t\r\n\r\n")
                .is_err()
            {
                break;
            }
            let mut answer = [0; 1000];
            let mut len = 0;
            while !answer[..len].ends_with(&pattern(100)) {
                match stream.read(&mut answer[len..]) {
                    Ok(0) => break,
                    Ok(count) => len += count,
                    Err(error) => {
                        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
                        break;
                    }
                }
            }
            if !answer[..len].ends_with(&pattern(100)) {
                assert_eq!(len, 0, "half an answer");
                break;
            }
            answers += 1;
        }
    }
    answers
}
