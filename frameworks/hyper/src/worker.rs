//! One thread: a listener, a runtime, a connection task per peer.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use entry_kit::data::Datasets;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use crate::routes;

/// Accepts and serves for the life of the process.
pub(crate) fn run(listener: TcpListener, datasets: Arc<Datasets>) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(accept(listener, datasets))
}

async fn accept(listener: TcpListener, datasets: Arc<Datasets>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    // No timer: hyper's head deadline would cost a timer per request.
    let mut http = http1::Builder::new();
    http.pipeline_flush(true);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                pause_when_exhausted(&error).await;
                continue;
            }
        };
        let datasets = Arc::clone(&datasets);
        let service = service_fn(move |request| routes::answer(request, Arc::clone(&datasets)));
        let connection = http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(async move {
            // A peer that breaks off or breaks the protocol concerns nobody else.
            let _ = connection.await;
        });
    }
}

/// Without a descriptor to spare, accepting again at once would only spin.
async fn pause_when_exhausted(error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionAborted {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
