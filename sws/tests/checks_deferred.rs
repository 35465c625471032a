//! Answers from other threads, and the hooks that see them, over real sockets, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean};
use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use sws::{
    Config, Context, EngineKind, Reply, Request, Responder, Response, Running, Server, next,
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
