//! sws, the single-worker server: HTTP/1.1 on Linux with one thread, one ring and one event loop for everything
//! that a request touches.
//!
//! A *reactor* is a thread with its own io_uring, connections, buffers and application state; nothing on the path
//! of a request is shared, so nothing needs a lock. More cores mean more reactors, each whole, which share the port
//! alone (`SO_REUSEPORT`).
//!
//! ```no_run
//! use sws::{Answered, Request, Response, Server};
//!
//! struct App {
//!     visits: u64,
//! }
//!
//! fn hello(app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
//!     app.visits += 1;
//!     let name = request.param("name").unwrap_or("world");
//!     response.text(format!("Hello, {name}! You are visitor {}.\n", app.visits))
//! }
//!
//! fn main() -> Result<(), sws::Error> {
//!     Server::builder()
//!         .state(|_reactor| App { visits: 0 })
//!         .get("/", hello)
//!         .get("/hello/{name}", hello)
//!         .run()
//! }
//! ```
//!
//! A handler is a plain function on the reactor's thread. It answers at once, by using up its [`Response`]: exactly
//! one answer to each request, by construction. A body comes whole (up to a limit) or, through a [`BodySink`], as it
//! arrives.
//!
//! Where io_uring is not to be had (kernel before 6.1, a container's seccomp profile, a sysctl) the same reactor runs
//! on epoll; [`EngineKind`] chooses.

mod config;
mod connection;
mod counters;
mod engine;
mod error;
mod handler;
mod listen;
pub mod next;
mod peers;
mod reactor;
mod request;
mod response;
mod router;
mod server;
mod task;
pub mod time;
mod workers;

pub use config::{Config, EngineKind};
pub use counters::Counters;
pub use error::Error;
pub use handler::{Answered, BodySink, Handler, StreamHandler};
pub use request::Request;
pub use response::{BodyWriter, Response};
pub use server::{Builder, CountersHandle, ReactorInfo, Running, Server};
pub use sws_proto::http1::{Method, negotiate, query};
