//! Every key of [`Config`] does something that a test observes, and a bad value is refused by its name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean, frames, sources, start};
use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    num::NonZeroUsize,
    process::Command,
    time::Duration,
};
use sws::{
    Answered, BodySink, Config, Context, EngineKind, ReactorInfo, Rejection, Request, Response,
    Server, next,
    ws::{Message, Socket},
};

/// A key, the test that observes it, and values that are refused.
struct Row {
    key: &'static str,
    observed_by: &'static str,
    refused: Vec<fn(&mut Config)>,
}

macro_rules! rows {
    ($($key:ident: $observed_by:literal, [$($refused:expr),*];)+) => {
        fn rows() -> Vec<Row> {
            // A key without a row does not compile.
            let Config { $($key: _),+ } = Config::default();
            vec![$(Row {
                key: stringify!($key),
                observed_by: $observed_by,
                refused: vec![$($refused),*],
            }),+]
        }
    };
}

const YEARS: Duration = Duration::from_secs(3600 * 24 * 366);
const SHORT: Duration = Duration::from_millis(99);

rows! {
    host: "sws/tests/config_keys.rs::host_and_port", [];
    port: "sws/tests/config_keys.rs::host_and_port", [];
    reactors: "sws/tests/config_keys.rs::reactors_and_their_cpus",
        [|c| c.reactors = NonZeroUsize::new(1025)];
    engine: "sws/tests/config_keys.rs::engine", [];
    pin_reactors: "sws/tests/config_keys.rs::reactors_and_their_cpus", [];
    reactor_cpus: "sws/tests/config_keys.rs::reactors_and_their_cpus",
        [|c| c.reactor_cpus = vec![100_000]];
    workers: "sws/tests/checks_process.rs::threads_are_those_that_were_asked_for",
        [|c| c.workers = 1025];
    worker_queue_max: "sws/tests/checks_workers.rs::check_24_a_full_queue_is_503_and_a_panicking_worker_500",
        [|c| c.worker_queue_max = 0];
    worker_stack_bytes: "sws/tests/config_keys.rs::worker_stack_bytes",
        [|c| c.worker_stack_bytes = 1000, |c| c.worker_stack_bytes = 1 << 31];
    tasks_max: "sws/tests/checks_async/tasks.rs::more_requests_than_tasks_are_answered_503",
        [|c| c.tasks_max = 0];
    connections_max: "sws/tests/flow.rs::a_full_pool_recovers",
        [|c| c.connections_max = 0, |c| c.connections_max = (1 << 20) + 1];
    warm_up: "sws/tests/warm_up.rs::a_warm_server_has_its_memory_before_the_first_connection", [];
    backlog: "sws/tests/config_keys.rs::backlog", [|c| c.backlog = 0];
    head_bytes_max: "sws/tests/config_keys.rs::limits_of_a_request",
        [|c| c.head_bytes_max = 100, |c| c.head_bytes_max = 1 << 25];
    headers_max: "sws/tests/config_keys.rs::limits_of_a_request",
        [|c| c.headers_max = 0, |c| c.headers_max = 101];
    target_bytes_max: "sws/tests/config_keys.rs::limits_of_a_request",
        [|c| c.target_bytes_max = 15, |c| c.target_bytes_max = c.head_bytes_max + 1];
    body_bytes_max: "sws/tests/config_keys.rs::limits_of_a_request", [];
    body_buffered_bytes_max: "sws/tests/config_keys.rs::limits_of_a_request",
        [|c| c.body_buffered_bytes_max = (1 << 32) + 1];
    output_high_water_bytes: "sws/tests/config_keys.rs::output_high_water_bytes",
        [|c| c.output_high_water_bytes = 4095];
    buffer_cache_bytes_max: "sws/tests/allocations.rs::what_is_left_over_is_kept_in_memory_that_is_used_again",
        [|c| c.buffer_cache_bytes_max = 1 << 41];
    idle_timeout: "sws/tests/time.rs::an_idle_connection_is_closed_and_an_active_one_is_not",
        [|c| c.idle_timeout = SHORT, |c| c.idle_timeout = YEARS];
    head_timeout: "sws/tests/time.rs::a_head_that_trickles_is_cut_off",
        [|c| c.head_timeout = SHORT, |c| c.head_timeout = YEARS];
    body_timeout: "sws/tests/time.rs::unfinished_requests_get_408",
        [|c| c.body_timeout = SHORT, |c| c.body_timeout = YEARS];
    write_timeout: "sws/tests/time.rs::a_client_that_takes_nothing_is_cut_off",
        [|c| c.write_timeout = SHORT, |c| c.write_timeout = YEARS];
    handler_timeout: "sws/tests/checks_async/handlers.rs::a_handler_that_takes_too_long_is_cancelled",
        [|c| c.handler_timeout = Some(SHORT), |c| c.handler_timeout = Some(YEARS)];
    half_close: "sws/tests/checks_async/handlers.rs::half_closed_clients_get_their_answers_if_configured", [];
    stall_warning: "sws/tests/config_keys.rs::stall_warning", [];
    shutdown_timeout: "sws/tests/time.rs::a_stop_is_bounded",
        [|c| c.shutdown_timeout = YEARS];
    large_blocks: "sws/tests/checks_requests.rs::large_bodies_are_refused_when_all_blocks_are_in_use",
        [|c| c.large_blocks = (1 << 20) + 1];
    websocket_message_bytes_max: "sws/tests/config_keys.rs::websocket_message_bytes_max",
        [|c| c.websocket_message_bytes_max = 0, |c| c.websocket_message_bytes_max = (1 << 31) + 1];
    websocket_queue_bytes_max: "sws/tests/checks_websocket/messages.rs::a_member_that_is_too_slow_does_not_hold_up_a_topic",
        [|c| c.websocket_queue_bytes_max = 1023];
    websocket_overflow: "sws/tests/checks_websocket/messages.rs::a_member_that_is_too_slow_does_not_hold_up_a_topic", [];
    websocket_ping_interval: "sws/tests/checks_websocket/ends.rs::a_silent_peer_is_pinged_and_then_given_up",
        [|c| c.websocket_ping_interval = Some(SHORT), |c| c.websocket_ping_interval = Some(YEARS)];
    receive_buffers: "sws/tests/config_keys.rs::receive_buffers_and_their_size",
        [|c| c.receive_buffers = 0, |c| c.receive_buffers = 3];
    receive_buffer_bytes: "sws/tests/config_keys.rs::receive_buffers_and_their_size",
        [|c| c.receive_buffer_bytes = 511, |c| c.receive_buffer_bytes = (1 << 20) + 1];
}

#[test]
fn every_key_is_observed_by_a_test() {
    for row in rows() {
        sources::expect_test(row.observed_by);
        let file = row.observed_by.split("::").next().unwrap();
        let text = std::fs::read_to_string(sources::root().join(file)).unwrap();
        let set = [format!("{}:", row.key), format!("{},", row.key)];
        assert!(
            set.iter().any(|set| text.contains(&**set)),
            "{} does not occur in {file}",
            row.key
        );
    }
}

#[test]
fn a_bad_value_is_refused_by_its_keys_name() {
    let mut refused = 0;
    for row in rows() {
        for make_bad in row.refused {
            let mut bad = config(EngineKind::Epoll);
            make_bad(&mut bad);
            let error = Server::builder().config(bad).start().unwrap_err();
            let text = error.to_string();
            let named = format!("configuration: {}: ", row.key);
            assert!(
                text.starts_with(&named),
                "{text:?} does not name {}",
                row.key
            );
            refused += 1;
        }
    }
    assert!(refused >= 40, "{refused}");
}

#[test]
fn host_and_port() {
    let host = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));
    let free = TcpListener::bind((host, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    for engine in engines() {
        let here = Config {
            host,
            port,
            ..config(engine)
        };
        let server = start(here.clone());
        assert_eq!(server.addr(), SocketAddr::new(host, port));
        assert_eq!(Client::new(server.addr()).get("/").text(), "root");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        // Neither is refused by its name, but by the address that they make.
        let error = Server::builder().config(here).start().unwrap_err();
        assert!(error.to_string().contains(&server.addr().to_string()));
        server.stop().unwrap();
    }
}

#[test]
fn engine() {
    for engine in engines() {
        let server = start(config(engine));
        let said = format!("engine {engine}");
        assert!(server.to_string().contains(&said), "{server}");
        assert_eq!(Client::new(server.addr()).get("/").text(), "root");
        let counters = expect_clean(&server);
        let ring = counters.buffers_total > 0;
        assert_eq!(ring, engine == EngineKind::IoUring);
    }
}

#[test]
fn reactors_and_their_cpus() {
    let allowed = sws_ring::sys::allowed_cpus();
    for engine in engines() {
        let count = NonZeroUsize::new(allowed.len()).unwrap();
        let cpus = |pin_reactors, reactor_cpus: &[usize]| -> Vec<Vec<usize>> {
            let (sender, receiver) = std::sync::mpsc::channel();
            let sender = std::sync::Mutex::new(sender);
            let server = Server::builder()
                .config(Config {
                    reactors: Some(count),
                    pin_reactors,
                    reactor_cpus: reactor_cpus.to_vec(),
                    ..config(engine)
                })
                .state(move |info: ReactorInfo| {
                    let cpus = sws_ring::sys::allowed_cpus();
                    sender.lock().unwrap().send((info.index, cpus)).unwrap();
                })
                .start()
                .unwrap();
            assert_eq!(server.reactors(), count.get());
            let mut seen: Vec<_> = receiver.iter().take(count.get()).collect();
            seen.sort();
            seen.into_iter().map(|(_, cpus)| cpus).collect()
        };
        let one_each: Vec<_> = allowed.iter().map(|cpu| vec![*cpu]).collect();
        assert_eq!(cpus(true, &[]), one_each, "{engine}");
        assert!(cpus(false, &[]).iter().all(|cpus| *cpus == allowed));
        let last = *allowed.last().unwrap();
        assert!(cpus(false, &[last]).iter().all(|cpus| *cpus == [last]));
    }
}

#[test]
fn worker_stack_bytes() {
    /// Of this thread.
    fn stack_bytes() -> usize {
        let mut attributes = std::mem::MaybeUninit::uninit();
        let mut bytes = 0;
        // SAFETY: the first call initialises what the others read and destroy.
        unsafe {
            let this = libc::pthread_self();
            assert_eq!(0, libc::pthread_getattr_np(this, attributes.as_mut_ptr()));
            let attributes = attributes.as_mut_ptr();
            assert_eq!(
                0,
                libc::pthread_attr_getstacksize(attributes, &raw mut bytes)
            );
            libc::pthread_attr_destroy(attributes);
        }
        bytes
    }
    for engine in engines() {
        // Above what threads have by themselves. It may be more: a stack that another thread left is used again.
        for bytes in [4 << 20, 64 << 20] {
            let server = Server::builder()
                .config(Config {
                    workers: 1,
                    worker_stack_bytes: bytes,
                    ..config(engine)
                })
                .get("/", |_: Context<()>| async {
                    let bytes = next::submit(stack_bytes).await?;
                    Ok::<_, Rejection>(bytes.to_string())
                })
                .start()
                .unwrap();
            let answer = Client::new(server.addr()).get("/");
            let found: usize = answer.text().parse().unwrap();
            assert!(found >= bytes, "{engine}: {found}");
        }
    }
}

/// Who is not accepted waits in the kernel's queue, up to its length; beyond it connecting takes for ever.
#[test]
fn backlog() {
    for engine in engines() {
        let connected = |backlog| {
            let server = start(Config {
                connections_max: 1,
                backlog,
                ..config(engine)
            });
            let mut first = Client::new(server.addr());
            assert_eq!(first.get("/").text(), "root");
            let patience = Duration::from_millis(100);
            let waiting: Vec<TcpStream> = (0..24)
                .map_while(|_| TcpStream::connect_timeout(&server.addr(), patience).ok())
                .collect();
            let count = waiting.len();
            drop((first, waiting));
            expect_clean(&server);
            count
        };
        let (few, many) = (connected(2), connected(100));
        assert!(few < 12 && many == 24, "{engine}: {few} {many}");
    }
}

#[test]
fn limits_of_a_request() {
    let post = |path: &str, bytes: usize| {
        let body = "x".repeat(bytes);
        format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {bytes}\r\n\r\n{body}")
    };
    let get =
        |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: t\r\n{fields}\r\n");
    let long = format!("X: {}\r\n", "y".repeat(1000));
    let target = format!("/query?{}", "z".repeat(93));
    type Case = (fn(&mut Config), String, u16);
    let cases: [Case; 5] = [
        (
            |c| (c.head_bytes_max, c.target_bytes_max) = (1000, 500),
            get("/", &long),
            431,
        ),
        (|c| c.headers_max = 5, get("/", &"X: y\r\n".repeat(5)), 431),
        (|c| c.target_bytes_max = 99, get(&target, ""), 414),
        (|c| c.body_bytes_max = 999, post("/count", 1000), 413),
        (
            |c| c.body_buffered_bytes_max = 999,
            post("/echo", 1000),
            413,
        ),
    ];
    for engine in engines() {
        for (set, request, status) in &cases {
            for (changed, expected) in [(true, *status), (false, 200)] {
                let mut config = config(engine);
                if changed {
                    set(&mut config);
                }
                let server = start(config);
                let mut client = Client::new(server.addr());
                client.send(request);
                assert_eq!(client.answer().status, expected, "{engine}: {request}");
            }
        }
        // One less of anything is served.
        let server = start(Config {
            headers_max: 5,
            target_bytes_max: 100,
            body_bytes_max: 1000,
            body_buffered_bytes_max: 1000,
            ..config(engine)
        });
        let mut client = Client::new(server.addr());
        for request in [
            get("/", &"X: y\r\n".repeat(4)),
            get(&target, ""),
            post("/count", 1000),
            post("/echo", 1000),
        ] {
            client.send(&request);
            assert_eq!(client.answer().status, 200, "{engine}: {request}");
        }
    }
}

/// How many requests are worked on for a client that takes none of the answers.
#[test]
fn output_high_water_bytes() {
    for engine in engines() {
        let [low, high] = [4096, 64 << 20].map(|output_high_water_bytes| {
            let server = start(Config {
                output_high_water_bytes,
                ..config(engine)
            });
            let mut client = Client::narrow(server.addr());
            client.send("GET /bytes/100000 HTTP/1.1\r\nHost: t\r\n\r\n".repeat(100));
            if output_high_water_bytes > 4096 {
                eventually(&server, "all are worked on", |c| c.requests == 100);
            }
            std::thread::sleep(Duration::from_millis(200));
            let counters = server.counters();
            client.reset();
            expect_clean(&server);
            counters.requests
        });
        assert!(low < 60 && high == 100, "{engine}: {low} {high}");
    }
}

/// Says on standard error when a handler holds its reactor for too long: another process's, where it can be read.
#[test]
fn stall_warning() {
    const CHILD: &str = "SWS_TEST_STALL_MILLIS";
    if let Ok(millis) = std::env::var(CHILD) {
        let millis: u64 = millis.parse().unwrap();
        for engine in engines() {
            let server = Server::builder()
                .config(Config {
                    stall_warning: (millis > 0).then(|| Duration::from_millis(millis)),
                    ..config(engine)
                })
                .get(
                    "/stalls",
                    |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                        std::thread::sleep(Duration::from_millis(150));
                        response.text("at last")
                    },
                )
                .start()
                .unwrap();
            let mut client = Client::new(server.addr());
            assert_eq!(client.get("/stalls").text(), "at last");
        }
        return;
    }
    let count = engines().len();
    for (millis, warnings) in [("100", count), ("10000", 0), ("0", 0)] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["stall_warning", "--exact", "--nocapture"])
            .env(CHILD, millis)
            .output()
            .unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let found = said.matches("GET /stalls held its reactor").count();
        assert_eq!(found, warnings, "{millis}: {said}");
    }
}

#[test]
fn websocket_message_bytes_max() {
    for engine in engines() {
        let server = Server::builder()
            .config(Config {
                websocket_message_bytes_max: 1000,
                ..config(engine)
            })
            .ws("/", |_: &mut (), _: &Request<'_>| {
                |_: &mut (), socket: &mut Socket<'_>, message: Message<'_>| socket.send(message)
            })
            .start()
            .unwrap();
        let mut client = frames::open(server.addr(), "/");
        client.send(frames::text(&"x".repeat(1000)));
        assert_eq!(frames::next_text(&mut client).len(), 1000);
        // In two fragments, neither of which is too long.
        client.send(frames::frame(false, frames::TEXT, "x".repeat(600)));
        client.send(frames::frame(true, 0, "x".repeat(401)));
        assert_eq!(frames::next_close(&mut client), 1009, "{engine}");
    }
}

/// The longest piece that came at once.
struct Longest(usize);

impl BodySink<()> for Longest {
    fn chunk(&mut self, _: &mut (), bytes: &[u8]) {
        self.0 = self.0.max(bytes.len());
    }

    fn end(self: Box<Self>, _: &mut (), response: Response<'_>) -> Answered {
        response.text(self.0.to_string())
    }
}

#[test]
fn receive_buffers_and_their_size() {
    for engine in engines() {
        for (receive_buffers, receive_buffer_bytes) in [(4, 512), (64, 32 * 1024)] {
            let server = Server::builder()
                .config(Config {
                    receive_buffers,
                    receive_buffer_bytes,
                    ..config(engine)
                })
                .post_stream("/", |_: &mut (), _: &Request<'_>| Longest(0))
                .start()
                .unwrap();
            let mut client = Client::new(server.addr());
            // All of it is there when it is looked at; short enough not to be received in another way.
            let body = vec![b'x'; 60_000];
            let head = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n";
            let mut all = head.to_vec();
            all.extend(body);
            client.stream.write_all(&all).unwrap();
            let longest: usize = client.answer().text().parse().unwrap();
            let counters = eventually(&server, "it is served", |c| c.requests == 1);
            if engine == EngineKind::IoUring {
                assert_eq!(counters.buffers_total, u64::from(receive_buffers));
                assert!(longest <= receive_buffer_bytes, "{longest}");
                assert!(longest > receive_buffer_bytes / 2, "{longest}");
            }
        }
    }
}
