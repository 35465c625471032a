//! Random sequences of requests of every kind and size on many connections, cut at random places, read at random
//! speeds, against servers with random limits: each answer is right and in order, and nothing is left behind.
//!
//! The seed is printed. `SWS_SOAK_SEED` repeats a run (as far as timing lets it be repeated), `SWS_SOAK_ROUNDS` makes
//! it longer.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "test code")]

#[path = "../common/mod.rs"]
mod common;
mod service;

use common::{Client, config, engines, expect_clean};
use std::{
    collections::VecDeque,
    io::Write,
    net::{Shutdown, SocketAddr},
    sync::{LazyLock, Mutex},
    time::{Duration, SystemTime},
};
use sws::{Config, EngineKind};

/// Every body is a piece of this.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random(88);
    (0..4 << 20).map(|_| random.next() as u8).collect()
});

const PATIENCE: Duration = Duration::from_secs(8);

/// xorshift64*: what is random here must be the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Mostly small, sometimes nearly `limit`.
    fn size(&mut self, limit: usize) -> usize {
        let bits = self.below(limit.ilog2() as usize + 2);
        self.below((1 << bits).min(limit))
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

fn hash(bytes: &[u8], start: u64) -> u64 {
    bytes.iter().fold(start, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What has to come back.
#[derive(Debug)]
struct Expected {
    what: String,
    status: u16,
    head_only: bool,
    body: Vec<u8>,
}

fn body(random: &mut Random, limit: usize) -> &'static [u8] {
    let len = random.size(limit);
    let start = random.below(BYTES.len() - len);
    &BYTES[start..start + len]
}

fn get(random: &mut Random, request: &mut Vec<u8>) -> Expected {
    let len = random.size(2 << 20);
    let start = random.below(BYTES.len() - len);
    let head_only = random.one_in(6);
    let what = format!(
        "{} /{}/{start}/{len}",
        if head_only { "HEAD" } else { "GET" },
        random.pick(&service::WAYS)
    );
    write!(request, "{what} HTTP/1.1\r\nHost: t\r\n").unwrap();
    if random.one_in(3) {
        write!(request, "X-Filler: {}\r\n", "f".repeat(random.size(8000))).unwrap();
    }
    request.extend_from_slice(b"\r\n");
    let body = BYTES[start..start + if head_only { 0 } else { len }].to_vec();
    Expected {
        what,
        status: 200,
        head_only,
        body,
    }
}

fn post(random: &mut Random, request: &mut Vec<u8>) -> Expected {
    let path = match random.below(8) {
        0 => "/nothing",
        1 => random.pick(&service::EARLY),
        2..5 => random.pick(&service::ECHOES),
        _ => random.pick(&service::DIGESTS),
    };
    let echoes = service::ECHOES.contains(&path);
    let limit = if echoes { 300_000 } else { 3 << 20 };
    let (body, chunked) = (body(random, limit), random.one_in(2));
    write!(request, "POST {path} HTTP/1.1\r\nHost: t\r\n").unwrap();
    // Who is answered without the body having been read has no connection left to go on with.
    if (echoes || service::DIGESTS.contains(&path)) && random.one_in(8) {
        request.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    if chunked {
        request.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        chunks(random, body, request);
    } else {
        write!(request, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
        request.extend_from_slice(body);
    }
    let (status, answer) = match path {
        "/nothing" => (404, b"not found\n".to_vec()),
        path if service::EARLY.contains(&path) => (200, b"early".to_vec()),
        _ if echoes => (200, body.to_vec()),
        _ => (
            200,
            format!("{} {:x}", body.len(), hash(body, 0)).into_bytes(),
        ),
    };
    Expected {
        what: format!("POST {path}, {} bytes, chunked: {chunked}", body.len()),
        status,
        head_only: false,
        body: answer,
    }
}

fn chunks(random: &mut Random, mut body: &[u8], request: &mut Vec<u8>) {
    let largest = random.pick(&[50, 5000, 400_000]);
    // The framing of a large body in tiny chunks takes longer to make than is of use.
    let least = body.len() / 2000;
    while !body.is_empty() {
        let len = (random.size(largest) + least + 1).min(body.len());
        let extension = random.pick(&["", "", ";a", ";a=\"b\""]);
        write!(request, "{len:x}{extension}\r\n").unwrap();
        request.extend_from_slice(&body[..len]);
        request.extend_from_slice(b"\r\n");
        body = &body[len..];
    }
    request.extend_from_slice(random.pick(&[&b"0\r\n\r\n"[..], b"0\r\nTrailer: x\r\n\r\n"]));
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client goes when it has all answers.
    Client,
    /// The client sends its FIN behind its last request.
    HalfClose,
    /// The client goes without looking at anything.
    Abrupt,
}

fn connection(addr: SocketAddr, seed: u64) {
    let mut random = Random(seed);
    let end = random.pick(&[End::Client, End::Client, End::HalfClose, End::Abrupt]);
    let mut client = match random.below(4) {
        0 => Client::narrow(addr),
        1 => Client::with_receive_buffer(addr, 100_000),
        _ => Client::new(addr),
    };
    let writer = client.stream.try_clone().unwrap();
    let expected = Mutex::new(VecDeque::new());
    let requests = 1 + random.below(12);
    let mut others = Random(random.next() | 1);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(writer, requests, end, &mut random, &expected));
        for index in 0..requests {
            if end == End::Abrupt && others.one_in(4) {
                break;
            }
            if others.one_in(4) {
                std::thread::sleep(Duration::from_micros(others.size(30_000) as u64));
            }
            let next = loop {
                // Asked before looking, so that what the writer did last is not missed.
                let over = sending.is_finished();
                if let Some(next) = expected.lock().unwrap().pop_front() {
                    break next;
                }
                assert!(!over, "connection {seed:#x}: the writer failed");
                std::thread::sleep(Duration::from_micros(100));
            };
            check(&mut client, &next, seed, index);
        }
        if end == End::Abrupt {
            // The writer finds out.
            let _ = client.stream.shutdown(Shutdown::Both);
        }
        sending.join().unwrap();
        if end == End::HalfClose {
            client.expect_eof();
        }
    });
}

fn check(client: &mut Client, expected: &Expected, seed: u64, index: usize) {
    let answer = loop {
        let answer = if expected.head_only {
            client.answer_to_head()
        } else {
            client.answer()
        };
        if answer.status != 100 {
            break answer;
        }
    };
    let what = &expected.what;
    assert_eq!(
        answer.status, expected.status,
        "connection {seed:#x}, answer {index}: {what}"
    );
    assert!(
        answer.body == expected.body,
        "connection {seed:#x}, answer {index}: {what}: {} bytes instead of {}",
        answer.body.len(),
        expected.body.len()
    );
}

/// Sends the requests, cut at random places.
fn send(
    mut stream: std::net::TcpStream,
    requests: usize,
    end: End,
    random: &mut Random,
    expected: &Mutex<VecDeque<Expected>>,
) {
    let mut bytes = Vec::new();
    for index in 0..requests {
        let next = if random.one_in(2) {
            get(random, &mut bytes)
        } else {
            post(random, &mut bytes)
        };
        expected.lock().unwrap().push_back(next);
        let last = index + 1 == requests;
        while !bytes.is_empty() && (last || bytes.len() > 4000 || !random.one_in(2)) {
            let cut = (random.size(200_000) + 1 + bytes.len() / 100).min(bytes.len());
            if let Err(error) = stream.write_all(&bytes[..cut]) {
                assert_eq!(end, End::Abrupt, "{error}");
                return;
            }
            bytes.drain(..cut);
            if random.one_in(8) {
                std::thread::sleep(Duration::from_micros(random.size(5000) as u64));
            }
        }
    }
    if end == End::HalfClose {
        stream.shutdown(Shutdown::Write).unwrap();
    }
}

fn limits(engine: EngineKind, random: &mut Random) -> Config {
    Config {
        reactors: std::num::NonZeroUsize::new(random.pick(&[1, 1, 2, 3])),
        receive_buffers: random.pick(&[2, 16, 128]),
        receive_buffer_bytes: random.pick(&[512, 4096, 16 * 1024]),
        output_high_water_bytes: random.pick(&[4096, 50_000, 256 * 1024]),
        connections_max: random.pick(&[3, 1000]),
        // Linux 6.18 now and then forgets to complete a multishot receive when a reset comes right behind bytes: such a
        // connection ends by its deadline. Nobody else here is silent for so long.
        idle_timeout: PATIENCE,
        body_timeout: PATIENCE,
        handler_timeout: Some(PATIENCE),
        ..config(engine)
    }
}

#[test]
fn whatever_comes_is_answered_in_order() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("SWS_SOAK_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap().as_nanos() as u64
    });
    println!("SWS_SOAK_SEED={seed}");
    let mut random = Random(seed | 1);
    for round in 0..number("SWS_SOAK_ROUNDS").unwrap_or(3) {
        for engine in engines() {
            let config = limits(engine, &mut random);
            println!(
                "round {round}: {engine}, {:?} reactors, {} x {} bytes, mark {}, {} connections",
                config.reactors,
                config.receive_buffers,
                config.receive_buffer_bytes,
                config.output_high_water_bytes,
                config.connections_max
            );
            let server = service::serve(config);
            let addr = server.addr();
            std::thread::scope(|scope| {
                for _ in 0..6 {
                    let seeds: Vec<u64> = (0..4).map(|_| random.next() | 1).collect();
                    scope.spawn(move || seeds.into_iter().for_each(|seed| connection(addr, seed)));
                }
            });
            let counters = expect_clean(&server);
            assert_eq!(counters.accepted, counters.closed);
            assert_eq!((counters.panics, counters.large_blocks_used), (0, 0));
            // Streams whose clients have gone find out by writing.
            common::eventually(&server, "all tasks are over", |c| c.tasks == 0);
            server.stop().unwrap();
        }
    }
}
