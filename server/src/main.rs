//! `sws`: the arena entry.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use sws::Server;
use sws_server::{
    app::{App, Data},
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
                sws::Error::Config { .. } => MISUSED,
                _ => FAILED,
            })
        }
    }
}

/// Serves until SIGTERM or SIGINT.
fn serve(args: &Args) -> Result<(), sws::Error> {
    let data_dir = args.data_dir();
    let data = Arc::new(Data::load(&data_dir, |line| warn(&line)));
    let gzip_level = args.gzip_level;
    let server = Server::builder()
        .config(args.config())
        .state(move |reactor| {
            // All reactors open the same file, so one report of it is enough.
            let report = |line: String| {
                if reactor.index == 0 {
                    warn(&line);
                }
            };
            App::open(Arc::clone(&data), &data_dir, gzip_level, report)
        });
    endpoints::mount(server).run()
}

fn warn(line: &str) {
    eprintln!("sws: warning: {line}");
}
