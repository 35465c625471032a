//! A graceful stop, by a request or a signal: answers that are being made are finished first.
//!
//! `cargo run --release -p sws --example shutdown`, then
//!
//! ```text
//! curl -i localhost:8080/slow &           # is answered in spite of what comes next
//! curl -i -X POST localhost:8080/stop     # or press Ctrl-C where the server runs
//! ```

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use sws::{Answered, Config, Context, Rejection, Request, Response, Server, Stopper, time};

struct App {
    /// There is nothing to stop before the server has started, which is when it is set.
    stopper: Arc<OnceLock<Stopper>>,
}

async fn slow(_: Context<App>) -> &'static str {
    time::sleep(Duration::from_secs(1)).await;
    "done\n"
}

fn stop(app: &mut App, _: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
    let stopper = app.stopper.get();
    let stopper = stopper.ok_or_else(|| Rejection::new(503, "it is just starting"))?;
    // Asks for the stop and does not wait for it, so this answer goes out, too.
    stopper.stop();
    Ok(response.text("stopping\n"))
}

/// What a request costs while it waits in [`slow`].
const fn future_bytes<F: Fn(Context<App>) -> Fut, Fut>(_: &F) -> usize {
    size_of::<Fut>()
}

const _: () = assert!(future_bytes(&slow) <= 128);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let stopper = Arc::new(OnceLock::new());
    let counters = OnceLock::new();
    let for_handlers = Arc::clone(&stopper);
    Server::builder()
        .config(Config {
            port,
            // What is not finished by then is cut off.
            shutdown_timeout: Duration::from_secs(5),
            ..Config::default()
        })
        .state(move |_reactor| App {
            stopper: Arc::clone(&for_handlers),
        })
        .get("/slow", slow)
        .post("/stop", stop)
        .run_with(|running| {
            // Each is set once, here.
            let _ = stopper.set(running.stopper());
            let _ = counters.set(running.counters_handle());
        })?;
    if let Some(counters) = counters.get() {
        println!("stopped after {} requests", counters.get().requests);
    }
    Ok(())
}
