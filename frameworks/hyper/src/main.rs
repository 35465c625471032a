//! The comparison server: the arena's HTTP endpoints on hyper 1.x and tokio,
//! and its WebSocket echo on tungstenite.
//!
//! One current-thread runtime per CPU of the affinity mask, each with its own
//! `SO_REUSEPORT` listener, so that no request ever crosses threads. Each
//! thread also owns a SQLite connection and a compressor.
//!
//! Environment: `PORT` (8080) and `DATA_DIR` (`/data`).

mod routes;
mod worker;

use std::{process::ExitCode, sync::Arc, thread};

use entry_kit::{
    data::Datasets,
    db,
    settings::{Settings, pin, wait_for_signal},
};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("hyper: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let settings = Settings::from_environment()?;
    let datasets = Arc::new(Datasets::load(&settings.data_dir));
    let listeners = settings.listeners()?;
    eprintln!("hyper: port {}, {} threads", settings.port, listeners.len());
    for (cpu, listener) in settings.cpus.into_iter().zip(listeners) {
        let (datasets, data_dir) = (Arc::clone(&datasets), settings.data_dir.clone());
        thread::Builder::new()
            .name(format!("worker-{}", cpu.id))
            .spawn(move || {
                pin(cpu);
                db::open_for_thread(&data_dir);
                if let Err(error) = worker::run(listener, datasets) {
                    eprintln!("hyper: worker stopped: {error}");
                    std::process::exit(1);
                }
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    wait_for_signal()
}
