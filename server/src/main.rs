//! `sws`: the arena entry.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use clap::Parser;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use sws::{Builder, CountersHandle, Error, Server};
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
    let counters = Arc::default();
    let shared = Shared {
        data: Arc::new(Data::load(&data_dir, |line| warn(&line))),
        data_dir: data_dir.into(),
        gzip_level: args.gzip_level,
        counters: Arc::clone(&counters),
    };
    let server = Server::builder()
        .config(args.config())
        .state(move |reactor| {
            App::open(&shared, |line| {
                // All reactors open the same file, so one report of it is enough.
                if reactor.index == 0 {
                    warn(&line);
                }
            })
        });
    let server = endpoints::mount(server);
    if args.debug_counters {
        serve_with_counters(endpoints::mount_debug(server), &counters)
    } else {
        server.run()
    }
}

/// As [`Builder::run`], with the counters made visible in between; a reactor
/// that fails is only reported at the stop.
fn serve_with_counters(
    server: Builder<App>,
    counters: &OnceLock<CountersHandle>,
) -> Result<(), Error> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(Error::Reactor)?;
    let running = server.start()?;
    counters.get_or_init(|| running.counters_handle());
    eprintln!("{running}");
    signals.forever().next();
    running.stop()
}

fn warn(line: &str) {
    eprintln!("sws: warning: {line}");
}
