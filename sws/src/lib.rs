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

mod blocks;
mod body;
mod config;
mod connection;
mod context;
mod counters;
mod engine;
mod error;
mod extensions;
mod fields;
mod handler;
mod hooks;
mod launch;
mod listen;
mod local;
pub mod middleware;
pub mod next;
mod params;
mod peers;
mod reactor;
mod rejection;
mod remote;
mod reply;
mod request;
mod response;
mod router;
mod running;
mod server;
mod state;
mod table;
mod task;
pub mod time;
mod workers;
pub mod ws;

pub use body::{BodyError, BodySender, BodyStream};
pub use config::{Config, EngineKind, WebSocketOverflow};
pub use connection::ConnId;
pub use context::Context;
pub use counters::Counters;
pub use error::Error;
pub use handler::{
    Answered, AtOnce, BodySink, Endpoint, Handler, IntoAnswered, IntoHandler, MayWait,
    MayWaitForBody, StreamHandler,
};
pub use hooks::DeferredEvent;
pub use middleware::Flow;
pub use rejection::Rejection;
pub use remote::{Remote, Responder, Stopped};
pub use reply::{IntoReply, Json, Reply};
pub use request::Request;
pub use response::{BodyWriter, Response};
pub use router::Router;
pub use running::{CountersHandle, Running, Stopper};
pub use server::{Builder, ReactorInfo, Server};
pub use state::{State, state};
pub use sws_proto::http1::{Method, Version, negotiate, query};
