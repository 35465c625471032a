//! One thread per CPU, each with a listener of its own, until a signal comes.

use std::{io, net::TcpListener, process::ExitCode, thread};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::settings::Settings;

/// What `main` returns; a failure is reported as the server `name`.
pub fn exit_code(name: &str, served: Result<(), String>) -> ExitCode {
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{name}: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `serve` on a thread for each CPU and returns on SIGTERM or SIGINT. A
/// thread that ends takes the process with it.
///
/// # Errors
/// A sentence about the port, a thread or the signals.
pub fn serve_on_all(
    name: &'static str,
    settings: Settings,
    serve: impl Fn(TcpListener) -> io::Result<()> + Clone + Send + 'static,
) -> Result<(), String> {
    let listeners = settings.listeners()?;
    eprintln!(
        "{name}: port {}, {} threads",
        settings.port,
        listeners.len()
    );
    for (cpu, listener) in settings.cpus.into_iter().zip(listeners) {
        let serve = serve.clone();
        thread::Builder::new()
            .name(format!("worker-{}", cpu.id))
            .spawn(move || {
                // Where pinning is refused the thread runs anywhere.
                core_affinity::set_for_current(cpu);
                if let Err(error) = serve(listener) {
                    eprintln!("{name}: worker stopped: {error}");
                    std::process::exit(1);
                }
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    wait_for_signal()
}

/// Without a handler the first process of a container would not end on them.
fn wait_for_signal() -> Result<(), String> {
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    signals.forever().next();
    Ok(())
}
