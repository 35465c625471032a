//! A graceful stop, by a request or a signal: answers that are being made are finished first.
//!
//! `cargo run --release -p sws --example shutdown`, then
//!
//! ```text
//! curl -i localhost:8080/slow &           # is answered in spite of what comes next
//! curl -i -X POST localhost:8080/stop     # or press Ctrl-C where the server runs
//! ```

use std::{sync::OnceLock, time::Duration};
use sws::{Answered, Config, Context, Request, Response, Server, time};

async fn slow(_: Context<()>) -> &'static str {
    time::sleep(Duration::from_secs(1)).await;
    "done\n"
}

fn stop(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    // Asks for the stop and does not wait for it, so this answer goes out, too.
    sws::stopper().stop();
    response.text("stopping\n")
}

/// What a request costs while it waits in [`slow`].
const fn future_bytes<F: Fn(Context<()>) -> Fut, Fut>(_: &F) -> usize {
    size_of::<Fut>()
}

const _: () = assert!(future_bytes(&slow) <= 128);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let counters = OnceLock::new();
    Server::builder()
        .config(Config {
            port,
            // What is not finished by then is cut off.
            shutdown_timeout: Duration::from_secs(5),
            ..Config::default()
        })
        .get("/slow", slow)
        .post("/stop", stop)
        .run_with(|running| {
            // It is set once, here.
            let _ = counters.set(running.counters_handle());
        })?;
    if let Some(counters) = counters.get() {
        println!("stopped after {} requests", counters.get().requests);
    }
    Ok(())
}
