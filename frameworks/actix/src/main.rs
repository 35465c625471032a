//! The comparison server on actix-web.
//!
//! Its own `HttpServer`, as its documentation sets it up for production: one
//! worker per CPU of the affinity mask, JSON by serde, compression by the
//! `Compress` middleware (gzip at its fixed level 1). No deadlines: they would
//! cost a timer per request, which the servers that it is compared with do not
//! have either.
//!
//! Without WebSockets: `actix-ws` 0.4 does not tell a close frame whose reason is
//! no text from other broken ones, so it cannot answer with the code 1007.
//!
//! Environment: `PORT` (8080) and `DATA_DIR` (`/data`).

mod routes;

use std::{process::ExitCode, sync::Arc, time::Duration};

use actix_web::{
    App, HttpServer,
    http::KeepAlive,
    rt::System,
    web::{Data, PayloadConfig},
};
use entry_kit::{data::Datasets, db, settings::Settings, threads};

const BACKLOG: u32 = 4096;
/// Seconds that open connections have after SIGTERM.
const FAREWELL: u64 = 1;

fn main() -> ExitCode {
    threads::exit_code("actix", serve())
}

fn serve() -> Result<(), String> {
    let Settings {
        port,
        data_dir,
        cpus,
    } = Settings::from_environment()?;
    let datasets = Data::from(Arc::new(Datasets::load(&data_dir)));
    eprintln!("actix: port {port}, {} workers", cpus.len());
    System::new().block_on(async move {
        // Called once on each worker's thread.
        let application = move || {
            db::open_for_thread(&data_dir);
            App::new()
                .app_data(datasets.clone())
                .app_data(PayloadConfig::new(routes::UPLOAD_BYTES_MAX))
                .configure(routes::configure)
        };
        HttpServer::new(application)
            .workers(cpus.len())
            .backlog(BACKLOG)
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .shutdown_timeout(FAREWELL)
            .tcp_nodelay(true)
            .bind(("0.0.0.0", port))
            .map_err(|error| format!("cannot listen on port {port}: {error}"))?
            .run()
            .await
            .map_err(|error| error.to_string())
    })
}
