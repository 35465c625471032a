//! Work that handlers give to the pool of workers, over real sockets, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean};
use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};
use sws::{
    Config, Context, Rejection, Request, Response, Running, Server,
    next::{self, SubmitError},
};

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

/// Ten handlers wait for a device on one worker, which does other work meanwhile.
#[test]
fn a_worker_that_yields_does_other_work() {
    for engine in engines() {
        let ready = Arc::new(AtomicBool::new(false));
        let device = Arc::clone(&ready);
        let server = Server::builder()
            .config(Config {
                workers: 1,
                ..config(engine)
            })
            .get("/device", move |_: Context<()>| {
                let ready = Arc::clone(&device);
                async move {
                    let name = next::submit_async(move || async move {
                        next::worker_yield(|| ready.load(SeqCst)).await;
                        format!("{:?}", std::thread::current().name())
                    });
                    Ok::<_, Rejection>(name.await?)
                }
            })
            .get("/cpu", |_: Context<()>| async {
                let sum = next::submit(|| (1..=1000u64).sum::<u64>()).await?;
                Ok::<_, Rejection>(sum.to_string())
            })
            .start()
            .unwrap();
        let mut clients: Vec<Client> = (0..10).map(|_| Client::new(server.addr())).collect();
        for client in &mut clients {
            client.send("GET /device HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        eventually(&server, "all wait", |c| c.tasks == 10);
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/cpu").text(), "500500", "{engine}");
        ready.store(true, SeqCst);
        for client in &mut clients {
            assert_eq!(client.answer().text(), "Some(\"sws-worker-0\")");
        }
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
