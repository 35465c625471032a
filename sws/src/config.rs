//! Every key, its default, its unit and its limits.

use crate::Error;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    str::FromStr,
    time::Duration,
};
use sws_proto::http1::Limits;

/// Header fields that the parser has room for; the most that [`Config::headers_max`] can ask for.
pub(crate) const HEADER_SLOTS: usize = 100;
/// Slots that a token can address.
const CONNECTIONS_LIMIT: u32 = 1 << 20;

/// How bytes are moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// io_uring where the kernel allows it, else epoll (and the start-up line says why).
    #[default]
    Auto,
    /// io_uring or an error that names the cure.
    IoUring,
    /// epoll.
    Epoll,
}

impl EngineKind {
    /// The name used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EngineKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "io_uring" => Ok(Self::IoUring),
            "epoll" => Ok(Self::Epoll),
            _ => Err(format!(
                "unknown engine {text:?}: use auto, io_uring or epoll"
            )),
        }
    }
}

/// What happens to a WebSocket whose peer takes less than it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebSocketOverflow {
    /// It is closed with 1013, so that the peer knows that it has missed something.
    #[default]
    Close,
    /// What does not fit is not sent to it.
    Drop,
}

/// What a server is started with. `Config::default()` serves on port 8080 of all IPv4 addresses.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 lets the kernel choose (see [`Running::addr`](crate::Running::addr)).
    pub port: u16,
    /// Event loops, each on its own thread. `None`: as many as CPUs that the process may use (affinity mask
    /// and cgroup quota).
    pub reactors: Option<NonZeroUsize>,
    /// How bytes are moved.
    pub engine: EngineKind,
    /// Bind each reactor to one CPU when there is one for each.
    pub pin_reactors: bool,
    /// CPUs for the reactors, in turn; the process must be allowed to use them. Empty: as `pin_reactors` says.
    pub reactor_cpus: Vec<usize>,
    /// Worker threads for [`next::submit`](crate::next::submit), shared by all reactors. 0: none, and submitting is an error.
    pub workers: usize,
    /// Work that may wait for a worker; more is refused (503 if it is a handler's error).
    pub worker_queue_max: usize,
    /// Bytes of a worker's stack.
    pub worker_stack_bytes: usize,
    /// Tasks of one reactor, requests that wait for an `async` handler included; a request beyond it is answered 503.
    pub tasks_max: usize,
    /// Connections of one reactor; more wait in the kernel's backlog. At most 1,048,576.
    pub connections_max: u32,
    /// Take the memory of all connection slots and receive buffers at the start, not as they are first used: no
    /// page faults later, for a slower start and 68 bytes a slot.
    pub warm_up: bool,
    /// Connections that the kernel completes before they are accepted (`listen(2)`).
    pub backlog: u32,
    /// Bytes of a request's line and header fields together; more is 431.
    pub head_bytes_max: usize,
    /// Header fields of a request, at most 100; more is 431.
    pub headers_max: usize,
    /// Bytes of a request target; more is 414.
    pub target_bytes_max: usize,
    /// Bytes of a body that is streamed; more is 413.
    pub body_bytes_max: u64,
    /// Bytes of a body that is handed over whole; more is 413.
    pub body_buffered_bytes_max: usize,
    /// Unsent bytes of one connection above which it is no longer read.
    pub output_high_water_bytes: usize,
    /// Bytes of memory that connections have given back and a reactor keeps for others: incomplete requests, unsent
    /// answers. More goes back to the allocator.
    pub buffer_cache_bytes_max: usize,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// How long a request's head may take, from its first byte; then 408.
    pub head_timeout: Duration,
    /// How long a body may make no progress; then 408.
    pub body_timeout: Duration,
    /// How long a client may take nothing of its answer; then the connection is reset.
    pub write_timeout: Duration,
    /// How long a handler may take to answer; then 503, and it is cancelled. `None`: as long as it likes.
    pub handler_timeout: Option<Duration>,
    /// Whether a client that has sent its last byte (FIN) while a handler works on its request may still be waiting for the answer.
    /// Usually it has gone, and the handler is cancelled.
    pub half_close: bool,
    /// A handler that answers at once and takes longer than this to do so is reported on standard error: it has held its reactor
    /// meanwhile. `None`, the default in release builds: none is.
    pub stall_warning: Option<Duration>,
    /// How long a graceful stop may take.
    pub shutdown_timeout: Duration,
    /// Blocks of `body_buffered_bytes_max` bytes that a reactor has for bodies over 32 KiB that are taken whole; when all are in use such a
    /// request is answered 503. Memory is taken as blocks are first used.
    pub large_blocks: u32,
    /// Bytes of a WebSocket's message; a longer one closes with 1009.
    pub websocket_message_bytes_max: u32,
    /// Bytes that may wait for one WebSocket's peer to take them; see `websocket_overflow`.
    pub websocket_queue_bytes_max: usize,
    /// What happens beyond that.
    pub websocket_overflow: WebSocketOverflow,
    /// How long a WebSocket may be silent before it is pinged; after as long again it is given up. `None`: for ever.
    pub websocket_ping_interval: Option<Duration>,
    /// Receive buffers that a reactor shares among its connections (io_uring), a power of two.
    pub receive_buffers: u16,
    /// Bytes of one receive buffer. Pages are taken when first used.
    pub receive_buffer_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 8080,
            reactors: None,
            engine: EngineKind::Auto,
            pin_reactors: true,
            reactor_cpus: Vec::new(),
            workers: 0,
            worker_queue_max: 1024,
            worker_stack_bytes: 2 * 1024 * 1024,
            tasks_max: 1 << 20,
            connections_max: CONNECTIONS_LIMIT,
            warm_up: false,
            backlog: 65_535,
            head_bytes_max: 16 * 1024,
            headers_max: 64,
            target_bytes_max: 8 * 1024,
            body_bytes_max: 32 * 1024 * 1024,
            body_buffered_bytes_max: 1024 * 1024,
            output_high_water_bytes: 256 * 1024,
            buffer_cache_bytes_max: 8 * 1024 * 1024,
            idle_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            handler_timeout: None,
            half_close: false,
            stall_warning: cfg!(debug_assertions).then_some(Duration::from_millis(100)),
            shutdown_timeout: Duration::from_secs(10),
            large_blocks: 64,
            websocket_message_bytes_max: 1024 * 1024,
            websocket_queue_bytes_max: 1024 * 1024,
            websocket_overflow: WebSocketOverflow::Close,
            websocket_ping_interval: Some(Duration::from_secs(30)),
            receive_buffers: 128,
            receive_buffer_bytes: 16 * 1024,
        }
    }
}

impl Config {
    /// The limits of the parser.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            head_bytes_max: self.head_bytes_max,
            headers_max: self.headers_max,
            target_bytes_max: self.target_bytes_max,
            body_bytes_max: self.body_bytes_max,
        }
    }

    /// The number of reactors that will be started.
    pub fn reactor_count(&self) -> usize {
        match self.reactors {
            Some(count) => count.get(),
            None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        }
    }

    /// Refuses what cannot work, naming the key.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_numbers()?;
        self.check_durations()?;
        if !self.receive_buffers.is_power_of_two() || self.receive_buffers > 1 << 15 {
            let problem = format!("{} is not a power of two up to 32768", self.receive_buffers);
            return Err(refuse("receive_buffers", problem));
        }
        let allowed = sws_ring::sys::allowed_cpus();
        if let Some(cpu) = self.reactor_cpus.iter().find(|cpu| !allowed.contains(cpu)) {
            let problem = format!("CPU {cpu} is not one of {allowed:?}, which the process may use");
            return Err(refuse("reactor_cpus", problem));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), Error> {
        let head_bytes_max = self.head_bytes_max as u64;
        let numbers: [(&'static str, u64, u64, u64); 17] = [
            ("reactors", self.reactor_count() as u64, 1, 1024),
            (
                "connections_max",
                self.connections_max.into(),
                1,
                CONNECTIONS_LIMIT.into(),
            ),
            ("backlog", self.backlog.into(), 1, i32::MAX as u64),
            ("head_bytes_max", head_bytes_max, 128, 1 << 24),
            (
                "headers_max",
                self.headers_max as u64,
                1,
                HEADER_SLOTS as u64,
            ),
            (
                "target_bytes_max",
                self.target_bytes_max as u64,
                16,
                head_bytes_max,
            ),
            (
                "body_buffered_bytes_max",
                self.body_buffered_bytes_max as u64,
                0,
                1 << 32,
            ),
            ("large_blocks", self.large_blocks.into(), 0, 1 << 20),
            (
                "output_high_water_bytes",
                self.output_high_water_bytes as u64,
                4096,
                1 << 30,
            ),
            (
                "buffer_cache_bytes_max",
                self.buffer_cache_bytes_max as u64,
                0,
                1 << 40,
            ),
            (
                "receive_buffer_bytes",
                self.receive_buffer_bytes as u64,
                512,
                1 << 20,
            ),
            ("workers", self.workers as u64, 0, 1024),
            ("worker_queue_max", self.worker_queue_max as u64, 1, 1 << 32),
            (
                "worker_stack_bytes",
                self.worker_stack_bytes as u64,
                16 * 1024,
                1 << 30,
            ),
            ("tasks_max", self.tasks_max as u64, 1, 1 << 24),
            (
                "websocket_message_bytes_max",
                self.websocket_message_bytes_max.into(),
                1,
                1 << 31,
            ),
            (
                "websocket_queue_bytes_max",
                self.websocket_queue_bytes_max as u64,
                1024,
                1 << 40,
            ),
        ];
        for (key, value, low, high) in numbers {
            if !(low..=high).contains(&value) {
                return Err(refuse(
                    key,
                    format!("{value} is not between {low} and {high}"),
                ));
            }
        }
        Ok(())
    }

    fn check_durations(&self) -> Result<(), Error> {
        let (tick, zero) = (Duration::from_millis(100), Duration::ZERO);
        let handler = self.handler_timeout.unwrap_or(tick);
        let ping = self.websocket_ping_interval.unwrap_or(tick);
        for (key, value, low) in [
            ("idle_timeout", self.idle_timeout, tick),
            ("head_timeout", self.head_timeout, tick),
            ("body_timeout", self.body_timeout, tick),
            ("write_timeout", self.write_timeout, tick),
            ("shutdown_timeout", self.shutdown_timeout, zero),
            ("handler_timeout", handler, tick),
            ("websocket_ping_interval", ping, tick),
        ] {
            if !(low..=Duration::from_secs(3600 * 24 * 365)).contains(&value) {
                let problem = format!("{value:?} is not between {low:?} and a year");
                return Err(refuse(key, problem));
            }
        }
        Ok(())
    }
}

fn refuse(key: &'static str, problem: String) -> Error {
    Error::Config { key, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_accepted() {
        Config::default().check().unwrap();
    }

    #[test]
    fn a_bad_value_is_refused_by_its_key() {
        assert!(problem(|c| c.connections_max = 0).contains("connections_max"));
        assert!(problem(|c| c.headers_max = 101).contains("headers_max"));
        assert!(problem(|c| c.receive_buffers = 3).contains("receive_buffers"));
        assert!(problem(|c| c.idle_timeout = Duration::ZERO).contains("idle_timeout"));
        assert!(problem(|c| c.shutdown_timeout = Duration::MAX).contains("shutdown_timeout"));
        assert!(problem(|c| c.buffer_cache_bytes_max = 1 << 41).contains("buffer_cache_bytes_max"));
        assert!(problem(|c| c.target_bytes_max = 1 << 20).contains("target_bytes_max"));
    }

    #[test]
    fn engines_have_names() {
        for kind in [EngineKind::Auto, EngineKind::IoUring, EngineKind::Epoll] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!(
            "kqueue"
                .parse::<EngineKind>()
                .unwrap_err()
                .contains("io_uring")
        );
    }
}
