//! One thread of a server that is made of hyper and tokio: a current-thread
//! runtime, a listener, a task per connection.

use std::{error::Error, io, net::TcpListener, time::Duration};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::Service,
};
use hyper_util::rt::TokioIo;

/// Accepts and serves for the life of the process.
///
/// # Errors
/// When the runtime cannot be made.
pub fn run<S, B>(listener: TcpListener, service: S) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // No timer: hyper's head deadline would cost a timer per request.
    let mut http = http1::Builder::new();
    http.pipeline_flush(true);
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            match listener.accept().await {
                Ok((stream, _peer)) => {
                    let connection = http
                        .serve_connection(TokioIo::new(stream), service.clone())
                        .with_upgrades();
                    // A peer that breaks off or breaks the protocol concerns
                    // nobody else.
                    tokio::spawn(async move { connection.await.ok() });
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Without a descriptor to spare, accepting again at once would
                // only spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
}
