//! One thread: a listener, a runtime, a connection task per peer.

use std::{io, net::TcpListener, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};

/// Accepts and serves for the life of the process.
pub(crate) fn run(listener: TcpListener, routes: Router) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(accept(listener, routes))
}

async fn accept(listener: TcpListener, routes: Router) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let service = TowerToHyperService::new(routes);
    // No timer: hyper's head deadline would cost a timer per request.
    let mut http = http1::Builder::new();
    http.pipeline_flush(true);
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                let connection = http
                    .serve_connection(TokioIo::new(stream), service.clone())
                    .with_upgrades();
                // A peer that breaks off or breaks the protocol concerns nobody
                // else.
                tokio::spawn(async move { connection.await.ok() });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Without a descriptor to spare, accepting again at once would only
            // spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
