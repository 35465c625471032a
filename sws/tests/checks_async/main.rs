//! Handlers that wait, over real sockets, on both engines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "../common/mod.rs"]
mod common;
mod handlers;
mod input;
mod tasks;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use sws::{Config, Context, Rejection, Request, Response, Running, Server, next, time::sleep};

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
