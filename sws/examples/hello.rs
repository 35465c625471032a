//! The smallest service: a state, and two handlers that are registered alike, one of which waits.
//!
//! `cargo run --release -p sws --example hello`, then
//!
//! ```text
//! curl localhost:8080/
//! curl localhost:8080/hello/you
//! curl localhost:8080/later/you       # half a second later, while everybody else is served
//! ```

use std::time::Duration;
use sws::{Answered, Config, Context, Request, Response, Server, time};

/// One for each reactor: it needs no lock.
struct App {
    visits: u64,
}

/// Answers at once. It costs no allocation but the text's.
fn hello(app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    app.visits += 1;
    let name = request.param("name").unwrap_or("world");
    response.text(format!(
        "Hello, {name}! You are visitor {} of this reactor.\n",
        app.visits
    ))
}

/// Waits, and keeps nobody else waiting.
async fn later(context: Context<App>) -> String {
    time::sleep(Duration::from_millis(500)).await;
    let visits = context.with(|app| {
        app.visits += 1;
        app.visits
    });
    let name = context.param("name").unwrap_or("world");
    format!("Hello at last, {name}! You are visitor {visits} of this reactor.\n")
}

/// What a request costs while it waits in [`later`].
const fn future_bytes<F: Fn(Context<App>) -> Fut, Fut>(_: &F) -> usize {
    size_of::<Fut>()
}

const _: () = assert!(future_bytes(&later) <= 128);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    Server::builder()
        .config(Config {
            port,
            ..Config::default()
        })
        .state(|_reactor| App { visits: 0 })
        .get("/", hello)
        .get("/hello/{name}", hello)
        .get("/later/{name}", later)
        .run()?;
    Ok(())
}
