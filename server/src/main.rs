//! `sws`: the arena entry.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use clap::Parser;
use sws::{CountersHandle, Error, Server};
use sws_server::{
    app::{App, Data, Shared},
    args::Args,
    endpoints,
};

const FAILED: u8 = 1;
/// The code that clap uses for a wrong command line, too.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    match serve(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sws: {error}");
            ExitCode::from(match error {
                Error::Config { .. } => MISUSED,
                _ => FAILED,
            })
        }
    }
}

/// Serves until SIGTERM or SIGINT.
fn serve(args: &Args) -> Result<(), Error> {
    let data_dir = args.data_dir();
    let counters: Arc<OnceLock<CountersHandle>> = Arc::default();
    let shared = Shared {
        data: Arc::new(Data::load(&data_dir, |line| warn(&line))),
        data_dir: data_dir.into(),
        gzip_level: args.gzip_level,
        counters: Arc::clone(&counters),
        database_reported: Arc::default(),
    };
    let server = Server::builder()
        .config(args.config())
        .state(move |_| App::open(&shared, |line| warn(&line)));
    let server = endpoints::mount(server);
    if args.debug_counters {
        endpoints::mount_debug(server).run_with(|running| {
            counters.get_or_init(|| running.counters_handle());
        })
    } else {
        server.run()
    }
}

fn warn(line: &str) {
    eprintln!("sws: warning: {line}");
}
