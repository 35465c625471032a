//! A comparison server on bare epoll: one thread per CPU of the affinity mask,
//! each with its own `SO_REUSEPORT` listener, epoll instance and buffers, so
//! that no request crosses threads and nothing is shared but the dataset.
//!
//! Level-triggered: a connection is read once per wake-up into the thread's
//! buffer, all of its requests are answered into the thread's output, and that
//! is sent with one call. A connection that owes nothing holds no memory but its
//! slot. It shares no code with sws.
//!
//! Environment: `PORT` (8080) and `DATA_DIR` (`/data`).

mod answer;
mod body;
mod connection;
mod head;
mod routes;
mod websocket;
mod worker;

use std::{process::ExitCode, sync::Arc, thread};

use entry_kit::{
    data::Datasets,
    db,
    settings::{Settings, pin, wait_for_signal},
};

use crate::{routes::App, worker::Worker};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("epoll: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let settings = Settings::from_environment()?;
    let datasets = Arc::new(Datasets::load(&settings.data_dir));
    let listeners = settings.listeners()?;
    eprintln!("epoll: port {}, {} threads", settings.port, listeners.len());
    for (cpu, listener) in settings.cpus.into_iter().zip(listeners) {
        let app = App::new(Arc::clone(&datasets));
        let data_dir = settings.data_dir.clone();
        thread::Builder::new()
            .name(format!("worker-{}", cpu.id))
            .spawn(move || {
                pin(cpu);
                db::open_for_thread(&data_dir);
                let ended = Worker::new(listener, app).and_then(|mut worker| worker.run());
                if let Err(error) = ended {
                    eprintln!("epoll: worker stopped: {error}");
                    std::process::exit(1);
                }
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    wait_for_signal()
}
