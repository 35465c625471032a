//! Nanoseconds per frame for the WebSocket code, printed as a table.
//!
//! `cargo bench -p sws-proto --bench ws`: the best of several rounds, because anything else that
//! runs on the machine only ever adds time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sws_proto::ws::handshake::Key;
use sws_proto::ws::{Decoder, Event, Mask, Message, Role, encode, mask};

const ROUNDS: usize = 15;
const ROUND_MIN: Duration = Duration::from_millis(20);

const MASK: Mask = [0x12, 0x34, 0x56, 0x78];

/// Bytes of one receive.
const READ: usize = 16 << 10;

fn main() {
    // `cargo test --all-targets` runs benches too, without this argument: nothing is tested here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    for length in [0, 5, 16, 32, 64, 125, 126, 1 << 10, 4 << 10, 16 << 10] {
        let text = "a".repeat(length);
        let count = (READ / (length + 6)).max(1);
        echo("echo text, masked", text.as_str().into(), count);
    }
    let bytes = [0xa5; 125];
    echo("echo binary, masked", bytes[..5].into(), 1);
    echo("echo binary, masked", bytes[..5].into(), 16);
    echo("echo binary, masked", bytes[..].into(), 16);
    let accents = "\u{e9}\u{20ac}".repeat(25);
    echo("echo accents, masked", accents.as_str().into(), 16);
    client();
    long();
    parts();
}

/// A server that answers every message of one read with itself.
fn echo(name: &str, message: Message<'_>, count: usize) {
    let mut input = Vec::new();
    for _ in 0..count {
        encode::message(&mut input, message, Some(MASK));
    }
    let mut decoder = Decoder::new(Role::Server, u32::MAX);
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    report(name, message.as_bytes().len(), count, || {
        out.clear();
        let mut rest = black_box(&input[..]);
        while let Ok(Some(event)) = decoder.decode(&mut rest, &mut scratch) {
            match event {
                Event::Message(message) => encode::message(&mut out, message, None),
                Event::Ping(payload) => {
                    let _ = encode::pong(&mut out, payload, None);
                }
                Event::Pong(_) | Event::Close(_) => {}
            }
        }
        out.len()
    });
}

/// A load generator that counts answers.
fn client() {
    let mut input = Vec::new();
    for _ in 0..64 {
        encode::message(&mut input, "hello", None);
    }
    let mut decoder = Decoder::new(Role::Client, u32::MAX);
    let mut scratch = Vec::new();
    report("count text at a client", 5, 64, || {
        let mut rest = black_box(&input[..]);
        let mut count = 0;
        while let Ok(Some(_)) = decoder.decode(&mut rest, &mut scratch) {
            count += 1;
        }
        count
    });
    let mut out = Vec::with_capacity(1 << 10);
    report("write text, masked", 5, 1, || {
        out.clear();
        encode::message(&mut out, black_box("hello"), Some(MASK));
        out.len()
    });
    let key = Key::from_nonce(*b"the sample nonce");
    report("accept of a key", 24, 1, || {
        usize::from(black_box(&key).accept()[0])
    });
}

/// A message that comes in many reads.
fn long() {
    for (name, message) in [
        ("long text", "a".repeat(1 << 20)),
        ("long accents", "\u{e9}\u{20ac}".repeat((1 << 20) / 5)),
    ] {
        let mut input = Vec::new();
        encode::message(&mut input, &message[..], Some(MASK));
        let mut decoder = Decoder::new(Role::Server, u32::MAX);
        let mut scratch = Vec::new();
        report(name, message.len(), 1, || {
            let mut length = 0;
            for piece in input.chunks(READ) {
                let mut rest = piece;
                while let Ok(Some(event)) = decoder.decode(&mut rest, &mut scratch) {
                    if let Event::Message(message) = event {
                        length += message.as_bytes().len();
                    }
                }
            }
            length
        });
    }
}

fn parts() {
    let mut bytes = vec![0x5a; 16 << 10];
    report("unmask in place", bytes.len(), 1, || {
        mask::apply(black_box(&mut bytes), MASK);
        usize::from(bytes[7])
    });
    let mut out = Vec::new();
    report("unmask into a buffer", bytes.len(), 1, || {
        out.clear();
        mask::append(&mut out, black_box(&bytes), MASK);
        usize::from(out[7])
    });
}

fn report(name: &str, bytes: usize, count: usize, mut operation: impl FnMut() -> usize) {
    let mut repeats: u32 = 1;
    let mut best = f64::MAX;
    let mut round = 0;
    while round < ROUNDS {
        let start = Instant::now();
        for _ in 0..repeats {
            black_box(operation());
        }
        let elapsed = start.elapsed();
        if elapsed < ROUND_MIN {
            repeats *= 2;
            continue;
        }
        best = best.min(elapsed.as_secs_f64() * 1e9 / f64::from(repeats) / count as f64);
        round += 1;
    }
    println!("{name:24} {bytes:8} bytes {count:5} at once {best:10.1} ns each");
}
