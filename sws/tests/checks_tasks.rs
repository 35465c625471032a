//! Answers from elsewhere, over real sockets, on both engines: other threads, workers, hooks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean};
use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, Instant},
};
use sws::{
    Answered, Config, Context, EngineKind, Rejection, Reply, Request, Responder, Response, Running,
    Server,
    next::{self, SubmitError},
};

type Deferred = (String, Responder);

/// A server whose requests to `/defer/{text}` are the test's to answer.
fn deferring(config: Config) -> (Running, mpsc::Receiver<Deferred>) {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    let server = Server::builder()
        .config(config)
        .get(
            "/defer/{text}",
            move |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                let text = request.param("text").unwrap().to_owned();
                let (responder, answered) = response.defer();
                sender.lock().unwrap().send((text, responder)).unwrap();
                answered
            },
        )
        .get(
            "/plain",
            |_: &mut (), _: &Request<'_>, response: Response<'_>| response.text("plain"),
        )
        .start()
        .unwrap();
    (server, receiver)
}

/// 1000 requests wait at once; eight threads answer them, and each gets its own body.
#[test]
fn check_15_deferred_answers_from_eight_threads() {
    const CLIENTS: usize = 1000;
    for engine in engines() {
        let (server, deferred) = deferring(config(engine));
        let deferred = Arc::new(Mutex::new(deferred));
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new(server.addr())).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(format!("GET /defer/{number} HTTP/1.1\r\nHost: t\r\n\r\n"));
        }
        eventually(&server, "all wait", |c| c.requests == CLIENTS as u64);
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let deferred = Arc::clone(&deferred);
                std::thread::spawn(move || {
                    for _ in 0..CLIENTS / 8 {
                        let (text, responder) = deferred.lock().unwrap().recv().unwrap();
                        let reply = Reply::text(format!("{text} by {thread}"));
                        responder.send(reply.header("X-Number", text));
                    }
                })
            })
            .collect();
        for (number, client) in clients.iter_mut().enumerate() {
            let answer = client.answer();
            let (own, by) = answer.text().split_once(" by ").unwrap();
            assert_eq!(own, number.to_string(), "{engine}");
            assert_eq!(answer.field("x-number"), Some(own), "{engine}");
            assert!(by.parse::<usize>().unwrap() < 8);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        // One at a time, to an idle server: a wake-up that is lost shows as a client that waits in vain.
        for (number, client) in clients.iter_mut().take(200).enumerate() {
            client.send(format!("GET /defer/{number} HTTP/1.1\r\nHost: t\r\n\r\n"));
            let (text, responder) = deferred.lock().unwrap().recv().unwrap();
            std::thread::yield_now();
            responder.send(text);
            assert_eq!(client.answer().text(), number.to_string(), "{engine}");
        }
        drop(clients);
        expect_clean(&server);
    }
}

#[test]
fn a_responder_that_is_dropped_answers_500() {
    for engine in engines() {
        let (server, deferred) = deferring(config(engine));
        let mut client = Client::new(server.addr());
        client
            .send("GET /defer/a HTTP/1.1\r\nHost: t\r\n\r\nGET /plain HTTP/1.1\r\nHost: t\r\n\r\n");
        drop(deferred.recv().unwrap());
        assert_eq!(client.answer().status, 500, "{engine}");
        assert_eq!(client.answer().text(), "plain", "{engine}");
        // One whose thread panics, too.
        client.send("GET /defer/b HTTP/1.1\r\nHost: t\r\n\r\n");
        let panicking = std::thread::spawn(move || {
            let _responder = deferred.recv().unwrap();
            panic!("on purpose");
        });
        assert!(panicking.join().is_err());
        assert_eq!(client.answer().status, 500, "{engine}");
        drop(client);
        expect_clean(&server);
    }
}

#[test]
fn check_17_a_client_that_goes_before_its_deferred_answer() {
    for engine in engines() {
        let (server, deferred) = deferring(config(engine));
        for reset in [false, true] {
            let mut client = Client::new(server.addr());
            client.send("GET /defer/a HTTP/1.1\r\nHost: t\r\n\r\n");
            let (_, responder) = deferred.recv().unwrap();
            assert!(!responder.is_closed());
            if reset {
                client.reset();
            } else {
                drop(client);
            }
            expect_clean(&server);
            assert!(responder.is_closed(), "{engine}");
            responder.send("to nobody");
        }
        // Whoever has the slot now does not get it.
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/plain").text(), "plain");
    }
}

/// The answer to somebody who has gone, when the slot belongs to somebody else who waits for an answer as well.
#[test]
fn check_10_a_late_answer_is_nobody_elses() {
    for engine in engines() {
        let (server, deferred) = deferring(Config {
            connections_max: 1,
            ..config(engine)
        });
        for number in 0..200 {
            let mut first = Client::new(server.addr());
            first.send("GET /defer/first HTTP/1.1\r\nHost: t\r\n\r\n");
            let (_, late) = deferred.recv().unwrap();
            if number % 2 == 0 {
                first.reset();
            } else {
                drop(first);
            }
            let mut second = Client::new(server.addr());
            second.send("GET /defer/second HTTP/1.1\r\nHost: t\r\n\r\n");
            let (text, responder) = deferred.recv().unwrap();
            assert_eq!(text, "second");
            late.send("first");
            responder.send(text);
            assert_eq!(second.answer().text(), "second", "{engine}: {number}");
            assert_eq!(second.get("/plain").text(), "plain", "{engine}: {number}");
        }
        let counters = expect_clean(&server);
        assert_eq!(counters.slots_total, 1);
    }
}

/// What hooks and handlers have written down.
type Log = Arc<Mutex<Vec<String>>>;

fn hooked(engine: EngineKind, log: &Log) -> Running {
    let (a, b) = (Arc::clone(log), Arc::clone(log));
    let reactor = Arc::new(Mutex::new(None));
    let made = Arc::clone(&reactor);
    Server::builder()
        .config(config(engine))
        .state(move |_| *made.lock().unwrap() = Some(std::thread::current().id()))
        .on_deferred(move |_, event| {
            assert_eq!(*reactor.lock().unwrap(), Some(std::thread::current().id()));
            let body = String::from_utf8_lossy(event.body()).into_owned();
            let status = event.reply().status_code();
            a.lock().unwrap().push(format!("a {status} {body}"));
        })
        .on_deferred(|_, _| panic!("on purpose"))
        .on_deferred(move |_, event| {
            let body = String::from_utf8_lossy(event.body()).into_owned();
            b.lock()
                .unwrap()
                .push(format!("b {} {body}", event.connection()));
        })
        .get(
            "/defer",
            |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                let (responder, answered) = response.defer();
                std::thread::spawn(move || {
                    responder.send(Reply::text("later").status(202));
                });
                answered
            },
        )
        .get(
            "/slow",
            |_: &mut (), _: &Request<'_>, response: Response<'_>| {
                let (responder, answered) = response.defer();
                std::thread::spawn(move || {
                    while !responder.is_closed() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    responder.send("to nobody");
                });
                answered
            },
        )
        .get(
            "/plain",
            |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                response.text(request.connection().to_string())
            },
        )
        .get("/async", |_: Context<()>| async {
            next::yield_now().await;
            "async"
        })
        .start()
        .unwrap()
}

#[test]
fn hooks_see_each_deferred_answer_once_and_in_order() {
    for engine in engines() {
        let log = Log::default();
        let server = hooked(engine, &log);
        let mut client = Client::new(server.addr());
        let id = client.get("/plain").text().to_owned();
        assert_eq!(client.get("/async").text(), "async");
        assert_eq!(log.lock().unwrap().len(), 0, "not for plain answers");
        for _ in 0..3 {
            let answer = client.get("/defer");
            assert_eq!((answer.status, answer.text()), (202, "later"));
            let seen = std::mem::take(&mut *log.lock().unwrap());
            assert_eq!(seen, ["a 202 later".to_owned(), format!("b {id} later")]);
        }
        eventually(&server, "each panic is counted once", |c| c.panics == 3);
        // For one whose client has gone, too.
        client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "it waits", |c| c.requests == 6);
        drop(client);
        eventually(&server, "the hooks have run", |_| {
            log.lock().unwrap().len() == 2
        });
        let seen = log.lock().unwrap();
        let expected = ["a 200 to nobody".to_owned(), format!("b {id} to nobody")];
        assert_eq!(*seen, expected);
    }
}

/// Numbers per sender, as they arrive on the reactor.
struct Arrivals {
    thread: std::thread::ThreadId,
    next: [u32; 8],
}

#[test]
fn check_16_invokes_of_eight_threads_arrive_in_order() {
    const EACH: u32 = 100_000;
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .state(|_| Arrivals {
                thread: std::thread::current().id(),
                next: [0; 8],
            })
            .get(
                "/",
                |arrivals: &mut Arrivals, _: &Request<'_>, response: Response<'_>| {
                    response.json(&arrivals.next)
                },
            )
            .start()
            .unwrap();
        let remote = server.remote(0).unwrap();
        assert!(server.remote(1).is_none());
        std::thread::scope(|scope| {
            for sender in 0..8 {
                let remote = remote.clone();
                scope.spawn(move || {
                    for number in 0..EACH {
                        let arrive = move |arrivals: &mut Arrivals| {
                            assert_eq!(arrivals.thread, std::thread::current().id());
                            assert_eq!(arrivals.next[sender], number);
                            arrivals.next[sender] += 1;
                        };
                        remote.invoke(arrive).unwrap();
                    }
                });
            }
            // Others are served meanwhile.
            let mut client = Client::new(server.addr());
            for _ in 0..20 {
                assert_eq!(client.get("/").status, 200);
            }
        });
        let (done, wait) = mpsc::channel();
        remote.invoke(move |a| done.send(a.next).unwrap()).unwrap();
        assert_eq!(wait.recv().unwrap(), [EACH; 8], "{engine}");
        assert_eq!(server.counters().panics, 0);
        server.stop().unwrap();
        assert!(remote.invoke(|_| ()).is_err(), "it has stopped");
    }
}

#[test]
fn an_idle_server_is_woken_and_a_panic_in_an_invoke_costs_nothing() {
    for engine in engines() {
        let server = Server::builder().config(config(engine)).start().unwrap();
        let remote = server.remote(0).unwrap();
        let (done, wait) = mpsc::channel();
        for number in 0..300 {
            let done = done.clone();
            remote.invoke(move |()| done.send(number).unwrap()).unwrap();
            let patience = Duration::from_secs(20);
            assert_eq!(wait.recv_timeout(patience), Ok(number), "{engine}");
        }
        remote.invoke(|()| panic!("on purpose")).unwrap();
        remote.invoke(move |()| done.send(1000).unwrap()).unwrap();
        assert_eq!(wait.recv(), Ok(1000));
        eventually(&server, "it is counted", |c| c.panics == 1);
    }
}

/// Holds workers until it is opened.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    inside: AtomicU64,
}

impl Gate {
    fn pass(&self) {
        self.inside.fetch_add(1, SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.changed.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

fn working(config: Config, gate: &Arc<Gate>) -> Running {
    let gate = Arc::clone(gate);
    Server::builder()
        .config(config)
        .get("/gate", move |_: Context<()>| {
            let gate = Arc::clone(&gate);
            async move {
                next::submit(move || gate.pass()).await?;
                Ok::<_, Rejection>("passed")
            }
        })
        .get("/panic", |_: Context<()>| async {
            next::submit(|| panic!("on purpose")).await?;
            Ok::<_, Rejection>("not reached")
        })
        .get("/error", |_: Context<()>| async {
            match next::submit(|| panic!("on purpose")).await {
                Err(SubmitError::Panicked(_)) => "panicked",
                Err(SubmitError::NoPool) => "no pool",
                _ => "something else",
            }
        })
        .get("/thread", |_: Context<()>| async {
            let name = || std::thread::current().name().map(str::to_owned);
            let worker = next::submit(name).await?.unwrap_or_default();
            Ok::<_, Rejection>(format!("{worker} {}", name().unwrap_or_default()))
        })
        .get(
            "/plain",
            |_: &mut (), _: &Request<'_>, response: Response<'_>| response.text("plain"),
        )
        .start()
        .unwrap()
}

#[test]
fn work_without_workers_is_an_error() {
    for engine in engines() {
        let server = working(config(engine), &Arc::default());
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/error").text(), "no pool", "{engine}");
        assert_eq!(client.get("/gate").status, 500, "{engine}");
        assert_eq!(client.get("/plain").text(), "plain");
    }
}

#[test]
fn check_24_a_full_queue_is_503_and_a_panicking_worker_500() {
    for engine in engines() {
        let gate = Arc::<Gate>::default();
        let server = working(
            Config {
                workers: 1,
                worker_queue_max: 2,
                ..config(engine)
            },
            &gate,
        );
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/panic").status, 500, "{engine}");
        assert_eq!(client.get("/error").text(), "panicked", "{engine}");
        let threads = client.get("/thread");
        let (worker, reactor) = threads.text().split_once(' ').unwrap();
        assert!(worker.starts_with("sws-worker-"), "{worker}");
        assert_eq!(reactor, "sws-0");
        let mut waiting: Vec<Client> = (0..3).map(|_| Client::new(server.addr())).collect();
        for (number, client) in waiting.iter_mut().enumerate() {
            client.send("GET /gate HTTP/1.1\r\nHost: t\r\n\r\n");
            eventually(&server, "it waits", |c| c.tasks == number as u64 + 1);
            eventually(&server, "one is at work", |_| gate.inside.load(SeqCst) == 1);
        }
        let answer = client.get("/gate");
        assert_eq!(answer.status, 503, "{engine}");
        // The connection and everybody else go on.
        assert_eq!(client.get("/plain").text(), "plain");
        gate.open();
        for client in &mut waiting {
            assert_eq!(client.answer().text(), "passed", "{engine}");
        }
        assert_eq!(client.get("/gate").text(), "passed");
        drop((client, waiting));
        assert_eq!(expect_clean(&server).tasks, 0);
    }
}

/// One worker, ten waits of 200 ms: together 200 ms, not 2 s; and other work is done meanwhile.
#[test]
fn a_worker_that_yields_does_other_work() {
    async fn device(context: Context<()>) -> Result<String, Rejection> {
        let millis = context.param_as("millis")?;
        let text = next::submit_async(move || async move {
            let done = Instant::now() + Duration::from_millis(millis);
            next::worker_yield(|| Instant::now() >= done).await;
            format!("{:?}", std::thread::current().name())
        });
        Ok(text.await?)
    }
    for engine in engines() {
        let server = Server::builder()
            .config(Config {
                workers: 1,
                ..config(engine)
            })
            .get("/device/{millis}", device)
            .get("/cpu", |_: Context<()>| async {
                let sum = next::submit(|| (1..=1000u64).sum::<u64>()).await?;
                Ok::<_, Rejection>(sum.to_string())
            })
            .start()
            .unwrap();
        let mut clients: Vec<Client> = (0..10).map(|_| Client::new(server.addr())).collect();
        let begin = Instant::now();
        for client in &mut clients {
            client.send("GET /device/400 HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        eventually(&server, "all wait", |c| c.tasks == 10);
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/cpu").text(), "500500");
        // The one that was just answered may not have been taken off yet.
        let tasks = server.counters().tasks;
        assert!(tasks >= 10, "{engine}: {tasks}: nobody was done yet");
        for client in &mut clients {
            assert_eq!(client.answer().text(), "Some(\"sws-worker-0\")");
        }
        assert!(begin.elapsed() < Duration::from_secs(3), "{engine}");
    }
}

#[test]
fn tick_hooks_run_without_traffic_and_under_load() {
    #[derive(Default)]
    struct Ticks {
        fast: u32,
        slow: u32,
        made_on: Option<std::thread::ThreadId>,
    }
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .state(|_| Ticks {
                made_on: Some(std::thread::current().id()),
                ..Ticks::default()
            })
            .every(Duration::from_millis(10), |ticks: &mut Ticks| {
                assert_eq!(ticks.made_on, Some(std::thread::current().id()));
                ticks.fast += 1;
            })
            .every(Duration::from_millis(60), |ticks: &mut Ticks| {
                ticks.slow += 1;
            })
            .every(Duration::from_millis(25), |_: &mut Ticks| {
                panic!("on purpose");
            })
            .get(
                "/",
                |ticks: &mut Ticks, _: &Request<'_>, response: Response<'_>| -> Answered {
                    response.json(&[ticks.fast, ticks.slow])
                },
            )
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let ticks = |client: &mut Client| -> (u32, u32) {
            serde_json::from_slice(&client.get("/").body).unwrap()
        };
        // Nobody asks anything meanwhile.
        std::thread::sleep(Duration::from_millis(400));
        let (fast, slow) = ticks(&mut client);
        assert!(fast >= 4 && slow >= 1, "{engine}: {fast} {slow}");
        assert!(fast <= 45 && slow <= 8, "{engine}: {fast} {slow}");
        assert!(fast > slow, "{engine}: {fast} {slow}");
        // A client that always asks does not keep them from running.
        let begin = Instant::now();
        let last = loop {
            let (now, _) = ticks(&mut client);
            if now > fast + 5 || begin.elapsed() > Duration::from_secs(20) {
                break now;
            }
        };
        assert!(last > fast + 5, "{engine}");
        assert!(server.counters().panics > 0);
    }
}

/// State, tasks and workers of one server are none of another's.
#[test]
fn servers_in_one_process_do_not_disturb_each_other() {
    struct App {
        name: &'static str,
        visits: u32,
    }
    for engine in engines() {
        let start = |name: &'static str, workers| {
            Server::builder()
                .config(Config {
                    workers,
                    tasks_max: 2,
                    ..config(engine)
                })
                .state(move |_| App { name, visits: 0 })
                .get("/", |context: Context<App>| async move {
                    context.with(|app| app.visits += 1);
                    let work = next::submit(|| std::thread::current().id());
                    let error = work.await.err().map(|e| e.to_string());
                    let state = sws::state::<App>();
                    let task = next::go(async move {
                        state.with(|app| format!("{} {}", app.name, app.visits))
                    })?;
                    let text = task.await?;
                    Ok::<_, Rejection>(format!("{text} {}", error.is_some()))
                })
                .start()
                .unwrap()
        };
        let servers = [start("one", 1), start("two", 1), start("three", 0)];
        let mut clients: Vec<Client> = servers.iter().map(|s| Client::new(s.addr())).collect();
        for visit in 1..=50 {
            for (client, (name, error)) in
                clients
                    .iter_mut()
                    .zip([("one", false), ("two", false), ("three", true)])
            {
                let expected = format!("{name} {visit} {error}");
                assert_eq!(client.get("/").text(), expected, "{engine}");
            }
        }
        let [one, two, three] = servers;
        drop(clients.remove(0));
        one.stop().unwrap();
        // The others go on as if nothing had been.
        assert_eq!(clients[0].get("/").text(), "two 51 false");
        assert_eq!(clients[1].get("/").text(), "three 51 true");
        drop(clients);
        two.stop().unwrap();
        three.stop().unwrap();
    }
}

/// Blocks for large bodies: all in use, the next is refused and told so; afterwards all are back.
#[test]
fn large_bodies_are_refused_when_all_blocks_are_in_use() {
    const BLOCKS: usize = 4;
    const SIZE: usize = 300_000;
    for engine in engines() {
        let server = Server::builder()
            .config(Config {
                large_blocks: BLOCKS as u32,
                ..config(engine)
            })
            .post(
                "/plain",
                |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                    response.body("x/y", request.body())
                },
            )
            .post("/async", |context: Context<()>| async move {
                next::yield_now().await;
                context.body().to_vec()
            })
            .start()
            .unwrap();
        let used = |count: usize| {
            eventually(&server, "blocks", |c| c.large_blocks_used == count as u64);
        };
        let post = |path: &str, length: usize| {
            format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n")
        };
        let body = common::pattern(SIZE);
        for path in ["/plain", "/async"] {
            let mut slow: Vec<Client> = (0..BLOCKS).map(|_| Client::new(server.addr())).collect();
            for client in &mut slow {
                client.send(post(path, SIZE));
                client.send(&body[..1000]);
            }
            used(BLOCKS);
            // A small body needs none; a large one is refused before all of it has come, chunked or not.
            let mut client = Client::new(server.addr());
            client.send(post(path, 32 * 1024));
            client.send(&body[..32 * 1024]);
            assert!(client.answer().body == body[..32 * 1024], "{engine}");
            client.send(post(path, SIZE));
            let answer = client.answer();
            assert_eq!(
                (answer.status, answer.field("connection")),
                (503, Some("close")),
                "{engine}"
            );
            client.expect_eof();
            let mut client = Client::new(server.addr());
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n"
            ));
            client.send(&body[..40_000]);
            assert_eq!(client.answer().status, 503, "{engine}");
            client.expect_eof();
            // One goes without finishing, the others finish.
            drop(slow.pop());
            used(BLOCKS - 1);
            for client in &mut slow {
                client.send(&body[1000..]);
                assert!(client.answer().body == body, "{engine}: {path}");
            }
            used(0);
            let mut client = Client::new(server.addr());
            client.send(post(path, SIZE));
            client.send(&body);
            assert!(client.answer().body == body, "{engine}: {path}");
        }
        used(0);
    }
}

/// What a handler submitted and no worker has begun ends with the handler, which ends with its client.
#[test]
fn a_cancelled_handlers_work_is_not_begun() {
    for engine in engines() {
        let (gate, begun) = (Arc::<Gate>::default(), Arc::new(AtomicBool::new(false)));
        let (holds, marks) = (Arc::clone(&gate), Arc::clone(&begun));
        let server = Server::builder()
            .config(Config {
                workers: 1,
                ..config(engine)
            })
            .get("/hold", move |_: Context<()>| {
                let gate = Arc::clone(&holds);
                async move {
                    next::submit(move || gate.pass()).await?;
                    Ok::<_, Rejection>("held")
                }
            })
            .get("/mark", move |_: Context<()>| {
                let begun = Arc::clone(&marks);
                async move {
                    next::submit(move || begun.store(true, SeqCst)).await?;
                    Ok::<_, Rejection>("marked")
                }
            })
            .start()
            .unwrap();
        let mut first = Client::new(server.addr());
        first.send("GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "the worker is busy", |_| {
            gate.inside.load(SeqCst) == 1
        });
        let mut second = Client::new(server.addr());
        second.send("GET /mark HTTP/1.1\r\nHost: t\r\n\r\n");
        eventually(&server, "it is queued", |c| c.tasks == 2);
        drop(second);
        eventually(&server, "it is cancelled", |c| c.tasks == 1);
        gate.open();
        assert_eq!(first.answer().text(), "held", "{engine}");
        drop(first);
        server.stop().unwrap();
        assert!(!begun.load(SeqCst), "{engine}: nobody wanted it any more");
    }
}
