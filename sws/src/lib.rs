//! sws, the single-worker server: HTTP/1.1 and WebSocket on Linux, with one thread, one io_uring and one event loop for
//! everything that a request touches.
//!
//! A *reactor* is a thread with its own ring, connections, buffers and application state. Nothing on the path of a
//! request is shared, so nothing needs a lock, and state need not be `Send`. More cores mean more reactors, each whole,
//! which share the port alone.
//!
//! ```no_run
//! use sws::{Answered, Request, Response, Server};
//!
//! struct App {
//!     visits: u64, // one per reactor
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
//! `run` listens on port 8080 and serves until SIGTERM or SIGINT. A handler answers by using up its [`Response`], so it
//! cannot forget to and cannot do it twice. The dependencies of what is on this page are `sws`, `serde` (with `derive`)
//! and nothing else.
//!
//! # A REST service
//!
//! This one keeps notes: made, listed, read, changed and deleted as JSON, with everything that a client can get wrong
//! answered properly. `curl -i localhost:8080/notes -H 'Content-Type: application/json' -d '{"text": "buy milk"}'`
//! makes the first.
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use std::{collections::BTreeMap, num::NonZeroUsize};
//! use sws::{Answered, Config, Rejection, Request, Response, Router, Server};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Note {
//!     text: String,
//!     #[serde(default)]
//!     done: bool,
//! }
//!
//! /// `?done=true` or `?done=false` or neither.
//! #[derive(Deserialize)]
//! struct Filter {
//!     done: Option<bool>,
//! }
//!
//! #[derive(Default)]
//! struct Notes {
//!     notes: BTreeMap<u64, Note>,
//!     last_id: u64,
//! }
//!
//! /// Each `?` ends the request with the right status and one line that says why.
//! fn checked(request: &Request<'_>) -> Result<Note, Rejection> {
//!     let note: Note = request.json()?; // 415: not JSON; 400: not a Note
//!     if note.text.is_empty() {
//!         return Err(Rejection::new(422, "text: must not be empty"));
//!     }
//!     Ok(note)
//! }
//!
//! fn list(app: &mut Notes, request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
//!     let filter: Filter = request.query_as()?; // 400: done=perhaps
//!     let wanted = |note: &Note| filter.done.is_none_or(|done| note.done == done);
//!     let found: BTreeMap<_, _> = app.notes.iter().filter(|(_, note)| wanted(note)).collect();
//!     Ok(response.json(&found))
//! }
//!
//! fn create(app: &mut Notes, request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
//!     let note = checked(request)?;
//!     app.last_id += 1;
//!     let note = app.notes.entry(app.last_id).or_insert(note);
//!     let location = format!("/notes/{}", app.last_id);
//!     Ok(response.status(201).header("Location", location).json(note))
//! }
//!
//! fn read(app: &mut Notes, request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
//!     let id: u64 = request.param_as("id")?; // 400: not a number
//!     let note = app.notes.get(&id).ok_or_else(Rejection::not_found)?;
//!     Ok(response.json(note))
//! }
//!
//! fn replace(app: &mut Notes, request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
//!     let id: u64 = request.param_as("id")?;
//!     let note = app.notes.get_mut(&id).ok_or_else(Rejection::not_found)?;
//!     *note = checked(request)?;
//!     Ok(response.json(note))
//! }
//!
//! fn delete(app: &mut Notes, request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
//!     let id: u64 = request.param_as("id")?;
//!     app.notes.remove(&id).ok_or_else(Rejection::not_found)?;
//!     Ok(response.status(204).empty())
//! }
//!
//! fn main() -> Result<(), sws::Error> {
//!     let notes = Router::new()
//!         .get("/", list)
//!         .post("/", create)
//!         .get("/{id}", read)
//!         .put("/{id}", replace)
//!         .delete("/{id}", delete)
//!         .body_limit(64 * 1024); // bytes; more is 413
//!     Server::builder()
//!         .config(Config {
//!             // Each reactor has a state of its own. As the notes are kept in it, there may be one only.
//!             reactors: NonZeroUsize::new(1),
//!             ..Config::default()
//!         })
//!         .state(|_reactor| Notes::default())
//!         .nest("/notes", notes) // other paths: 404; other methods: 405 with `Allow`
//!         .run()
//! }
//! ```
//!
//! With several reactors, what they share comes in by an `Arc`: `.state(move |_| App { pool: Arc::clone(&pool) })`; see
//! [handlers and routing](guide::handlers).
//!
//! # Which kind of handler
//!
//! All kinds are registered in the same way, with [`Builder::get`] and its like; the arguments of a function say which
//! kind it is.
//!
//! | it … | write | it costs |
//! |---|---|---|
//! | answers from what is in memory | `fn(&mut S, &Request, Response) -> Answered`, or `Result<Answered, Rejection>` for `?` | nothing: no task, no allocation |
//! | waits: for time, a worker, another task | `async fn(Context<S>) -> impl `[`IntoReply`] | a task with a copy of the request's head: less than 1 KiB while it waits |
//! | takes a long body without waiting | a [`BodySink`], registered with [`post_stream`](Builder::post_stream) or [`put_stream`](Builder::put_stream) | one allocation; the body is never copied |
//! | takes a long body and waits, or reads it at its own pace | `async fn(Context<S>, `[`BodyStream`]`) -> impl IntoReply` | a task, and up to 64 KiB |
//! | is answered by a callback or another thread | a plain function with [`Response::defer`] | a small allocation |
//! | talks both ways | a [`ws::WebSocket`], registered with [`Builder::ws`] | its own value |
//!
//! Whatever its kind, a handler runs on its reactor's thread and **must not block** it: all its other connections wait
//! meanwhile. What computes for more than a millisecond or calls something that blocks belongs on a worker.
//!
//! # Waiting, tasks, workers
//!
//! ```no_run
//! use std::time::Duration;
//! use sws::{Context, Json, Rejection, Server, next, time};
//!
//! fn fibonacci(n: u32) -> u64 {
//!     if n < 2 { n.into() } else { fibonacci(n - 1) + fibonacci(n - 2) }
//! }
//!
//! async fn compute(context: Context<()>) -> Result<Json<u64>, Rejection> {
//!     let n: u32 = context.param_as("n")?;
//!     // On a worker, with other requests served meanwhile. 503 if the workers' queue is full, or after two seconds.
//!     let work = next::submit(move || fibonacci(n));
//!     Ok(Json(time::timeout(Duration::from_secs(2), work).await??))
//! }
//!
//! async fn remind(_: Context<()>) -> Result<&'static str, Rejection> {
//!     // A task of its own on this thread, which outlives the request; no `Send` needed.
//!     next::go(async {
//!         time::sleep(Duration::from_secs(60)).await;
//!         println!("a minute ago somebody wanted to be reminded");
//!     })?;
//!     Ok("I will\n")
//! }
//!
//! fn main() -> Result<(), sws::Error> {
//!     Server::builder()
//!         .workers(2) // there are none unless asked for
//!         .get("/fibonacci/{n}", compute)
//!         .post("/reminders", remind)
//!         .every(Duration::from_secs(10), |_| println!("on each reactor, every ten seconds"))
//!         .run()
//! }
//! ```
//!
//! An `async` handler reaches its state by [`Context::with`], which cannot be held across an `await`. If the client
//! goes away, the handler is dropped at its `await`. More in [tasks and time](guide::tasks) and
//! [workers](guide::workers).
//!
//! # Answering later
//!
//! [`Response::defer`] gives a [`Responder`] that any thread may own and that answers exactly once, with a 500 if it is
//! dropped. A [`Remote`] runs a closure on a reactor, with its state, from any thread. See [answering
//! later](guide::later).
//!
//! ```
//! use sws::{Answered, Request, Response};
//!
//! fn slow(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
//!     let (responder, answered) = response.defer();
//!     std::thread::spawn(move || responder.send("it took a while\n"));
//!     answered
//! }
//! ```
//!
//! # WebSocket
//!
//! ```no_run
//! use sws::{Request, Server, ws::{Message, Socket, Topic, WebSocket}};
//!
//! struct Chat {
//!     everybody: Topic,
//! }
//!
//! struct Guest;
//!
//! impl WebSocket<Chat> for Guest {
//!     fn open(&mut self, chat: &mut Chat, socket: &mut Socket<'_>) {
//!         socket.join(&chat.everybody);
//!     }
//!
//!     fn message(&mut self, chat: &mut Chat, _: &mut Socket<'_>, message: Message<'_>) {
//!         chat.everybody.send(message); // encoded once, whoever and wherever the members are
//!     }
//! }
//!
//! fn main() -> Result<(), sws::Error> {
//!     let everybody = Topic::new();
//!     Server::builder()
//!         .state(move |_reactor| Chat { everybody: everybody.clone() })
//!         .ws("/chat", |_: &mut Chat, _: &Request<'_>| Guest)
//!         .run()
//! }
//! ```
//!
//! Handshake, masks, fragments, pings, UTF-8, close codes and limits are the library's business; see
//! [WebSocket](guide::websocket).
//!
//! # Middleware
//!
//! What is to run before and after handlers is a [`middleware::Middleware`], put around a [`Router`]: it sees every
//! request below that router's prefix, those that no route matches included, and no way of writing a path gets past it.
//! Ready-made are a request log, CORS, compression, rate limits and basic authentication.
//!
//! ```
//! use sws::{Answered, Request, Response, Router, Server};
//! use sws::middleware::{BasicAuth, RequestLog, same_secret};
//!
//! fn stats(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
//!     response.text("all is well\n")
//! }
//!
//! let auth = BasicAuth::new("admin", |user, password| {
//!     same_secret(user, "ann") & same_secret(password, "correct horse")
//! });
//! let admin = Router::new().middleware(auth).get("/stats", stats);
//! let server = Server::builder().middleware(RequestLog::new()).nest("/admin", admin);
//! ```
//!
//! See [middleware](guide::middleware).
//!
//! # Configuration
//!
//! [`Config`] is a plain structure with defaults that serve; [`Builder::config`] takes it. Values that cannot work are
//! refused at the start, with the key's name. There is no configuration file and no environment variable: where values
//! come from is the application's business.
//!
//! ```
//! use std::{net::Ipv4Addr, time::Duration};
//! use sws::Config;
//!
//! let config = Config {
//!     host: Ipv4Addr::LOCALHOST.into(),
//!     port: 3000,
//!     workers: 4,
//!     handler_timeout: Some(Duration::from_secs(10)),
//!     ..Config::default()
//! };
//! ```
//!
//! # Where it runs
//!
//! On Linux, best from 6.1 on, where io_uring has all that the reactor needs. Where io_uring is not to be had (an older
//! kernel, a container's seccomp profile, a sysctl) the same reactor runs on epoll, and the start-up line says why;
//! [`EngineKind`] chooses. Docker's default profile forbids io_uring: `docker run --security-opt seccomp=unconfined
//! --ulimit memlock=-1:-1`. See [deployment](guide::deployment).
//!
//! TLS and HTTP/2 are left to a proxy in front.
//!
//! # Further
//!
//! * The [guide]: how things are meant to be used, and what goes wrong when they are not.
//! * `sws/examples/`: `hello`, `rest`, `upload`, `deferred`, `rooms`, `gpu`, `shutdown`, `chat`; `cargo run -p sws
//!   --example NAME` runs one, and its first lines say what to try.

mod blocks;
mod body;
mod caught;
mod config;
mod connection;
mod context;
mod counters;
mod engine;
mod error;
mod extensions;
mod fields;
pub mod guide;
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
pub use remote::{Remote, Responder, Stopped, remote};
pub use reply::{IntoReply, Json, Reply};
pub use request::Request;
pub use response::{BodyWriter, Response};
pub use router::Router;
pub use running::{CountersHandle, Running, Stopper, stopper};
pub use server::{Builder, ReactorInfo, Server};
pub use state::{State, state};
pub use sws_proto::http1::{Method, Version, negotiate, query};
