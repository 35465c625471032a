//! What a reactor does beside requests: calls from other threads, and ticks. On both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually};
use std::{
    sync::mpsc,
    time::{Duration, Instant},
};
use sws::{Answered, Request, Response, Server};

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

#[test]
fn tick_hooks_run_without_traffic_and_under_load() {
    #[derive(Default)]
    struct Ticks {
        fast: u32,
        slow: u32,
        made_on: Option<std::thread::ThreadId>,
    }
    for engine in engines() {
        let start = Instant::now();
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
        assert!(fast > slow, "{engine}: {fast} {slow}");
        // No more than there was time for.
        let passed = start.elapsed().as_millis();
        let most = |period: u128| (passed / period + 1) as u32;
        assert!(
            fast <= most(10) && slow <= most(60),
            "{engine}: {fast} {slow}"
        );
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
