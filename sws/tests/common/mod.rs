//! A small service, and a client that is no part of sws: raw sockets and a naive reader of answers.
#![allow(
    dead_code,
    missing_debug_implementations,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code, of which each test file uses its own part"
)]

pub mod frames;
pub mod sources;

use socket2::{Domain, Socket, Type};
use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    num::NonZeroUsize,
    time::{Duration, Instant},
};
use sws::{
    Answered, BodySink, Config, Counters, EngineKind, ReactorInfo, Request, Response, Running,
    Server,
};

pub struct App {
    pub reactor: usize,
}

/// Engines that this machine has. Where io_uring is missing that is said, and is an error if SWS_REQUIRE_URING is set.
pub fn engines() -> Vec<EngineKind> {
    static URING: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let uring = *URING.get_or_init(|| {
        match Server::builder()
            .config(config(EngineKind::IoUring))
            .start()
        {
            Ok(_) => true,
            Err(error) => {
                println!("skipped: io_uring: {error}");
                assert!(std::env::var_os("SWS_REQUIRE_URING").is_none(), "{error}");
                false
            }
        }
    });
    if uring {
        vec![EngineKind::IoUring, EngineKind::Epoll]
    } else {
        vec![EngineKind::Epoll]
    }
}

pub fn config(engine: EngineKind) -> Config {
    Config {
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        reactors: NonZeroUsize::new(1),
        engine,
        pin_reactors: false,
        ..Config::default()
    }
}

struct Count(u64);

impl BodySink<App> for Count {
    fn chunk(&mut self, _app: &mut App, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.0 += bytes.len() as u64;
    }

    fn end(self: Box<Self>, _app: &mut App, response: Response<'_>) -> Answered {
        response.text(self.0.to_string())
    }
}

/// The body of `/bytes/{n}`: every position can be told from its neighbours.
pub fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| b'a' + (i % 23) as u8).collect()
}

pub fn start(config: Config) -> Running<App> {
    Server::builder()
        .config(config)
        .state(|info: ReactorInfo| App {
            reactor: info.index,
        })
        .get(
            "/",
            |_: &mut App, _: &Request<'_>, response: Response<'_>| response.text("root"),
        )
        .get(
            "/reactor",
            |app: &mut App, _: &Request<'_>, response: Response<'_>| {
                response.text(app.reactor.to_string())
            },
        )
        .get(
            "/query",
            |_: &mut App, request: &Request<'_>, response: Response<'_>| {
                response.text(request.query().unwrap_or("none"))
            },
        )
        .get(
            "/bytes/{n}",
            |_: &mut App, request: &Request<'_>, response: Response<'_>| match request
                .param("n")
                .and_then(|n| n.parse().ok())
            {
                Some(n) => response.body("application/octet-stream", pattern(n)),
                None => response.status(400).text("not a number"),
            },
        )
        .get(
            "/panic",
            |_: &mut App, _: &Request<'_>, _: Response<'_>| -> Answered { panic!("on purpose") },
        )
        .post(
            "/echo",
            |_: &mut App, request: &Request<'_>, response: Response<'_>| {
                response.body("application/octet-stream", request.body())
            },
        )
        .post_stream("/count", |_: &mut App, _: &Request<'_>| Count(0))
        .start()
        .unwrap()
}

/// One connection with a limit on patience.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    pub fn new(addr: SocketAddr) -> Self {
        Self::on(TcpStream::connect(addr).unwrap())
    }

    /// A client whose socket takes little before it is read.
    pub fn narrow(addr: SocketAddr) -> Self {
        Self::with_receive_buffer(addr, 4096)
    }

    pub fn with_receive_buffer(addr: SocketAddr, bytes: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect(&addr.into()).unwrap();
        Self::on(socket.into())
    }

    pub fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
        self.answer()
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 65536];
        let count = self.stream.read(&mut chunk).unwrap();
        self.buffer.extend_from_slice(&chunk[..count]);
        count > 0
    }

    fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                return String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
            }
            assert!(
                self.fill(),
                "EOF within a head: {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    /// The next answer, to anything but HEAD.
    pub fn answer(&mut self) -> Answer {
        self.read_answer(false)
    }

    pub fn answer_to_head(&mut self) -> Answer {
        self.read_answer(true)
    }

    fn read_answer(&mut self, no_body: bool) -> Answer {
        let head = self.head();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        let bodiless = no_body || status < 200 || status == 204 || status == 304;
        if !bodiless && answer.field("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks();
            return answer;
        }
        let length = if bodiless {
            0
        } else {
            answer
                .field("content-length")
                .expect("a length")
                .parse::<usize>()
                .unwrap()
        };
        while self.buffer.len() < length {
            assert!(
                self.fill(),
                "EOF within a body: {} of {length} bytes",
                self.buffer.len()
            );
        }
        answer.body = self.buffer.drain(..length).collect();
        answer
    }

    /// A chunked body without extensions or trailers, which sws sends none of.
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.take_through(b"\r\n");
            let length = usize::from_str_radix(line.trim_end(), 16).expect("a chunk's length");
            let chunk = self.take(length + 2);
            assert!(chunk.ends_with(b"\r\n"), "a chunk is longer than it says");
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                return body;
            }
        }
    }

    /// Text up to and including `end`.
    pub fn take_through(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|w| w == end) {
                let bytes = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8(bytes).unwrap();
            }
            assert!(
                self.fill(),
                "EOF: {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    /// So many bytes.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill(), "EOF: {} of {count} bytes", self.buffer.len());
        }
        self.buffer.drain(..count).collect()
    }

    /// Everything until the connection ends, and how it ends.
    pub fn rest(&mut self) -> (Vec<u8>, std::io::Result<()>) {
        let mut rest = std::mem::take(&mut self.buffer);
        let ended = self.stream.read_to_end(&mut rest).map(|_| ());
        (rest, ended)
    }

    /// Goes with a reset instead of a FIN.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Nothing comes for so long.
    pub fn expect_silence(&self, time: Duration) {
        assert!(
            self.buffer.is_empty(),
            "unasked: {:?}",
            String::from_utf8_lossy(&self.buffer)
        );
        self.stream.set_read_timeout(Some(time)).unwrap();
        let error = self.stream.peek(&mut [0]).expect_err("nothing was to come");
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        let patience = Some(Duration::from_secs(20));
        self.stream.set_read_timeout(patience).unwrap();
    }

    /// Nothing is left but the end of the stream.
    pub fn expect_eof(&mut self) {
        assert!(
            self.buffer.is_empty(),
            "unasked: {:?}",
            String::from_utf8_lossy(&self.buffer)
        );
        let mut rest = [0; 1000];
        let count = self.stream.read(&mut rest).expect("EOF, not an error");
        assert_eq!(
            count,
            0,
            "unasked: {:?}",
            String::from_utf8_lossy(&rest[..count])
        );
    }
}

/// Waits until the counters satisfy `condition`; they are published at the end of each turn.
pub fn eventually<S>(
    server: &Running<S>,
    what: &str,
    condition: impl Fn(&Counters) -> bool,
) -> Counters {
    let start = Instant::now();
    loop {
        let counters = server.counters();
        if condition(&counters) {
            return counters;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{what}: {counters:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every slot is free and every buffer back.
pub fn expect_clean<S>(server: &Running<S>) -> Counters {
    eventually(server, "all slots and buffers come back", |c| {
        c.slots_open == 0 && c.buffers_leased == 0 && c.connections_buffering == 0
    })
}
