//! What connections hold comes from memory that others gave back: after the first few nothing is allocated.
//!
//! Allocations are the whole process's, so there is one test in this file.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{config, engines, eventually};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{
    alloc::System,
    io::{Read, Write},
    net::TcpStream,
};
use sws::{Answered, Config, Counters, Request, Response, Running, Server};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 5000;
const BODY: [u8; 1000] = [b'x'; 1000];
/// What a request is cut into, and how.
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: t\r\nX-Pad: 0123456789012345678901234567890123456789\r\n\r\n";

fn start(config: Config) -> Running {
    let body = |_: &mut (), _: &Request<'_>, response: Response<'_>| -> Answered {
        response.body("x/y", BODY.as_slice())
    };
    Server::builder()
        .config(config)
        .get("/", body)
        .start()
        .unwrap()
}

/// Leaves half a request over each time, sends the other half, and leaves nothing.
fn split_requests(stream: &mut TcpStream, answer: &mut [u8], rounds: usize) {
    let mut both = [REQUEST, REQUEST].concat();
    let (first, rest) = both.split_at_mut(REQUEST.len() + REQUEST.len() / 2);
    for _ in 0..rounds {
        for piece in [&*first, &*rest] {
            stream.write_all(piece).unwrap();
            // The answer shows that the piece has been read.
            stream.read_exact(answer).unwrap();
            assert!(answer.ends_with(&BODY));
        }
    }
}

#[test]
fn what_is_left_over_is_kept_in_memory_that_is_used_again() {
    for engine in engines() {
        for (cache, allocates) in [(Config::default().buffer_cache_bytes_max, false), (0, true)] {
            let server = start(Config {
                buffer_cache_bytes_max: cache,
                ..config(engine)
            });
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            stream.set_nodelay(true).unwrap();
            let mut answer = vec![0; 64 * 1024];
            stream.write_all(REQUEST).unwrap();
            let mut len = 0;
            while !answer[..len].ends_with(&BODY) {
                len += stream.read(&mut answer[len..]).unwrap();
            }
            // All answers are as long as one.
            let answer = &mut answer[..len];
            split_requests(&mut stream, answer, 100);
            let region = Region::new(ALLOCATOR);
            split_requests(&mut stream, answer, ROUNDS);
            let change = region.change();
            let live = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
            assert!(live < 64 * 1024, "{engine}: {live} bytes more");
            let count = change.allocations + change.reallocations;
            if allocates {
                assert!(count >= ROUNDS, "{engine}: {count} allocations");
            } else {
                // The wheel takes some memory now and then.
                assert!(count < ROUNDS / 50, "{engine}: {count} allocations");
            }
            let settled = |c: &Counters| c.connections_buffering == 0;
            let counters = eventually(&server, "nothing is left over", settled);
            assert_eq!(counters.buffer_cache_bytes == 0, allocates, "{engine}");
            drop(stream);
            server.stop().unwrap();
        }
    }
}
