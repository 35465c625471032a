//! Handlers that wait, over real sockets, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean};
use std::{
    io::Write,
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use sws::{
    Config, Context, EngineKind, Rejection, Request, Response, Running, Server, next,
    time::{self, sleep},
};

/// What happened to handlers, as seen from outside.
#[derive(Default)]
struct Seen {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Dropped before their end.
    cancelled: AtomicU64,
}

/// Counts a handler's end, whichever it is.
struct Guard(Arc<Seen>, bool);

impl Guard {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.begun.fetch_add(1, SeqCst);
        Self(Arc::clone(seen), false)
    }

    fn end(mut self) {
        self.1 = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let count = if self.1 {
            &self.0.ended
        } else {
            &self.0.cancelled
        };
        count.fetch_add(1, SeqCst);
    }
}

async fn pause(context: Context<()>) -> Result<String, Rejection> {
    let millis = context.param_as("millis")?;
    sleep(Duration::from_millis(millis)).await;
    Ok(format!("slept {millis}"))
}

fn serve(config: Config, seen: &Arc<Seen>) -> Running {
    let seen = Arc::clone(seen);
    Server::builder()
        .config(Config {
            workers: 2,
            ..config
        })
        .get("/inline", |_: Context<()>| async { "inline" })
        .get("/sleep/{millis}", pause)
        .get("/worker/{n}", |context: Context<()>| async move {
            let n: u64 = context.param_as("n")?;
            let square = next::submit(move || n * n).await?;
            Ok::<_, Rejection>(square.to_string())
        })
        .get("/error", |_: Context<()>| async {
            Err::<&str, _>(Rejection::new(418, "no coffee"))
        })
        .get("/forever", move |_: Context<()>| {
            let guard = Guard::new(&seen);
            async move {
                sleep(Duration::from_secs(3600)).await;
                guard.end();
                "at last"
            }
        })
        .get("/panic", |_: Context<()>| async {
            if true {
                panic!("before an await, on purpose");
            }
            "not reached"
        })
        .get("/panic-later", |_: Context<()>| async {
            sleep(Duration::from_millis(5)).await;
            if true {
                panic!("after an await, on purpose");
            }
            "not reached"
        })
        .get("/panic-outside", |_: Context<()>| {
            let future = async { "not reached" };
            if true {
                panic!("before there is a future, on purpose");
            }
            future
        })
        .get(
            "/echo/{text}",
            |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                response.text(request.param("text").unwrap())
            },
        )
        .post("/body", |context: Context<()>| async move {
            sleep(Duration::from_millis(1)).await;
            context.body().to_vec()
        })
        .start()
        .unwrap()
}

fn short(engine: EngineKind) -> Config {
    Config {
        handler_timeout: Some(Duration::from_millis(200)),
        ..config(engine)
    }
}

#[test]
fn answers_at_once_later_and_from_workers() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/inline").text(), "inline");
        assert_eq!(client.get("/sleep/20").text(), "slept 20");
        assert_eq!(client.get("/worker/12").text(), "144");
        let answer = client.get("/error");
        assert_eq!((answer.status, answer.text()), (418, "no coffee\n"));
        assert_eq!(client.get("/sleep/x").status, 400);
        client.send("HEAD /sleep/20 HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer_to_head().field("content-length"), Some("8"));
        client.send("GET /sleep/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.answer();
        assert_eq!(
            (answer.text(), answer.field("connection")),
            ("slept 1", Some("keep-alive"))
        );
        client.send("GET /sleep/1 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        assert_eq!(client.answer().field("connection"), Some("close"));
        client.expect_eof();
        drop(client);
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

/// 200 handlers that wait 100 ms each on one thread would take 20 s one after the other.
#[test]
fn handlers_wait_side_by_side() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut clients: Vec<Client> = (0..200).map(|_| Client::new(server.addr())).collect();
        let begin = std::time::Instant::now();
        for client in &mut clients {
            client.send("GET /sleep/100 HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        for client in &mut clients {
            assert_eq!(client.answer().text(), "slept 100");
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{engine}");
        drop(clients);
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

#[test]
fn a_handler_ends_with_its_client() {
    for engine in engines() {
        let seen = Arc::<Seen>::default();
        let server = serve(config(engine), &seen);
        for number in 1..=8 {
            let mut client = Client::new(server.addr());
            client.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
            eventually(&server, "it waits", |c| c.tasks == 1);
            if number % 2 == 0 {
                client.reset();
            } else {
                drop(client);
            }
            eventually(&server, "it has ended", |c| c.tasks == 0);
            assert_eq!(seen.cancelled.load(SeqCst), number, "{engine}");
        }
        assert_eq!(seen.ended.load(SeqCst), 0);
        expect_clean(&server);
    }
}

#[test]
fn half_closed_clients_get_their_answers_if_configured() {
    for engine in engines() {
        for half_close in [false, true] {
            let server = serve(
                Config {
                    half_close,
                    ..config(engine)
                },
                &Arc::default(),
            );
            let mut client = Client::new(server.addr());
            client.send("GET /sleep/150 HTTP/1.1\r\nHost: t\r\n\r\nGET /echo/second HTTP/1.1\r\nHost: t\r\n\r\n");
            eventually(&server, "it waits", |c| c.tasks == 1);
            client.stream.shutdown(Shutdown::Write).unwrap();
            if half_close {
                assert_eq!(client.answer().text(), "slept 150", "{engine}");
                assert_eq!(client.answer().text(), "second", "{engine}");
                client.expect_eof();
            } else {
                assert_eq!(client.rest().0, b"", "{engine}");
            }
            assert_eq!(expect_clean(&server).tasks, 0);
        }
    }
}

#[test]
fn a_handler_that_takes_too_long_is_cancelled() {
    for engine in engines() {
        let seen = Arc::<Seen>::default();
        let server = serve(short(engine), &seen);
        for head in [false, true] {
            let mut client = Client::new(server.addr());
            assert_eq!(client.get("/sleep/20").text(), "slept 20");
            let method = if head { "HEAD" } else { "GET" };
            client.send(format!("{method} /forever HTTP/1.1\r\nHost: t\r\n\r\n"));
            let answer = if head {
                client.answer_to_head()
            } else {
                client.answer()
            };
            assert_eq!(
                (answer.status, answer.field("connection")),
                (503, Some("close"))
            );
            client.expect_eof();
        }
        assert_eq!(seen.cancelled.load(SeqCst), 2, "{engine}");
        let counters = expect_clean(&server);
        assert_eq!((counters.tasks, counters.timeouts), (0, 2));
    }
}

#[test]
fn check_23_a_panic_costs_one_500_wherever_it_happens() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut other = Client::new(server.addr());
        for (count, path) in ["/panic", "/panic-later", "/panic-outside"]
            .into_iter()
            .enumerate()
        {
            let mut client = Client::new(server.addr());
            client.send(format!(
                "GET {path} HTTP/1.1\r\nHost: t\r\n\r\nGET /echo/never HTTP/1.1\r\nHost: t\r\n\r\n"
            ));
            let answer = client.answer();
            assert_eq!(
                (answer.status, answer.field("connection")),
                (500, Some("close")),
                "{engine}: {path}"
            );
            client.expect_eof();
            assert_eq!(other.get("/echo/fine").text(), "fine", "{engine}: {path}");
            let panics = count as u64 + 1;
            eventually(&server, "it is counted once", |c| c.panics == panics);
        }
        drop(other);
        let counters = expect_clean(&server);
        assert_eq!((counters.tasks, counters.panics), (0, 3));
    }
}

/// What comes behind a request that waits is answered after it, each in its turn.
#[test]
fn pipelined_requests_keep_their_order_whoever_waits() {
    let paths = [
        ("/sleep/30", "slept 30"),
        ("/echo/a", "a"),
        ("/worker/3", "9"),
        ("/inline", "inline"),
        ("/sleep/1", "slept 1"),
        ("/echo/b", "b"),
    ];
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        let mut requests = String::new();
        for _ in 0..10 {
            for (path, _) in paths {
                requests += &format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
            }
            requests += "POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbody";
        }
        client.send(requests);
        for round in 0..10 {
            for (path, text) in paths {
                assert_eq!(client.answer().text(), text, "{engine}: {round} {path}");
            }
            assert_eq!(client.answer().text(), "body", "{engine}: {round}");
        }
        drop(client);
        expect_clean(&server);
    }
}

/// Input behind a request that waits is taken up to a limit; then TCP holds the client back, and nothing is lost.
#[test]
fn input_behind_a_request_that_waits_is_bounded() {
    for engine in engines() {
        let server = serve(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        client.send("GET /sleep/700 HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "it waits", |c| c.tasks == 1);
        // Far more than all socket buffers of a loopback connection hold.
        let mut writer = client.stream.try_clone().unwrap();
        let body = vec![b'x'; 500_000];
        let count = 60;
        let feeder = std::thread::spawn(move || {
            for _ in 0..count {
                writer
                    .write_all(b"POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: 500000\r\n\r\n")
                    .unwrap();
                writer.write_all(&body).unwrap();
            }
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!feeder.is_finished(), "{engine}: all was taken");
        assert_eq!(client.answer().text(), "slept 700");
        for index in 0..count {
            let answer = client.answer();
            assert_eq!(
                (answer.status, answer.body.len()),
                (200, 500_000),
                "{index}"
            );
        }
        feeder.join().unwrap();
        drop(client);
        expect_clean(&server);
    }
}

/// A client that goes while its input is held back: its FIN is behind what nobody reads.
#[test]
fn a_client_that_goes_while_it_is_held_back_is_noticed() {
    for engine in engines() {
        let seen = Arc::<Seen>::default();
        let server = serve(config(engine), &seen);
        let mut client = Client::new(server.addr());
        client.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
        client.send(vec![b'x'; 100_000]);
        eventually(&server, "it waits", |c| c.tasks == 1);
        client.reset();
        eventually(&server, "it has ended", |c| c.tasks == 0);
        assert_eq!(seen.cancelled.load(SeqCst), 1, "{engine}");
        expect_clean(&server);

        let mut client = Client::new(server.addr());
        client.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
        client.send(vec![b'x'; 100_000]);
        eventually(&server, "it waits", |c| c.tasks == 1);
        client.stream.shutdown(Shutdown::Write).unwrap();
        eventually(&server, "it has ended, too", |c| c.tasks == 0);
        expect_clean(&server);
    }
}

#[test]
fn more_requests_than_tasks_are_answered_503() {
    for engine in engines() {
        let seen = Arc::<Seen>::default();
        let server = serve(
            Config {
                tasks_max: 3,
                ..config(engine)
            },
            &seen,
        );
        let mut waiting: Vec<Client> = (0..3).map(|_| Client::new(server.addr())).collect();
        for client in &mut waiting {
            client.send("GET /forever HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        eventually(&server, "all tasks are in use", |c| c.tasks == 3);
        let mut client = Client::new(server.addr());
        let answer = client.get("/sleep/1");
        assert_eq!(
            (answer.status, answer.field("retry-after")),
            (503, Some("1")),
            "{engine}"
        );
        assert_eq!(client.get("/echo/plain").text(), "plain");
        drop(waiting.pop());
        eventually(&server, "one is free", |c| c.tasks == 2);
        assert_eq!(client.get("/sleep/1").text(), "slept 1");
        drop((waiting, client));
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

/// Tasks go on without their request, in the order in which they were started, on the reactor's thread.
#[test]
fn tasks_of_handlers_share_their_thread_and_state() {
    struct App {
        thread: Option<std::thread::ThreadId>,
        order: Vec<u32>,
    }
    async fn start(context: Context<App>) -> Result<String, Rejection> {
        let state = context.state();
        let mut handles = Vec::new();
        for number in 0..100 {
            let state = state.clone();
            handles.push(next::go(async move {
                next::yield_now().await;
                state.with(|app| {
                    assert_eq!(app.thread, Some(std::thread::current().id()));
                    app.order.push(number);
                });
            })?);
        }
        for handle in handles {
            handle.await.unwrap();
        }
        Ok(context.with(|app| format!("{:?}", app.order)))
    }
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .state(|_| App {
                thread: Some(std::thread::current().id()),
                order: Vec::new(),
            })
            .get("/", start)
            .start()
            .unwrap();
        let expected = format!("{:?}", (0..100).collect::<Vec<u32>>());
        assert_eq!(Client::new(server.addr()).get("/").text(), expected);
    }
}

/// A task that starts the next one for ever does not keep others from being served.
#[test]
fn tasks_that_follow_each_other_for_ever_starve_nobody() {
    fn chain(left: u32) {
        let task = next::go(async move {
            if left > 0 {
                chain(left - 1);
            }
        });
        drop(task);
    }
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .get("/chain", |_: Context<()>| async {
                chain(200_000);
                "begun"
            })
            .get("/spin", |_: Context<()>| async {
                let spin = next::go(async {
                    loop {
                        next::yield_now().await;
                    }
                });
                drop(spin);
                "spinning"
            })
            .get(
                "/",
                |_: &mut (), _: &Request<'_>, response: Response<'_>| response.text("served"),
            )
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/chain").text(), "begun");
        assert_eq!(client.get("/spin").text(), "spinning");
        for _ in 0..100 {
            assert_eq!(client.get("/").text(), "served");
        }
        drop(client);
        server.stop().unwrap();
    }
}

#[test]
fn timeouts_and_intervals_in_handlers() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .get("/timeout", |_: Context<()>| async {
                let never = std::future::pending::<&'static str>();
                let text = time::timeout(Duration::from_millis(20), never).await?;
                Ok::<_, Rejection>(text)
            })
            .get("/in-time", |_: Context<()>| async {
                let soon = async {
                    sleep(Duration::from_millis(1)).await;
                    "soon"
                };
                let text = time::timeout(Duration::from_secs(20), soon).await?;
                Ok::<_, Rejection>(text)
            })
            .get("/interval", |_: Context<()>| async {
                let mut interval = time::interval(Duration::from_millis(10));
                let first = interval.tick().await;
                for _ in 0..3 {
                    interval.tick().await;
                }
                (first.elapsed() >= Duration::from_millis(30)).to_string()
            })
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/timeout").status, 503);
        assert_eq!(client.get("/in-time").text(), "soon");
        assert_eq!(client.get("/interval").text(), "true");
    }
}
