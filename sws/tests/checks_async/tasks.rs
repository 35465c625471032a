//! The tasks that handlers are, and those that they start.

use crate::{
    Seen,
    common::{Client, config, engines, eventually, expect_clean},
    serve,
};
use std::{sync::Arc, time::Duration};
use sws::{
    Config, Context, Rejection, Request, Response, Server, next,
    time::{self, sleep},
};

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
