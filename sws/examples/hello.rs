//! The smallest service: `cargo run --release -p sws --example hello`, then `curl localhost:8080/hello/you`.

use sws::{Answered, Config, Request, Response, Server};

struct App {
    visits: u64,
}

fn hello(app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    app.visits += 1;
    let name = request.param("name").unwrap_or("world");
    response.text(format!(
        "Hello, {name}! You are visitor {} of this reactor.\n",
        app.visits
    ))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let engine =
        std::env::var("SWS_ENGINE").map_or(Ok(sws::EngineKind::Auto), |engine| engine.parse())?;
    Server::builder()
        .config(Config {
            port,
            engine,
            ..Config::default()
        })
        .state(|_reactor| App { visits: 0 })
        .get("/", hello)
        .get("/hello/{name}", hello)
        .get(
            "/pipeline",
            |_: &mut App, _: &Request<'_>, response: Response<'_>| response.text("ok"),
        )
        .run()?;
    Ok(())
}
