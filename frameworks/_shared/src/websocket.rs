//! `/ws` on servers that are made of hyper: every message comes back as it was.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::{
    Request, Response, StatusCode,
    header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        handshake::server::{create_response_with_body, write_response},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// The default of 128 KiB is meant for few connections with much to say; the
/// profile has many with messages of a few bytes.
const READ_BUFFER_BYTES: usize = 4096;
/// How long a peer that broke the protocol may take to take note of that.
const FAREWELL: Duration = Duration::from_secs(2);

/// Answers an opening handshake and lets a task of its own echo; anything else
/// is told how to ask.
pub fn upgrade<B>(mut request: Request<B>) -> Response<String> {
    let Ok(accepted) = create_response_with_body(&request, String::new) else {
        return upgrade_required();
    };
    let mut head = Vec::new();
    if write_response(&mut head, &accepted).is_err() {
        return upgrade_required();
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A peer that breaks off concerns nobody else.
        if let Ok(upgraded) = upgrade.await
            && let Some(socket) = socket(upgraded, &head).await
        {
            serve(socket).await;
        }
    });
    accepted
}

fn upgrade_required() -> Response<String> {
    let mut answer = Response::new("this is a WebSocket endpoint".to_owned());
    *answer.status_mut() = StatusCode::UPGRADE_REQUIRED;
    let headers = answer.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}

/// The TCP stream itself, without the layers that it had for HTTP, and what
/// came behind the request. In that case the answer's `head` has not been sent:
/// with `pipeline_flush` hyper keeps an answer back while there is input left,
/// and at an upgrade it drops what it keeps (hyper 1.12).
async fn socket(upgraded: Upgraded, head: &[u8]) -> Option<WebSocketStream<TcpStream>> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let mut stream = parts.io.into_inner();
    let early = parts.read_buf.to_vec();
    if !early.is_empty() {
        stream.write_all(head).await.ok()?;
    }
    Some(WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await)
}

async fn serve(mut socket: WebSocketStream<TcpStream>) {
    let code = match echo(&mut socket).await {
        Err(Error::Utf8(_)) => CloseCode::Invalid,
        Err(Error::Capacity(_)) => CloseCode::Size,
        Err(Error::Protocol(_)) => CloseCode::Protocol,
        _ => return,
    };
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::default(),
    };
    if socket.close(Some(frame)).await.is_ok() {
        // Closing with unread bytes would reset the connection and could
        // swallow the close frame.
        let stream = socket.get_mut();
        let _ = stream.shutdown().await;
        let mut sink = [0; 512];
        let drained = async { while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {} };
        let _ = timeout(FAREWELL, drained).await;
    }
}

/// Echoes until the connection ends. Messages that came together go back
/// together: one write, not one for each.
async fn echo(socket: &mut WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        feed(socket, message?).await?;
        while let Some(Some(message)) = socket.next().now_or_never() {
            feed(socket, message?).await?;
        }
        socket.flush().await?;
    }
    Ok(())
}

/// Pings and closes are answered by the library.
async fn feed(socket: &mut WebSocketStream<TcpStream>, message: Message) -> Result<(), Error> {
    if message.is_text() || message.is_binary() {
        socket.feed(message).await?;
    }
    Ok(())
}
