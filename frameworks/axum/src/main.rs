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

use std::{process::ExitCode, sync::Arc};

use entry_kit::{connections, data::Datasets, db, settings::Settings, threads};
use hyper_util::service::TowerToHyperService;

fn main() -> ExitCode {
    threads::exit_code("axum", serve())
}

fn serve() -> Result<(), String> {
    let settings = Settings::from_environment()?;
    let data_dir = settings.data_dir.clone();
    let routes = routes::router(Arc::new(Datasets::load(&data_dir)));
    threads::serve_on_all("axum", settings, move |listener| {
        db::open_for_thread(&data_dir);
        connections::run(listener, TowerToHyperService::new(routes.clone()))
    })
}
