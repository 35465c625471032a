//! The comparison server: the arena's HTTP endpoints on hyper 1.x and tokio,
//! and its WebSocket echo on tungstenite.
//!
//! One current-thread runtime per CPU of the affinity mask, each with its own
//! `SO_REUSEPORT` listener, so that no request ever crosses threads. Each
//! thread also owns a SQLite connection and a compressor.
//!
//! Environment: `PORT` (8080) and `DATA_DIR` (`/data`).

mod routes;

use std::{process::ExitCode, sync::Arc};

use entry_kit::{connections, data::Datasets, db, settings::Settings, threads};
use hyper::service::service_fn;

fn main() -> ExitCode {
    threads::exit_code("hyper", serve())
}

fn serve() -> Result<(), String> {
    let settings = Settings::from_environment()?;
    let data_dir = settings.data_dir.clone();
    let datasets = Arc::new(Datasets::load(&data_dir));
    threads::serve_on_all("hyper", settings, move |listener| {
        db::open_for_thread(&data_dir);
        let datasets = Arc::clone(&datasets);
        let service = service_fn(move |request| routes::answer(request, Arc::clone(&datasets)));
        connections::run(listener, service)
    })
}
