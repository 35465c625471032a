//! One thread: a listener, a runtime, a connection task per peer.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};

use crate::routes;

const BACKLOG: i32 = 4096;

/// A listener that shares `port` with the other threads.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts and serves for the life of the process.
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(accept(listener))
}

async fn accept(listener: TcpListener) -> io::Result<()> {
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
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let connection = http
            .serve_connection(TokioIo::new(stream), service_fn(routes::answer))
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
