//! The comparison server on axum.
//!
//! Served as axum's example `serve-with-hyper` shows, which its documentation
//! names for those who want to set more than `axum::serve` lets them: one
//! current-thread runtime per CPU of the affinity mask, each with its own
//! `SO_REUSEPORT` listener, answers to pipelined requests flushed together.
//! Routing, extractors, JSON and compression are axum's and tower-http's own.
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
            eprintln!("axum: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let settings = Settings::from_environment()?;
    let routes = routes::router(Arc::new(Datasets::load(&settings.data_dir)));
    let listeners = settings.listeners()?;
    eprintln!("axum: port {}, {} threads", settings.port, listeners.len());
    for (cpu, listener) in settings.cpus.into_iter().zip(listeners) {
        let (routes, data_dir) = (routes.clone(), settings.data_dir.clone());
        thread::Builder::new()
            .name(format!("worker-{}", cpu.id))
            .spawn(move || {
                pin(cpu);
                db::open_for_thread(&data_dir);
                if let Err(error) = worker::run(listener, routes) {
                    eprintln!("axum: worker stopped: {error}");
                    std::process::exit(1);
                }
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    wait_for_signal()
}
