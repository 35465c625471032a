//! The hot endpoints allocate nothing once they are warm. The server runs in
//! this process so that its allocations can be counted, and this file holds one
//! test so that nothing else allocates meanwhile.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    alloc::System,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    num::NonZeroUsize,
    sync::Arc,
};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use sws::{Config, EngineKind, Server};
use sws_server::{
    app::{App, Data, Shared},
    endpoints,
    testdata::{self, Generation},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 200;

/// One batch of each kind, written at once.
const BATCHES: [&[u8]; 3] = [
    b"GET /pipeline HTTP/1.1\r\nHost: x\r\n\r\n\
      GET /baseline11?a=13&b=42 HTTP/1.1\r\nHost: x\r\n\r\n\
      GET /baseline2?a=13&b=42 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n20\
      POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n20\r\n0\r\n\r\n",
    b"GET /json/25?m=4 HTTP/1.1\r\nHost: x\r\n\r\n\
      GET /json/25?m=4 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
];

const UPLOAD: &[u8] = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n20";

#[test]
fn warm_endpoints_allocate_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dataset = testdata::dataset(Generation::Ints, 50);
    std::fs::write(dir.path().join("dataset.json"), dataset).unwrap();
    let data = Arc::new(Data::load(dir.path(), |_| {}));
    for engine in [EngineKind::IoUring, EngineKind::Epoll] {
        let shared = Shared {
            data: Arc::clone(&data),
            data_dir: dir.path().into(),
            gzip_level: None,
            counters: Arc::default(),
            database_reported: Arc::default(),
        };
        let server = Server::builder()
            .config(Config {
                host: Ipv4Addr::LOCALHOST.into(),
                port: 0,
                reactors: NonZeroUsize::new(1),
                engine,
                ..Config::default()
            })
            .state(move |_| App::open(&shared, |_| {}));
        let running = endpoints::mount(server).start().unwrap();
        let mut stream = TcpStream::connect(running.addr()).unwrap();
        for batch in BATCHES {
            let counted = allocations(&mut stream, batch);
            assert_eq!(counted, 0, "{engine}: {}", batch.escape_ascii());
        }
        // An upload has state of its own: the counter would notice.
        assert!(allocations(&mut stream, UPLOAD) >= ROUNDS);
        drop(stream);
        running.stop().unwrap();
    }
}

/// Allocations of the whole process while `batch` is answered `ROUNDS` times.
fn allocations(stream: &mut TcpStream, batch: &[u8]) -> usize {
    let mut answer = vec![0; answer_length(stream, batch)];
    let mut exchange = || {
        stream.write_all(batch).unwrap();
        stream.read_exact(&mut answer).unwrap();
    };
    (0..ROUNDS).for_each(|_| exchange());
    let before = ALLOCATOR.stats();
    (0..ROUNDS).for_each(|_| exchange());
    let counted = ALLOCATOR.stats() - before;
    counted.allocations + counted.reallocations
}

/// How long all answers to `batch` are together: they are followed by one that
/// can be recognised.
fn answer_length(stream: &mut TcpStream, batch: &[u8]) -> usize {
    const MARK: &[u8] = b"404 Not Found";
    stream.write_all(batch).unwrap();
    stream
        .write_all(b"GET /mark HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 16 * 1024];
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "closed: {}", answer.escape_ascii());
        answer.extend_from_slice(&piece[..count]);
        if let Some(at) = answer.windows(MARK.len()).position(|part| part == MARK)
            && answer.ends_with(b"not found\n")
        {
            return at - "HTTP/1.1 ".len();
        }
    }
}
