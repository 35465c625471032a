//! What the whole process shows: threads, CPU time, signals. So one test runs at a time.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, pattern};
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};
use sws::{Config, Context, EngineKind, Rejection, Request, Response, Running, Server, next};

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Threads of servers: their names and the nanoseconds that they have run.
fn threads() -> Vec<(String, u64)> {
    let mut threads = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = entry.unwrap().path();
        let read = |file| std::fs::read_to_string(path.join(file));
        // It may have ended meanwhile.
        let (Ok(name), Ok(times)) = (read("comm"), read("schedstat")) else {
            continue;
        };
        if name.starts_with("sws-") {
            let nanos = times.split(' ').next().unwrap().parse().unwrap();
            threads.push((name.trim_end().to_owned(), nanos));
        }
    }
    threads.sort();
    threads
}

/// A thread gives itself its name, and is seen for a moment after its end.
fn expect_threads(expected: &[&str]) {
    let begin = Instant::now();
    loop {
        let threads = threads();
        let names: Vec<&str> = threads.iter().map(|(name, _)| &**name).collect();
        if names == expected {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "{names:?}");
        std::thread::yield_now();
    }
}

fn start(engine: EngineKind, workers: usize) -> Running {
    Server::builder()
        .config(Config {
            workers,
            ..config(engine)
        })
        .every(Duration::from_millis(500), |()| ())
        .get("/", |_: Context<()>| async {
            next::submit(|| ()).await?;
            Ok::<_, Rejection>("worked")
        })
        .start()
        .unwrap()
}

/// One thread, and workers only if they are asked for.
#[test]
fn threads_are_those_that_were_asked_for() {
    let _alone = alone();
    for engine in engines() {
        let server = start(engine, 0);
        expect_threads(&["sws-0"]);
        server.stop().unwrap();
        let server = start(engine, 2);
        let expected = ["sws-0", "sws-worker-0", "sws-worker-1"];
        expect_threads(&expected);
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/").text(), "worked");
        expect_threads(&expected);
        drop(client);
        server.stop().unwrap();
        expect_threads(&[]);
    }
}

#[test]
fn check_26_an_idle_server_with_workers_uses_no_cpu() {
    let _alone = alone();
    for engine in engines() {
        let server = start(engine, 4);
        // Connections that do nothing, and workers that have worked.
        let mut clients: Vec<Client> = (0..50).map(|_| Client::new(server.addr())).collect();
        for client in &mut clients {
            assert_eq!(client.get("/").text(), "worked");
        }
        std::thread::sleep(Duration::from_millis(100));
        let used = || threads().iter().map(|(_, nanos)| nanos).sum::<u64>();
        let (before, turns) = (used(), server.counters().turns);
        std::thread::sleep(Duration::from_millis(1500));
        let (used, turned) = (used() - before, server.counters().turns - turns);
        // Three ticks of its hook. Who polls or spins takes hundreds of turns, or whole seconds.
        assert!(turned <= 8, "{engine}: {turned} turns");
        assert!(used < 50_000_000, "{engine}: {used} ns");
        drop(clients);
        server.stop().unwrap();
    }
}

const ANSWER_BYTES: usize = 20_000;

/// Asks until the server has had enough. Returns how many answers came whole; none may come in part.
fn ask(addr: SocketAddr, done: &AtomicBool) -> u64 {
    let mut answers = 0;
    while !done.load(Relaxed) {
        let Ok(mut stream) = TcpStream::connect(addr) else {
            return answers;
        };
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        for _ in 0..20 {
            if stream
                .write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
                .is_err()
            {
                break;
            }
            let mut answer = Vec::new();
            let mut chunk = [0; 65_536];
            while !answer.ends_with(&pattern(ANSWER_BYTES)) {
                match stream.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(count) => answer.extend_from_slice(&chunk[..count]),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                        break;
                    }
                }
            }
            if answer.is_empty() {
                break;
            }
            assert!(answer.ends_with(&pattern(ANSWER_BYTES)), "a cut answer");
            answers += 1;
        }
    }
    answers
}

#[test]
fn check_25_a_signal_under_load_cuts_no_answer() {
    let _alone = alone();
    for engine in engines() {
        for signal in [libc::SIGTERM, libc::SIGINT] {
            let (sender, receiver) = mpsc::channel();
            let builder = Server::builder().config(config(engine)).get(
                "/",
                |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                    response.body("x/y", pattern(ANSWER_BYTES))
                },
            );
            let server = std::thread::spawn(move || {
                builder.run_with(|running| {
                    let known = (running.addr(), running.counters_handle());
                    sender.send(known).unwrap();
                })
            });
            let (addr, counters) = receiver.recv().unwrap();
            let (answers, done) = (AtomicU64::new(0), AtomicBool::new(false));
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| answers.fetch_add(ask(addr, &done), Relaxed));
                }
                while counters.get().requests < 500 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // SAFETY: touches no memory. The server handles it.
                assert_eq!(0, unsafe { libc::kill(libc::getpid(), signal) });
                server.join().unwrap().unwrap();
                done.store(true, Relaxed);
            });
            let counters = counters.get();
            assert_eq!(answers.load(Relaxed), counters.requests, "{engine}");
            assert_eq!(
                (counters.slots_open, counters.accepted),
                (0, counters.closed)
            );
        }
    }
}
