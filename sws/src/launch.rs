//! Starting reactors: one thread each, and nobody serves before all can.

use crate::{
    Config, Error, ReactorInfo,
    connection::http::Http,
    engine::{Engine, epoll::Epoll, uring::Uring},
    hooks::Hooks,
    listen,
    local::{self, Local},
    peers::Peers,
    reactor::{Core, Os, Reactor},
    remote::Inbox,
    running::{Event, Running},
    server::StateMaker,
    table::Table,
    task::{self, Executor},
    workers::{Workers, WorkersConfig},
};
use std::{
    cell::RefCell,
    io,
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};
use sws_ring::{Features, sys};

/// Everything that starting reactors needs; kept until one way of starting them works.
pub(crate) struct Plan<S> {
    pub(crate) config: Arc<Config>,
    pub(crate) app: Arc<App<S>>,
    pub(crate) reactors: usize,
    pub(crate) connections_max: u32,
}

/// What the user's code is, for all reactors.
pub(crate) struct App<S> {
    pub(crate) table: Arc<Table<S>>,
    pub(crate) hooks: Arc<Hooks<S>>,
    pub(crate) state: StateMaker<S>,
}

impl<S: 'static> Plan<S> {
    /// Starts all reactors, on io_uring if `features` are given. If one fails, the others are stopped.
    pub(crate) fn spawn(
        &self,
        features: Option<Features>,
        note: String,
    ) -> Result<Running<S>, Error> {
        let (addr, listeners) = listen::bind(&self.config, self.reactors)?;
        let peers = Arc::new(Peers::new(self.reactors).map_err(Error::Reactor)?);
        let (sender, receiver) = mpsc::channel();
        let cpus = sys::allowed_cpus();
        let pin = self.config.pin_reactors && cpus.len() == self.reactors;
        let inboxes: Arc<[Arc<Inbox>]> = (0..self.reactors)
            .map(|index| {
                let peers = Arc::clone(&peers);
                Arc::new(Inbox::new(move || peers.wake(index).notify()))
            })
            .collect();
        let workers = self.workers()?;
        let mut running = Running::new(
            addr,
            Arc::clone(&peers),
            Arc::clone(&inboxes),
            workers.clone(),
            self.config.shutdown_timeout,
            (sender.clone(), receiver),
        );
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
                cpu: match &*self.config.reactor_cpus {
                    [] => pin.then(|| cpus[index]),
                    chosen => Some(chosen[index % chosen.len()]),
                },
                inbox: Arc::clone(&inboxes[index]),
                workers: workers.clone(),
                config: Arc::clone(&self.config),
                connections_max: self.connections_max,
                peers: Arc::clone(&peers),
            };
            let (app, events) = (Arc::clone(&self.app), sender.clone());
            let thread = thread::Builder::new()
                .name(format!("sws-{index}"))
                .spawn(move || start.run_caught(&app, &events))
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

    fn workers(&self) -> Result<Option<Arc<Workers>>, Error> {
        if self.config.workers == 0 {
            return Ok(None);
        }
        let config = WorkersConfig {
            threads: self.config.workers,
            queue_max: self.config.worker_queue_max,
            stack_bytes: self.config.worker_stack_bytes,
            name: "sws-worker-".to_owned(),
        };
        Workers::new(&config).map(Some).map_err(Error::Reactor)
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
    inbox: Arc<Inbox>,
    workers: Option<Arc<Workers>>,
}

impl Start {
    /// Whoever waits for this thread learns of its end even if the application's code panics.
    fn run_caught<S: 'static>(self, app: &App<S>, events: &Sender<Event>) {
        let name = format!("reactor {}", self.index);
        // A reactor that fails takes the others along: they would go on giving it connections.
        let peers = Arc::clone(&self.peers);
        if catch_unwind(AssertUnwindSafe(|| self.run(app, events))).is_err() {
            peers.stop();
            let error = io::Error::other(format!("{name} panicked"));
            let _ = events.send(Event::Ended(Err(error)));
        }
    }

    fn run<S: 'static>(self, app: &App<S>, events: &Sender<Event>) {
        if let Some(cpu) = self.cpu {
            // Pinning is for speed; where it is refused the reactor runs all the same.
            let _ = sys::pin_to_cpu(cpu);
        }
        let (index, peers) = (self.index, Arc::clone(&self.peers));
        let others = Arc::clone(&peers);
        let notify = Arc::clone(&peers);
        let notify = Arc::new(move || notify.wake(index).notify());
        let executor = Executor::new(notify, self.config.tasks_max);
        if let Some(workers) = self.workers {
            executor.set_workers(workers);
        }
        // Both end after the reactor, which is dropped below.
        let _tasks = task::enter(Rc::clone(&executor));
        let state = Rc::new(RefCell::new((app.state)(ReactorInfo {
            index,
            count: self.count,
        })));
        let local = Rc::new(Local {
            executor,
            inbox: self.inbox,
            peers: Arc::clone(&peers),
            state: Rc::clone(&state) as Rc<_>,
            answers: RefCell::default(),
        });
        let _local = local::enter(Rc::clone(&local));
        let (table, hooks) = (Arc::clone(&app.table), Arc::clone(&app.hooks));
        let http = Http::new(&self.config, table, hooks, state, local);
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
        if ended.is_err() {
            others.stop();
        }
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
