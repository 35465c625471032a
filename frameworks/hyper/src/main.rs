//! The comparison server: the arena's HTTP endpoints on hyper 1.x and tokio,
//! and its WebSocket echo on tungstenite.
//!
//! One current-thread runtime per CPU of the affinity mask, each with its own
//! `SO_REUSEPORT` listener, so that no request ever crosses threads. Each
//! thread also owns a SQLite connection and a compressor.
//!
//! Environment: `PORT` (8080) and `DATA_DIR` (`/data`).

mod app;
mod data;
mod db;
mod gzip;
mod query;
mod routes;
mod websocket;
mod worker;

use std::{env, path::PathBuf, process::ExitCode, sync::Arc, thread};

use data::Datasets;

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
    let port = match env::var("PORT") {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("PORT is not a port number: {text:?}"))?,
        Err(_) => 8080,
    };
    let data_dir = PathBuf::from(env::var_os("DATA_DIR").unwrap_or_else(|| "/data".into()));
    let datasets = Arc::new(Datasets::load(&data_dir));

    let cpus = core_affinity::get_core_ids().unwrap_or_default();
    if cpus.is_empty() {
        return Err("the affinity mask of this process cannot be read".to_owned());
    }
    // Every listener exists before the first one accepts: a port that is taken
    // is reported once, and no early connection lands on a lone thread.
    let listeners = cpus
        .iter()
        .map(|_| worker::listen(port))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    eprintln!("hyper: port {port}, {} threads", cpus.len());

    for (cpu, listener) in cpus.into_iter().zip(listeners) {
        let (datasets, data_dir) = (Arc::clone(&datasets), data_dir.clone());
        thread::Builder::new()
            .name(format!("worker-{}", cpu.id))
            .spawn(move || {
                core_affinity::set_for_current(cpu);
                app::install(datasets, &data_dir);
                if let Err(error) = worker::run(listener) {
                    eprintln!("hyper: worker stopped: {error}");
                    std::process::exit(1);
                }
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    wait_for_signal().map_err(|error| format!("cannot wait for signals: {error}"))
}

/// Returns on SIGTERM or SIGINT; open connections end with the process.
fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            std::future::poll_fn(|context| {
                if terminate.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(());
                }
                interrupt.poll_recv(context).map(|_| ())
            })
            .await;
            Ok(())
        })
}
