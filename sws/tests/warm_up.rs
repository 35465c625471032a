//! Memory that is taken at the start when asked for.
//!
//! Memory is the whole process's, so there is one test in this file.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, start};
use sws::{Config, EngineKind};

const BUFFER_BYTES: usize = 64 * 1024;
const BUFFERS: u16 = 512;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn a_warm_server_has_its_memory_before_the_first_connection() {
    for engine in engines() {
        let mut more = [0, 0];
        for (more, warm_up) in more.iter_mut().zip([false, true]) {
            let before = resident_bytes();
            let server = start(Config {
                warm_up,
                receive_buffers: BUFFERS,
                receive_buffer_bytes: BUFFER_BYTES,
                ..config(engine)
            });
            *more = resident_bytes().saturating_sub(before);
            assert_eq!(Client::new(server.addr()).get("/").text(), "root");
            server.stop().unwrap();
        }
        let slab = usize::from(BUFFERS) * BUFFER_BYTES;
        match engine {
            EngineKind::Epoll => {}
            _ => assert!(
                more[0] < slab / 2 && more[1] >= slab,
                "cold took {} bytes, warm {}",
                more[0],
                more[1]
            ),
        }
    }
}
