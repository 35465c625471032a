//! The arena's endpoints and the paths they are found at.

mod baseline;
mod compression;
mod counters;
mod db;
mod echo;
mod json;
mod pipeline;
mod upload;

use sws::{Answered, Builder, Request, Response, negotiate::Coding};

use crate::{app::App, gzip::Gzip, item_list::ItemList};

/// Adds every endpoint to `server`.
pub fn mount(server: Builder<App>) -> Builder<App> {
    server
        .get("/baseline11", baseline::get)
        .post("/baseline11", baseline::post)
        .get("/baseline2", baseline::get)
        .get("/pipeline", pipeline::get)
        .get("/json", json::all)
        .get("/json/{count}", json::first)
        .get("/compression", compression::get)
        .get("/db", db::get)
        .post_stream("/upload", upload::open)
        .ws("/ws", echo::open)
}

/// Adds what only tests and people who look for a fault want to see.
pub fn mount_debug(server: Builder<App>) -> Builder<App> {
    server.get("/debug/counters", counters::get)
}

/// Answers with a list, compressed at `level` when the client prefers that.
fn answer_list(
    gzip: &mut Gzip,
    level: u8,
    request: &Request<'_>,
    response: Response<'_>,
    list: &ItemList<'_>,
) -> Answered {
    let response = response.header("Vary", "Accept-Encoding");
    if request.negotiate(&[Coding::Gzip]) == Some(Coding::Gzip) {
        response
            .header("Content-Encoding", "gzip")
            .write("application/json", |out| {
                gzip.write(level, out.as_vec(), |packer| list.write(packer))
            })
    } else {
        response.write("application/json", |out| {
            out.reserve(list.bytes_estimate());
            list.write(out.as_vec())
        })
    }
}

/// Answers 500 because a file of the data directory is not there; the log said
/// why at start.
fn no_data(response: Response<'_>, file: &str) -> Answered {
    response
        .status(500)
        .text(format!("{file} is not available\n"))
}
