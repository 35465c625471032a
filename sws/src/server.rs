//! From a configuration and routes to running reactors.

use crate::{
    Config, Error, Router,
    config::EngineKind,
    handler::{IntoHandler, StreamHandler},
    hooks::{DeferredEvent, Hooks},
    launch::{App, Plan},
    middleware::Middleware,
    running::Running,
    ws,
};
use std::{fmt, io, sync::Arc, thread, time::Duration};
use sws_proto::http1::Method;
use sws_ring::{Features, SetupError, sys};

/// Descriptors that are not connections: rings, listeners, files of the application.
const SPARE_DESCRIPTORS: u64 = 64;
/// Added to the present time, it is still a time.
const PERIOD_MAX: Duration = Duration::from_secs(3600 * 24 * 365);

/// A reactor, as [`Builder::state`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct ReactorInfo {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

pub(crate) type StateMaker<S> = Arc<dyn Fn(ReactorInfo) -> S + Send + Sync>;

/// Collects routes, state and configuration; the first mistake is reported by [`start`](Self::start).
#[must_use = "nothing is served before it is started"]
pub struct Builder<S> {
    config: Config,
    router: Router<S>,
    hooks: Hooks<S>,
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
            hooks: Hooks::new(),
            state: Arc::new(|_| ()),
            problem: None,
        }
    }
}

impl Builder<()> {
    /// Gives handlers a state: one value per reactor, made on the reactor's thread and never shared, so it needs
    /// no lock and need not be `Send`. What reactors are to share comes in by an `Arc` that `make` owns. Call it before adding
    /// routes and hooks.
    pub fn state<S: 'static>(
        self,
        make: impl Fn(ReactorInfo) -> S + Send + Sync + 'static,
    ) -> Builder<S> {
        let problem = self.problem.or_else(|| {
            (!self.router.is_empty() || !self.hooks.is_empty()).then(|| Error::Config {
                key: "state",
                problem: "set the state before adding routes and hooks".to_owned(),
            })
        });
        Builder {
            config: self.config,
            router: Router::new(),
            hooks: Hooks::new(),
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

    /// Listens on this address: short for [`Config::host`] and [`Config::port`].
    pub fn listen(mut self, address: impl Into<std::net::SocketAddr>) -> Self {
        let address = address.into();
        self.config.host = address.ip();
        self.config.port = address.port();
        self
    }

    /// Sets workers for [`next::submit`](crate::next::submit): short for [`Config::workers`].
    pub fn workers(mut self, threads: usize) -> Self {
        self.config.workers = threads;
        self
    }

    fn with(mut self, change: impl FnOnce(Router<S>) -> Router<S>) -> Self {
        self.router = change(self.router);
        self
    }

    /// Routes a method and path to a handler of any kind; [`Router`] has the rules for paths.
    pub fn route<K>(
        self,
        method: Method<'static>,
        path: &str,
        handler: impl IntoHandler<S, K>,
    ) -> Self {
        self.with(|router| router.route(method, path, handler))
    }

    /// Routes GET (and HEAD).
    pub fn get<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Get, path, handler)
    }

    /// Routes POST.
    pub fn post<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Post, path, handler)
    }

    /// Routes PUT.
    pub fn put<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Put, path, handler)
    }

    /// Routes PATCH.
    pub fn patch<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Patch, path, handler)
    }

    /// Routes DELETE.
    pub fn delete<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Delete, path, handler)
    }

    /// As [`Router::post_stream`].
    pub fn post_stream(self, path: &str, handler: impl StreamHandler<S>) -> Self {
        self.with(|router| router.post_stream(path, handler))
    }

    /// As [`Router::put_stream`].
    pub fn put_stream(self, path: &str, handler: impl StreamHandler<S>) -> Self {
        self.with(|router| router.put_stream(path, handler))
    }

    /// As [`Router::ws`].
    pub fn ws<K>(self, path: &str, open: impl ws::Open<S, K>) -> Self {
        self.with(|router| router.ws(path, open))
    }

    /// As [`Router::ws_with`].
    pub fn ws_with<K>(self, path: &str, options: ws::Options, open: impl ws::Open<S, K>) -> Self {
        self.with(|router| router.ws_with(path, options, open))
    }

    /// As [`Router::nest`].
    pub fn nest(self, prefix: &str, router: Router<S>) -> Self {
        self.with(|outer| outer.nest(prefix, router))
    }

    /// Runs `middleware` around every request; see [`Router::middleware`].
    pub fn middleware(self, middleware: impl Middleware<S>) -> Self {
        self.with(|router| router.middleware(middleware))
    }

    /// As [`Router::body_limit`].
    pub fn body_limit(self, bytes: u64) -> Self {
        self.with(|router| router.body_limit(bytes))
    }

    /// Runs `hook` on the reactor's thread before each deferred answer (that of a [`Responder`](crate::Responder)) is sent, whether
    /// or not its client is still there; hooks run in the order in which they were added. It must not block.
    pub fn on_deferred(
        mut self,
        hook: impl Fn(&mut S, &DeferredEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.add_deferred(Box::new(hook));
        self
    }

    /// Runs `hook` on every reactor's thread once in each `period` (a millisecond to a year), with or without traffic. It must not block;
    /// ticks that were missed are not made up for.
    pub fn every(
        mut self,
        period: Duration,
        hook: impl Fn(&mut S) + Send + Sync + 'static,
    ) -> Self {
        if !(Duration::from_millis(1)..=PERIOD_MAX).contains(&period) {
            self.problem.get_or_insert_with(|| Error::Config {
                key: "every",
                problem: format!("a period of {period:?} is not between a millisecond and a year"),
            });
        }
        self.hooks.add_tick(period, Box::new(hook));
        self
    }

    /// Starts the reactors and returns once all of them serve.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::Route`] for what cannot work, [`Error::Listen`] for an address that cannot be had,
    /// [`Error::Engine`] if io_uring was insisted on and is not to be had, [`Error::Reactor`] for threads and descriptors. Nothing is
    /// left running then.
    pub fn start(self) -> Result<Running<S>, Error> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        self.config.check()?;
        let table = Arc::new(self.router.compile()?);
        let files = sys::raise_nofile().map_err(Error::Reactor)?.soft;
        let plan = Plan {
            reactors: self.config.reactor_count(),
            connections_max: connections_max(&self.config, files),
            config: Arc::new(self.config),
            app: Arc::new(App {
                table,
                hooks: Arc::new(self.hooks),
                state: self.state,
            }),
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

    /// Starts and serves until SIGTERM or SIGINT, then stops gracefully. A second signal ends the process at once. The start-up line
    /// goes to standard error.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Reactor`] if an event loop broke later.
    pub fn run(self) -> Result<(), Error> {
        self.run_with(|_| ())
    }

    /// As [`run`](Self::run); `started` is called once the server serves, to take what it needs of it: a
    /// [`Remote`](crate::Remote), a [`Stopper`](crate::Stopper), the counters.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_with(self, started: impl FnOnce(&Running<S>)) -> Result<(), Error> {
        let signals = signal_hook::iterator::Signals::new([libc::SIGTERM, libc::SIGINT])
            .map_err(Error::Reactor)?;
        let running = self.start()?;
        eprintln!("{running}");
        started(&running);
        running.wait_for_signals(signals)
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
