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

use std::{process::ExitCode, sync::Arc};

use entry_kit::{data::Datasets, db, settings::Settings, threads};

use crate::{routes::App, worker::Worker};

fn main() -> ExitCode {
    threads::exit_code("epoll", serve())
}

fn serve() -> Result<(), String> {
    let settings = Settings::from_environment()?;
    let data_dir = settings.data_dir.clone();
    let datasets = Arc::new(Datasets::load(&data_dir));
    threads::serve_on_all("epoll", settings, move |listener| {
        db::open_for_thread(&data_dir);
        let app = App::new(Arc::clone(&datasets));
        Worker::new(listener, app)?.run()
    })
}
