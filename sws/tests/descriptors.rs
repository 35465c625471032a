//! A process that has run out of descriptors stops accepting and goes on when there are some again.
//!
//! The limit holds for the whole process, so there is one test in this file.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean, start};
use std::{fs::File, net::TcpStream, time::Duration};

const LIMIT: u64 = 256;

fn lower_the_limit() {
    let limit = libc::rlimit {
        rlim_cur: LIMIT,
        rlim_max: LIMIT,
    };
    // SAFETY: `limit` is a valid rlimit.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn accepting_goes_on_when_there_are_descriptors_again() {
    let engines = engines();
    lower_the_limit();
    for engine in engines {
        let server = start(config(engine));
        let mut early = Client::new(server.addr());
        assert_eq!(early.get("/").text(), "root");
        // All but a few: clients need one each, and then there is none for the server's end of them.
        let mut others: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        others.truncate(others.len() - 3);
        let mut late: Vec<TcpStream> =
            std::iter::from_fn(|| TcpStream::connect(server.addr()).ok()).collect();
        assert!(late.len() >= 2, "{}", late.len());
        let counters = eventually(&server, "accepting waits", |c| c.accept_waits > 0);
        assert!(counters.accepted <= late.len() as u64, "{engine}");
        // Those who are there are served meanwhile, and waiting costs next to nothing.
        let turns = counters.turns;
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(early.get("/").text(), "root");
        let turned = server.counters().turns - turns;
        assert!(turned < 50, "{engine}: {turned} turns in half a second");
        drop(others);
        for stream in late.drain(..) {
            assert_eq!(Client::on(stream).get("/").text(), "root", "{engine}");
        }
        drop(early);
        let counters = expect_clean(&server);
        assert_eq!(counters.accepted, counters.closed);
        server.stop().unwrap();
    }
}
