//! From a configuration and routes to running reactors, and back to nothing.

use crate::{
    Config, Error,
    config::EngineKind,
    connection::http::Http,
    counters::Counters,
    engine::{Engine, epoll::Epoll, uring::Uring},
    handler::{Handler, StreamHandler},
    listen,
    peers::Peers,
    reactor::{Core, Os, Reactor},
    router::{Route, Router},
};
use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
};
use sws_proto::http1::Method;
use sws_ring::{Features, SetupError, sys};

/// Descriptors that are not connections: rings, listeners, files of the application.
const SPARE_DESCRIPTORS: u64 = 64;

/// A reactor, as [`Builder::state`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct ReactorInfo {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

type StateMaker<S> = Arc<dyn Fn(ReactorInfo) -> S + Send + Sync>;

/// Collects routes, state and configuration; the first mistake is reported by [`start`](Self::start).
pub struct Builder<S> {
    config: Config,
    router: Router<S>,
    state: StateMaker<S>,
    problem: Option<Error>,
}

/// Where to begin: [`Server::builder`].
#[derive(Debug)]
pub struct Server(());

impl Server {
    /// A builder whose handlers have no state.
    pub fn builder() -> Builder<()> {
        Builder {
            config: Config::default(),
            router: Router::new(),
            state: Arc::new(|_| ()),
            problem: None,
        }
    }
}

impl Builder<()> {
    /// Gives handlers a state: one value per reactor, made on the reactor's thread and never shared, so it needs
    /// no lock and need not be `Send`. Call it before adding routes.
    pub fn state<S: 'static>(
        self,
        make: impl Fn(ReactorInfo) -> S + Send + Sync + 'static,
    ) -> Builder<S> {
        let problem = self.problem.or_else(|| {
            (!self.router.is_empty()).then(|| Error::Config {
                key: "state",
                problem: "set the state before adding routes".to_owned(),
            })
        });
        Builder {
            config: self.config,
            router: Router::new(),
            state: Arc::new(make),
            problem,
        }
    }
}

impl<S: 'static> Builder<S> {
    /// Sets the configuration.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Routes a method and path to a handler that takes the body whole.
    ///
    /// A path is literal, or has parameters (`/items/{id}`) or a catch-all at its end (`/files/{*path}`); a literal
    /// wins over a parameter, a parameter over a catch-all. Paths are compared as sent, not percent-decoded. A GET
    /// route answers HEAD as well.
    pub fn route(mut self, method: Method<'static>, path: &str, handler: impl Handler<S>) -> Self {
        self.add(method, path, Route::Whole(Box::new(handler)));
        self
    }

    /// Routes GET (and HEAD).
    pub fn get(self, path: &str, handler: impl Handler<S>) -> Self {
        self.route(Method::Get, path, handler)
    }

    /// Routes POST; the body comes whole.
    pub fn post(self, path: &str, handler: impl Handler<S>) -> Self {
        self.route(Method::Post, path, handler)
    }

    /// Routes PUT; the body comes whole.
    pub fn put(self, path: &str, handler: impl Handler<S>) -> Self {
        self.route(Method::Put, path, handler)
    }

    /// Routes DELETE.
    pub fn delete(self, path: &str, handler: impl Handler<S>) -> Self {
        self.route(Method::Delete, path, handler)
    }

    /// Routes POST; the body comes in pieces, as it arrives.
    pub fn post_stream(mut self, path: &str, handler: impl StreamHandler<S>) -> Self {
        self.add(Method::Post, path, Route::Stream(Box::new(handler)));
        self
    }

    /// Routes PUT; the body comes in pieces, as it arrives.
    pub fn put_stream(mut self, path: &str, handler: impl StreamHandler<S>) -> Self {
        self.add(Method::Put, path, Route::Stream(Box::new(handler)));
        self
    }

    fn add(&mut self, method: Method<'_>, path: &str, route: Route<S>) {
        if let Err(error) = self.router.add(method, path, route) {
            self.problem.get_or_insert(error);
        }
    }

    /// Starts the reactors and returns once all of them serve.
    pub fn start(self) -> Result<Running, Error> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        self.config.check()?;
        let files = sys::raise_nofile().map_err(Error::Reactor)?.soft;
        let plan = Plan {
            reactors: self.config.reactor_count(),
            connections_max: connections_max(&self.config, files),
            config: Arc::new(self.config),
            router: Arc::new(self.router),
            state: self.state,
        };
        match plan.config.engine {
            EngineKind::Epoll => plan.spawn(None, String::new()),
            EngineKind::IoUring => {
                plan.spawn(Some(detect().map_err(Error::Engine)?), String::new())
            }
            EngineKind::Auto => {
                let why = match detect() {
                    Ok(features) => match plan.spawn(Some(features), String::new()) {
                        Err(Error::Engine(why)) => why,
                        other => return other,
                    },
                    Err(why) => why,
                };
                plan.spawn(None, format!(" ({why})"))
            }
        }
    }

    /// Starts and serves until SIGTERM or SIGINT, then stops gracefully. A second signal ends the process at once.
    pub fn run(self) -> Result<(), Error> {
        let mut signals = signal_hook::iterator::Signals::new([libc::SIGTERM, libc::SIGINT])
            .map_err(Error::Reactor)?;
        let running = self.start()?;
        eprintln!("{running}");
        let events = running.events.0.clone();
        let handle = signals.handle();
        let watcher = thread::Builder::new()
            .name("sws-signals".to_owned())
            .spawn(move || {
                for (count, signal) in signals.forever().enumerate() {
                    if count > 0 {
                        std::process::exit(128 + signal);
                    }
                    // The receiver is gone only when the server has ended anyway.
                    let _ = events.send(Event::Signal);
                }
            })
            .map_err(Error::Reactor)?;
        let result = running.wait();
        handle.close();
        let _ = watcher.join();
        result
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn detect() -> Result<Features, SetupError> {
    // On a thread of its own: the ring belongs to the thread that makes it, and this one may go on to anything.
    thread::scope(|scope| {
        thread::Builder::new()
            .spawn_scoped(scope, Features::detect)
            .map_err(SetupError::Other)?
            .join()
            .unwrap_or_else(|_| {
                let problem = io::Error::other("the feature test panicked");
                Err(SetupError::Other(problem))
            })
    })
}

/// No reactor may take more connections than there are descriptors for it.
fn connections_max(config: &Config, files: u64) -> u32 {
    let reactors = config.reactor_count() as u64;
    let share = (files.saturating_sub(SPARE_DESCRIPTORS + 4 * reactors) / reactors).max(1);
    config
        .connections_max
        .min(share.min(u64::from(u32::MAX)) as u32)
}

/// Everything that starting reactors needs; kept until one way of starting them works.
struct Plan<S> {
    config: Arc<Config>,
    router: Arc<Router<S>>,
    state: StateMaker<S>,
    reactors: usize,
    connections_max: u32,
}

enum Event {
    Ready(&'static str),
    Failed(Error),
    Ended(io::Result<()>),
    Signal,
}

impl<S: 'static> Plan<S> {
    /// Starts all reactors, on io_uring if `features` are given. If one fails, the others are stopped.
    fn spawn(&self, features: Option<Features>, note: String) -> Result<Running, Error> {
        let (addr, listeners) = listen::bind(&self.config, self.reactors)?;
        let peers = Arc::new(Peers::new(self.reactors).map_err(Error::Reactor)?);
        let (sender, receiver) = mpsc::channel();
        let cpus = sys::allowed_cpus();
        let pin = self.config.pin_reactors && cpus.len() == self.reactors;
        let mut running = Running {
            addr,
            peers: Arc::clone(&peers),
            threads: Vec::new(),
            events: (sender.clone(), receiver),
            description: String::new(),
        };
        // Nobody accepts before everybody can: a connection that was accepted by a start that fails would be lost. Declared
        // after `running`, so that on failure the gates go first and those who wait at them end.
        let mut gates = Vec::new();
        for (index, listener) in listeners.into_iter().enumerate() {
            let (gate, opened) = mpsc::channel();
            gates.push(gate);
            let start = Start {
                opened,
                listener,
                features,
                index,
                count: self.reactors,
                cpu: pin.then(|| cpus[index]),
                config: Arc::clone(&self.config),
                connections_max: self.connections_max,
                peers: Arc::clone(&peers),
            };
            let (router, state, events) = (
                Arc::clone(&self.router),
                Arc::clone(&self.state),
                sender.clone(),
            );
            let thread = thread::Builder::new()
                .name(format!("sws-{index}"))
                .spawn(move || start.run_caught(router, &*state, &events))
                .map_err(Error::Reactor)?;
            running.threads.push(thread);
        }
        let mut summary = "";
        for _ in 0..self.reactors {
            match running.events.1.recv() {
                Ok(Event::Ready(text)) => summary = text,
                Ok(Event::Failed(error)) => return Err(error),
                Ok(Event::Ended(Err(error))) => return Err(Error::Reactor(error)),
                _ => {
                    return Err(Error::Reactor(io::Error::other(
                        "a reactor ended before it was ready",
                    )));
                }
            }
        }
        for gate in gates {
            // A reactor that has gone meanwhile is reported by its `Ended`.
            let _ = gate.send(());
        }
        running.description = match features {
            Some(features) => format!("engine io_uring ({summary}, {features})"),
            None => format!("engine epoll{note}"),
        };
        Ok(running)
    }
}

/// What one reactor's thread starts from.
struct Start {
    /// Tells that every reactor is ready; closed: that one is not.
    opened: Receiver<()>,
    listener: TcpListener,
    features: Option<Features>,
    index: usize,
    count: usize,
    cpu: Option<usize>,
    config: Arc<Config>,
    connections_max: u32,
    peers: Arc<Peers>,
}

impl Start {
    /// Whoever waits for this thread learns of its end even if the application's code panics.
    fn run_caught<S: 'static>(
        self,
        router: Arc<Router<S>>,
        state: &(dyn Fn(ReactorInfo) -> S + Send + Sync),
        events: &Sender<Event>,
    ) {
        let name = format!("reactor {}", self.index);
        if catch_unwind(AssertUnwindSafe(|| self.run(router, state, events))).is_err() {
            let error = io::Error::other(format!("{name} panicked"));
            let _ = events.send(Event::Ended(Err(error)));
        }
    }

    fn run<S: 'static>(
        self,
        router: Arc<Router<S>>,
        state: &(dyn Fn(ReactorInfo) -> S + Send + Sync),
        events: &Sender<Event>,
    ) {
        if let Some(cpu) = self.cpu {
            // Pinning is for speed; where it is refused the reactor runs all the same.
            let _ = sys::pin_to_cpu(cpu);
        }
        let (index, peers) = (self.index, Arc::clone(&self.peers));
        let state = state(ReactorInfo {
            index,
            count: self.count,
        });
        let http = Http::new(&self.config, router, state);
        let core = Core::new(
            &self.config,
            http,
            Arc::clone(&peers),
            index,
            self.connections_max,
            Os,
        );
        let ended = match self.features {
            Some(features) => {
                let buffers = (
                    self.config.receive_buffers,
                    self.config.receive_buffer_bytes,
                );
                match Uring::new(self.listener, peers, index, features, buffers) {
                    Ok(mut engine) => {
                        if self.config.warm_up {
                            engine.warm_up();
                        }
                        let summary = engine.summary();
                        serve(engine, core, summary, events, &self.opened)
                    }
                    Err(error) => return drop(events.send(Event::Failed(Error::Engine(error)))),
                }
            }
            None => match Epoll::new(self.listener, peers, index) {
                Ok(engine) => serve(engine, core, "", events, &self.opened),
                Err(error) => return drop(events.send(Event::Failed(Error::Reactor(error)))),
            },
        };
        // Whoever listens has gone only if the whole server was dropped.
        let _ = events.send(Event::Ended(ended));
    }
}

fn serve<E: Engine, S: 'static>(
    engine: E,
    core: Core<Http<S>>,
    summary: &'static str,
    events: &Sender<Event>,
    opened: &Receiver<()>,
) -> io::Result<()> {
    let reactor = Reactor::new(engine, core);
    let _ = events.send(Event::Ready(summary));
    match opened.recv() {
        Ok(()) => reactor.run(),
        // Another could not start.
        Err(_) => Ok(()),
    }
}

/// A server that serves. Dropping it stops it gracefully.
pub struct Running {
    addr: SocketAddr,
    peers: Arc<Peers>,
    threads: Vec<JoinHandle<()>>,
    events: (Sender<Event>, Receiver<Event>),
    description: String,
}

impl Running {
    /// Where it listens, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What its reactors have counted; each brings its share up to date at the end of every turn.
    pub fn counters(&self) -> Counters {
        self.peers.counters()
    }

    /// The counters, for use while the server itself is waited for.
    pub fn counters_handle(&self) -> CountersHandle {
        CountersHandle(Arc::clone(&self.peers))
    }

    /// Stops gracefully: no new connections, answers in progress are finished, each with `Connection: close`, at
    /// most for [`Config::shutdown_timeout`].
    pub fn stop(self) -> Result<(), Error> {
        self.peers.stop();
        self.wait()
    }

    /// Waits until every reactor has ended; one that fails stops the others, and its error is returned.
    pub fn wait(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        let mut left = self.threads.len();
        while left > 0 {
            match self.events.1.recv() {
                Ok(Event::Ended(ended)) => {
                    left -= 1;
                    if let Err(error) = ended {
                        self.peers.stop();
                        result = result.and(Err(Error::Reactor(error)));
                    }
                }
                Ok(Event::Failed(error)) => {
                    left -= 1;
                    result = result.and(Err(error));
                }
                Ok(Event::Signal) => self.peers.stop(),
                Ok(Event::Ready(_)) => {}
                Err(_) => break,
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        result
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.peers.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl fmt::Display for Running {
    /// The start-up line: engine, features, reactors, address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, plural) = (
            self.threads.len(),
            if self.threads.len() == 1 { "" } else { "s" },
        );
        write!(
            f,
            "sws: {}, {count} reactor{plural}, listening on {}",
            self.description, self.addr
        )
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// Reads a server's counters from any thread.
#[derive(Clone)]
pub struct CountersHandle(Arc<Peers>);

impl CountersHandle {
    /// See [`Running::counters`].
    pub fn get(&self) -> Counters {
        self.0.counters()
    }
}

impl fmt::Debug for CountersHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CountersHandle").field(&self.get()).finish()
    }
}
