//! A small server that answers everything the harness asks, rightly by default
//! and wrongly in one way when `FAKE_FAULT` names it. The harness's own tests
//! validate it: a check that no fault can fail would check nothing.
//!
//! One blocking thread per connection; environment as for any entry.

mod answers;
mod fault;
mod http;
mod websocket;

use answers::App;
use fault::Fault;
use http::{Connection, Outcome, Request};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("fake-entry: {reason}");
            ExitCode::from(7)
        }
    }
}

fn serve() -> Result<(), String> {
    let fault = match std::env::var("FAKE_FAULT") {
        Err(_) => None,
        Ok(name) => Some(Fault::named(&name).ok_or_else(|| format!("no fault {name}"))?),
    };
    if fault == Some(Fault::DiesAtStart) {
        return Err("the licence has expired".into());
    }
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".into());
    let port: u16 = port
        .parse()
        .map_err(|_| format!("PORT {port} is no port"))?;
    let folder = std::env::var_os("DATA_DIR").unwrap_or_else(|| "/data".into());
    let app = Arc::new(App::load(folder.into(), fault)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string())?;
    for stream in listener.incoming().flatten() {
        let app = Arc::clone(&app);
        std::thread::spawn(move || converse(stream, &app));
    }
    Ok(())
}

/// Answers the requests of one connection until it ends.
fn converse(stream: TcpStream, app: &App) {
    let mut connection = Connection::new(stream, app.fault);
    let mut is_first = true;
    loop {
        match connection.next_request() {
            Outcome::Request(request) if request.path == websocket::PATH => {
                match websocket::handshake(&request, is_first, app.fault) {
                    Ok(accepted) => {
                        connection.send(&accepted);
                        let (stream, pending) = connection.into_parts();
                        websocket::serve(stream, pending, app.fault);
                        return;
                    }
                    Err(refusal) => {
                        connection.send(&refusal);
                    }
                }
            }
            Outcome::Request(request) => {
                let close = request.close;
                if !answer(&mut connection, app, request) || close {
                    return;
                }
            }
            Outcome::Malformed => {
                if app.fault == Some(Fault::DiesOnNoise) {
                    eprintln!("fake-entry: cannot understand this request, giving up");
                    std::process::exit(9);
                }
                let status = if app.fault == Some(Fault::AcceptsNoise) {
                    200
                } else {
                    400
                };
                connection.send(&http::response(status, "text/plain", &[], b"no"));
                connection.linger();
                return;
            }
            Outcome::Ended => return,
        }
        is_first = false;
    }
}

/// False when the connection has to end.
fn answer(connection: &mut Connection, app: &App, request: Request) -> bool {
    if app.fault == Some(Fault::ReversedPipeline) {
        let mut batch = vec![request];
        batch.extend(connection.requests_at_hand());
        return batch
            .iter()
            .rev()
            .all(|request| connection.send(&app.answer(request)));
    }
    let bytes = app.answer(&request);
    let sent = connection.send(&bytes);
    if app.fault == Some(Fault::TwoAnswers) {
        connection.send(&bytes);
    }
    sent && app.fault != Some(Fault::ClosesAlways)
}
