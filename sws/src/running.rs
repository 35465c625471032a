//! A server that serves: what can be known of it and done with it from outside.

use crate::{
    Error, Remote, counters::Counters, local, peers::Peers, remote::Inbox, workers::Workers,
};
use std::{
    fmt, io,
    marker::PhantomData,
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What a reactor's thread, or a signal, has to say.
pub(crate) enum Event {
    Ready(&'static str),
    Failed(Error),
    Ended(io::Result<()>),
    Signal,
}

/// A server that serves. Dropping it stops it gracefully, which waits as [`stop`](Self::stop) does.
#[must_use = "the server stops when this is dropped: wait for it"]
pub struct Running<S = ()> {
    addr: SocketAddr,
    peers: Arc<Peers>,
    inboxes: Arc<[Arc<Inbox>]>,
    workers: Option<Arc<Workers>>,
    shutdown_timeout: Duration,
    pub(crate) threads: Vec<JoinHandle<()>>,
    pub(crate) events: (Sender<Event>, Receiver<Event>),
    pub(crate) description: String,
    state: PhantomData<fn(&mut S)>,
}

impl<S> Running<S> {
    pub(crate) fn new(
        addr: SocketAddr,
        peers: Arc<Peers>,
        inboxes: Arc<[Arc<Inbox>]>,
        workers: Option<Arc<Workers>>,
        shutdown_timeout: Duration,
        events: (Sender<Event>, Receiver<Event>),
    ) -> Self {
        Self {
            addr,
            peers,
            inboxes,
            workers,
            shutdown_timeout,
            threads: Vec::new(),
            events,
            description: String::new(),
            state: PhantomData,
        }
    }

    /// How many reactors there are.
    pub fn reactors(&self) -> usize {
        self.inboxes.len()
    }

    /// A reactor, by its number from 0; `None` if there are not so many.
    pub fn remote(&self, reactor: usize) -> Option<Remote<S>>
    where
        S: 'static,
    {
        self.inboxes
            .get(reactor)
            .map(|i| Remote::new(Arc::clone(i)))
    }

    /// All reactors, in the order of their numbers.
    pub fn remotes(&self) -> Vec<Remote<S>>
    where
        S: 'static,
    {
        let inboxes = self.inboxes.iter();
        inboxes.map(|i| Remote::new(Arc::clone(i))).collect()
    }

    /// Stops the server from wherever it is wanted, while this is waited for.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.peers))
    }

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

    /// Stops gracefully: no new connections, answers in progress are finished, each with `Connection: close`, WebSockets are closed with
    /// 1001, at most for [`Config::shutdown_timeout`](crate::Config::shutdown_timeout). Then workers finish what they have begun.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn stop(self) -> Result<(), Error> {
        self.peers.stop();
        self.wait()
    }

    pub(crate) fn wait_for_signals(
        self,
        mut signals: signal_hook::iterator::Signals,
    ) -> Result<(), Error> {
        let events = self.events.0.clone();
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
        let result = self.wait();
        handle.close();
        let _ = watcher.join();
        result
    }

    /// Waits until every reactor has ended; one that fails stops the others, and its error is returned.
    ///
    /// # Errors
    /// [`Error::Reactor`] if an event loop broke, or if this is called on a reactor's thread, which would wait for itself.
    pub fn wait(mut self) -> Result<(), Error> {
        if local::current().is_some() {
            self.peers.stop();
            return Err(Error::Reactor(io::Error::new(
                io::ErrorKind::Deadlock,
                "a reactor cannot wait for its own end: use a Stopper there",
            )));
        }
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
        self.end();
        result
    }

    /// Waits for the threads.
    fn end(&mut self) {
        for thread in self.threads.drain(..) {
            // A reactor's state may own its server, and is dropped on a thread that is no reactor any more.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
        if let Some(workers) = self.workers.take() {
            workers.stop(Instant::now() + self.shutdown_timeout);
        }
    }
}

impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        self.peers.stop();
        // On a reactor's thread this would wait for itself.
        if local::current().is_none() {
            self.end();
        }
    }
}

impl<S> fmt::Display for Running<S> {
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

impl<S> fmt::Debug for Running<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// Stops a server gracefully, from any thread: a reactor's, too.
#[derive(Clone)]
pub struct Stopper(Arc<Peers>);

impl Stopper {
    /// Asks for the stop and does not wait for it; see [`Running::stop`].
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// Stops the server that this thread is a reactor of: for handlers, tasks and hooks.
///
/// ```
/// use sws::{Answered, Request, Response};
///
/// fn stop(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
///     sws::stopper().stop();
///     response.text("stopping\n")
/// }
/// ```
///
/// # Panics
/// On a thread that is no reactor.
#[expect(
    clippy::panic,
    reason = "a mistake of the program's, with a way out of it"
)]
pub fn stopper() -> Stopper {
    let Some(local) = local::current() else {
        panic!("sws::stopper: this thread is no reactor; Running::stopper gives one to any thread");
    };
    Stopper(Arc::clone(&local.peers))
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper").finish_non_exhaustive()
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
