//! Answers that are not there at once: from a worker that computes, and from a thread of one's own.
//!
//! `cargo run --release -p sws --example deferred`, then
//!
//! ```text
//! curl localhost:8080/primes/5000000      # computed on a worker, while the reactors serve others
//! curl localhost:8080/tickets             # given out by a thread, one after the other
//! ```

use serde::Serialize;
use std::{
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
    time::Duration,
};
use sws::{
    Answered, Config, Context, Json, Rejection, Reply, Request, Responder, Response, Server, next,
};

const LIMIT_MAX: u32 = 20_000_000;
/// Requests that may wait for a ticket.
const QUEUE_MAX: usize = 100;

struct App {
    tickets: SyncSender<Responder>,
}

#[derive(Serialize)]
struct Primes {
    below: u32,
    count: usize,
}

/// Counts primes; it may take a while and must not be done on a reactor.
fn count_primes(below: u32) -> usize {
    let mut composite = vec![false; below as usize];
    let mut count = 0;
    for n in 2..below as usize {
        if !composite[n] {
            count += 1;
            (n * n..below as usize)
                .step_by(n)
                .for_each(|m| composite[m] = true);
        }
    }
    count
}

/// Waits for a worker. If too much work is waiting already, `?` answers 503.
async fn primes(context: Context<App>) -> Result<Json<Primes>, Rejection> {
    let below: u32 = context.param_as("below")?;
    if below > LIMIT_MAX {
        return Err(Rejection::bad_request(format!("at most {LIMIT_MAX}")));
    }
    let count = next::submit(move || count_primes(below)).await?;
    Ok(Json(Primes { below, count }))
}

/// Hands the duty to answer to the thread. If the queue is full or the thread has ended, the responder comes back.
fn ticket(app: &mut App, _: &Request<'_>, response: Response<'_>) -> Answered {
    let (responder, answered) = response.defer();
    if let Err(mpsc::TrySendError::Full(responder) | mpsc::TrySendError::Disconnected(responder)) =
        app.tickets.try_send(responder)
    {
        responder.send(Reply::text("come back later\n").status(503));
    }
    answered
}

/// Stands for whatever has a thread of its own: a device, a library that blocks.
fn give_out_tickets(requests: &Receiver<Responder>) {
    let mut number = 0;
    for responder in requests {
        if responder.is_closed() {
            continue;
        }
        thread::sleep(Duration::from_millis(20));
        number += 1;
        responder.send(format!("ticket {number}\n"));
    }
}

/// What a request costs while it waits in [`primes`].
const fn future_bytes<F: Fn(Context<App>) -> Fut, Fut>(_: &F) -> usize {
    size_of::<Fut>()
}

const _: () = assert!(future_bytes(&primes) <= 128);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let (tickets, requests) = mpsc::sync_channel(QUEUE_MAX);
    // It ends when the last reactor has.
    let clerk = thread::spawn(move || give_out_tickets(&requests));
    Server::builder()
        .config(Config {
            port,
            workers: 2,
            worker_queue_max: 64,
            ..Config::default()
        })
        .state(move |_reactor| App {
            tickets: tickets.clone(),
        })
        .get("/primes/{below}", primes)
        .get("/tickets", ticket)
        .run()?;
    clerk.join().map_err(|_| "the clerk panicked")?;
    Ok(())
}
