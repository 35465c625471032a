//! Bodies that do not lie in one piece of memory: files, and streams in both directions.

use crate::{
    caught::caught,
    connection::ConnId,
    rejection::Rejection,
    remote::{Inbox, Mail},
};
use std::{
    cell::RefCell,
    fmt,
    fs::File,
    future::poll_fn,
    io,
    os::unix::fs::FileExt,
    path::Path,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// Bytes of an answer's stream that may wait to be sent before its writer waits; also the piece that a file is read in.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes of a request's stream that may wait for their reader before the client waits.
const INFLOW_BYTES_MAX: usize = 64 * 1024;

/// What follows an answer's head.
pub(crate) enum Body {
    Empty,
    Static(&'static [u8]),
    Bytes(Vec<u8>),
    Shared(Arc<[u8]>),
    File { file: File, at: u64, end: u64 },
    Stream(BodySource, Option<u64>),
}

impl Body {
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Empty => Some(&[]),
            Self::Static(bytes) => Some(bytes),
            Self::Bytes(bytes) => Some(bytes),
            Self::Shared(bytes) => Some(bytes),
            Self::File { .. } | Self::Stream(..) => None,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes() {
            Some(bytes) => write!(f, "{} bytes", bytes.len()),
            None => f.write_str("stream"),
        }
    }
}

/// The content type that a file's name suggests.
pub(crate) fn content_type_of(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "csv" => "text/csv",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/vnd.microsoft.icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}

/// Why a body's stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The client has gone, or was refused.
    Gone,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has gone")
    }
}

impl std::error::Error for BodyError {}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        Self::new(io::ErrorKind::BrokenPipe, error)
    }
}

// ---- answers

#[derive(Default)]
struct Outflow {
    waiting: Vec<u8>,
    finished: bool,
    /// The writer is gone without finishing.
    failed: bool,
    /// Nobody will take any more.
    gone: bool,
    /// Whom to tell that there is something, once the answer's head is out.
    target: Option<(Arc<Inbox>, ConnId, u32)>,
    /// It has been told.
    told: bool,
    writer: Option<Waker>,
}

impl Outflow {
    fn tell(&mut self) {
        if let Some((inbox, conn, exchange)) = &self.target
            && !self.told
        {
            self.told = true;
            inbox.push(Mail::Pump(*conn, *exchange));
        }
    }
}

fn lock(flow: &Mutex<Outflow>) -> MutexGuard<'_, Outflow> {
    flow.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn channel() -> (BodySender, BodySource) {
    let flow = Arc::default();
    (BodySender(Arc::clone(&flow)), BodySource(flow))
}

/// Writes the body of a [`Reply::stream`](crate::Reply::stream), from any task or thread, while it is being sent.
///
/// [`finish`](Self::finish) ends the body. Dropped before that, it breaks the connection off: the client must be able to tell
/// half a body from a whole one.
pub struct BodySender(Arc<Mutex<Outflow>>);

impl BodySender {
    /// Writes; waits while 64 KiB wait to be sent, so the client's pace is the writer's.
    ///
    /// # Errors
    /// [`BodyError::Gone`] when the client has gone.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), BodyError> {
        poll_fn(|cx| {
            // Wakers may be anybody's code: nothing is locked while one is cloned, dropped or woken.
            let waker = cx.waker().clone();
            let mut flow = lock(&self.0);
            if flow.gone || flow.waiting.len() < PIECE_BYTES {
                return Poll::Ready(());
            }
            let old = flow.writer.replace(waker);
            drop(flow);
            drop(old);
            Poll::Pending
        })
        .await;
        self.try_send(bytes)
    }

    /// Writes without waiting, however much is waiting already: for writers that have their own bound.
    ///
    /// # Errors
    /// [`BodyError::Gone`] when the client has gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), BodyError> {
        let mut flow = lock(&self.0);
        if flow.gone {
            return Err(BodyError::Gone);
        }
        let bytes = bytes.as_ref();
        if !bytes.is_empty() {
            flow.waiting.extend_from_slice(bytes);
            flow.tell();
        }
        Ok(())
    }

    /// Bytes that wait to be sent.
    pub fn pending(&self) -> usize {
        lock(&self.0).waiting.len()
    }

    /// Whether the client has gone.
    pub fn is_closed(&self) -> bool {
        lock(&self.0).gone
    }

    /// Ends the body.
    pub fn finish(self) {
        lock(&self.0).finished = true;
    }
}

impl Drop for BodySender {
    fn drop(&mut self) {
        let mut flow = lock(&self.0);
        flow.failed = !flow.finished;
        flow.tell();
    }
}

impl fmt::Debug for BodySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySender").finish_non_exhaustive()
    }
}

/// The connection's end of a [`BodySender`].
pub(crate) struct BodySource(Arc<Mutex<Outflow>>);

/// What a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// More may come.
    Open,
    Finished,
    Failed,
}

impl BodySource {
    /// From now on `exchange` of `conn` is told when there is something.
    pub(crate) fn attach(&self, inbox: Arc<Inbox>, conn: ConnId, exchange: u32) {
        lock(&self.0).target = Some((inbox, conn, exchange));
    }

    /// Takes what is waiting.
    pub(crate) fn take(&self) -> (Vec<u8>, Flow) {
        let mut flow = lock(&self.0);
        flow.told = false;
        let bytes = std::mem::take(&mut flow.waiting);
        let state = match (flow.failed, flow.finished) {
            (true, _) => Flow::Failed,
            (_, true) => Flow::Finished,
            _ => Flow::Open,
        };
        let writer = flow.writer.take();
        drop(flow);
        wake(writer);
        (bytes, state)
    }
}

impl Drop for BodySource {
    fn drop(&mut self) {
        let mut flow = lock(&self.0);
        flow.gone = true;
        flow.target = None;
        flow.waiting = Vec::new();
        let writer = flow.writer.take();
        drop(flow);
        wake(writer);
    }
}

/// The next piece of a file: `None` if it cannot be read or is shorter than it was.
pub(crate) fn read_piece(file: &File, at: &mut u64, end: u64, out: &mut Vec<u8>) -> Option<()> {
    let want = (end - *at).min(PIECE_BYTES as u64) as usize;
    let start = out.len();
    out.resize(start + want, 0);
    match file.read_at(&mut out[start..], *at) {
        Ok(count) if count > 0 || want == 0 => {
            out.truncate(start + count);
            *at += count as u64;
            Some(())
        }
        _ => {
            out.truncate(start);
            None
        }
    }
}

// ---- requests

#[derive(Default)]
struct Inflow {
    waiting: Vec<u8>,
    complete: bool,
    broken: bool,
    /// The connection keeps input back until the reader has taken what is here.
    held: bool,
    reader: Option<Waker>,
}

/// A request's body as it arrives, for an `async` handler that takes one: `async fn(Context<S>, BodyStream)`.
///
/// The client is not read faster than this is: 64 KiB wait here, or what one receive brought if that is more (1 MiB at most). A handler that answers without reading to the end
/// leaves the rest to be skipped.
pub struct BodyStream {
    flow: Rc<RefCell<Inflow>>,
    resume: (Arc<Inbox>, ConnId, u32),
}

impl BodyStream {
    /// The next bytes, in order and never empty; `None` at the end.
    ///
    /// # Errors
    /// [`BodyError::Gone`] when the client has gone or its body was refused (too long, badly framed, too slow).
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, BodyError>> {
        poll_fn(|cx| {
            let mut flow = self.flow.borrow_mut();
            if !flow.waiting.is_empty() {
                let bytes = std::mem::take(&mut flow.waiting);
                if std::mem::take(&mut flow.held) {
                    let (inbox, conn, exchange) = &self.resume;
                    inbox.push(Mail::Pump(*conn, *exchange));
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            if flow.broken {
                return Poll::Ready(Some(Err(BodyError::Gone)));
            }
            if flow.complete {
                return Poll::Ready(None);
            }
            drop(flow);
            let waker = cx.waker().clone();
            let old = self.flow.borrow_mut().reader.replace(waker);
            drop(old);
            Poll::Pending
        })
        .await
    }
}

impl BodyStream {
    /// The rest of the body in one piece of at most `limit` bytes.
    ///
    /// # Errors
    /// 413 if it is longer, 400 if the client has gone or its body was refused.
    pub async fn collect(&mut self, limit: usize) -> Result<Vec<u8>, Rejection> {
        let mut body = Vec::new();
        while let Some(bytes) = self.next().await {
            let bytes = bytes?;
            if body.len() + bytes.len() > limit {
                return Err(Rejection::new(413, "the body is too long"));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }
}

impl Drop for BodyStream {
    /// The rest is skipped: the connection need not be held back any longer.
    fn drop(&mut self) {
        if self.flow.borrow().held {
            let (inbox, conn, exchange) = &self.resume;
            inbox.push(Mail::Pump(*conn, *exchange));
        }
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream").finish_non_exhaustive()
    }
}

/// The connection's end of a [`BodyStream`].
pub(crate) struct BodyFeed(Rc<RefCell<Inflow>>);

pub(crate) fn feed(inbox: Arc<Inbox>, conn: ConnId, exchange: u32) -> (BodyFeed, BodyStream) {
    let flow = Rc::default();
    let stream = BodyStream {
        flow: Rc::clone(&flow),
        resume: (inbox, conn, exchange),
    };
    (BodyFeed(flow), stream)
}

impl BodyFeed {
    /// Whether there is room; if not, the reader says so when there is ([`Mail::Pump`]).
    pub(crate) fn has_room(&self) -> bool {
        let mut flow = self.0.borrow_mut();
        // Nobody reads any more: what comes is dropped.
        let room = flow.waiting.len() < INFLOW_BYTES_MAX || Rc::strong_count(&self.0) == 1;
        flow.held = !room;
        room
    }

    pub(crate) fn push(&self, bytes: &[u8]) {
        if Rc::strong_count(&self.0) == 1 {
            return;
        }
        self.0.borrow_mut().waiting.extend_from_slice(bytes);
        self.wake();
    }

    pub(crate) fn complete(&self) {
        self.0.borrow_mut().complete = true;
        self.wake();
    }

    fn wake(&self) {
        let reader = self.0.borrow_mut().reader.take();
        wake(reader);
    }
}

impl Drop for BodyFeed {
    fn drop(&mut self) {
        {
            let mut flow = self.0.borrow_mut();
            flow.broken = !flow.complete;
            flow.held = false;
        }
        self.wake();
    }
}

/// Wakes whoever waits, whatever that does.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        caught(|| waker.wake());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, task::Wake};

    /// Drops something when it is woken, as executors do that are shut down.
    struct Drops<T>(Mutex<Option<T>>);

    impl<T: Send + 'static> Wake for Drops<T> {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }

    #[test]
    fn a_wake_may_drop_the_writer() {
        let (mut sender, source) = channel();
        sender.try_send([0; PIECE_BYTES]).unwrap();
        let drops = Arc::new(Drops(Mutex::new(None)));
        let waker = Waker::from(Arc::clone(&drops));
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(pin!(sender.send("x")).poll(&mut cx).is_pending());
        *drops.0.lock().unwrap() = Some(sender);
        assert_eq!(source.take().1, Flow::Open);
        assert_eq!(source.take().1, Flow::Failed);
    }

    #[test]
    fn a_reader_that_goes_lets_the_rest_be_skipped() {
        let inbox = Arc::new(Inbox::new(|| ()));
        let (feed, stream) = feed(Arc::clone(&inbox), ConnId::new(1, 1), 1);
        feed.push(&[0; INFLOW_BYTES_MAX]);
        assert!(!feed.has_room() && !inbox.has_mail());
        drop(stream);
        assert!(inbox.has_mail() && feed.has_room());
    }
}
