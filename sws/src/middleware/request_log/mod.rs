//! One line for each request.

mod record;
mod writer;

pub use record::{Format, Record};

use super::{Flow, Middleware};
use crate::{Version, reply::Reply, request::Request};
use std::{
    cell::RefCell,
    fmt,
    io::{self, Write},
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Instant, SystemTime},
};
use sws_proto::http1::Method;
use writer::Writer;

/// Logs every request when its answer is known: one line on standard error, unless it is told otherwise.
///
/// ```
/// use sws::{Router, middleware::RequestLog};
///
/// let router: Router<()> = Router::new().middleware(RequestLog::new());
/// ```
///
/// It should be the outermost middleware, so that it sees what the others make of the answer. A request that is never answered, because
/// the client has gone or the connection has become a WebSocket, has its line, too, with no status.
///
/// Logging never holds the reactor: lines wait in memory, one megabyte of them at most, for a thread of their own (which the first line starts). If nobody
/// takes them lines are dropped, and a later line says how many. When the server stops what waits is written, for a second at most.
///
/// Queries are logged: if they carry secrets, leave them out ([`without_query`](Self::without_query)).
pub struct RequestLog {
    output: Arc<Output>,
    format: Format,
    query: bool,
}

enum Output {
    Lines(Writer),
    Function(Box<Function>),
}

type Function = dyn Fn(&Record<'_>) + Send + Sync;

impl RequestLog {
    /// Logs to standard error.
    pub fn new() -> Self {
        Self::to(io::stderr())
    }

    /// Logs to a file, a pipe, or whatever else takes bytes. It is written to by a thread of its own, several lines at once if they come fast, and may block.
    ///
    /// ```no_run
    /// use std::fs::OpenOptions;
    /// use sws::{Router, middleware::RequestLog};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let file = OpenOptions::new().append(true).create(true).open("access.log")?;
    /// let router: Router<()> = Router::new().middleware(RequestLog::to(file));
    /// # Ok(()) }
    /// ```
    pub fn to(sink: impl Write + Send + 'static) -> Self {
        Self::with(Output::Lines(Writer::new(sink)))
    }

    /// Calls `log` with each record, on the reactor's thread: it must not block. Should it panic the request is not affected.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use sws::{Router, middleware::RequestLog};
    ///
    /// static FAILED: AtomicU64 = AtomicU64::new(0);
    ///
    /// let log = RequestLog::each(|record| {
    ///     if record.status.is_some_and(|status| status >= 500) {
    ///         FAILED.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// });
    /// let router: Router<()> = Router::new().middleware(log);
    /// ```
    pub fn each(log: impl Fn(&Record<'_>) + Send + Sync + 'static) -> Self {
        Self::with(Output::Function(Box::new(log)))
    }

    fn with(output: Output) -> Self {
        Self {
            output: Arc::new(output),
            format: Format::default(),
            query: true,
        }
    }

    /// Chooses what a line looks like.
    ///
    /// ```
    /// use sws::{Router, middleware::{Format, RequestLog}};
    ///
    /// let router: Router<()> = Router::new().middleware(RequestLog::new().format(Format::Json));
    /// ```
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Leaves queries out.
    ///
    /// ```
    /// use sws::{Router, middleware::RequestLog};
    ///
    /// let router: Router<()> = Router::new().middleware(RequestLog::new().without_query());
    /// ```
    #[must_use]
    pub fn without_query(mut self) -> Self {
        self.query = false;
        self
    }
}

impl Default for RequestLog {
    fn default() -> Self {
        Self::new()
    }
}

impl Output {
    fn log(&self, record: &Record<'_>, format: Format) {
        match self {
            Self::Lines(writer) => writer.line(&record.write(format)),
            // It may be called while something is dropped; the panic's message has been printed.
            Self::Function(log) => {
                let _ = catch_unwind(AssertUnwindSafe(|| log(record)));
            }
        }
    }
}

/// What is kept with a request until its answer is known, one for each log that it passes.
#[derive(Default)]
struct Open(RefCell<Vec<Entry>>);

/// A request without an answer. Dropped as such, it is logged as such.
struct Entry {
    output: Arc<Output>,
    format: Format,
    time: SystemTime,
    began: Instant,
    peer: Option<SocketAddr>,
    version: Version,
    /// Method, path and query in one piece, and where the later two begin.
    line: String,
    path_at: usize,
    query_at: Option<usize>,
    closed: bool,
}

impl Entry {
    fn new(log: &RequestLog, request: &Request<'_>) -> Self {
        let query = request.query().filter(|_| log.query);
        let (method, path) = (request.method().as_str(), request.path());
        Self {
            output: Arc::clone(&log.output),
            format: log.format,
            time: SystemTime::now(),
            began: Instant::now(),
            peer: request.peer().map(record::canonical),
            version: request.version(),
            line: [method, path, query.unwrap_or_default()].concat(),
            path_at: method.len(),
            query_at: query.map(|_| method.len() + path.len()),
            closed: false,
        }
    }

    fn record(&self) -> Record<'_> {
        let (method, rest) = self.line.split_at(self.path_at);
        let path_end = self.query_at.map_or(rest.len(), |at| at - self.path_at);
        let (path, query) = rest.split_at(path_end);
        Record {
            time: self.time,
            peer: self.peer,
            user: None,
            method,
            path,
            query: self.query_at.map(|_| query),
            version: self.version,
            status: None,
            body_bytes: None,
            duration: self.began.elapsed(),
            referer: None,
            user_agent: None,
        }
    }

    /// Logs the answer.
    fn close(mut self, request: &Request<'_>, reply: &Reply) {
        self.closed = true;
        let bodiless =
            request.method() == Method::Head || matches!(reply.status_code(), 204 | 205 | 304);
        let user = request.extension::<super::User>();
        let record = Record {
            user: user.map(super::User::name),
            status: Some(reply.status_code()),
            body_bytes: if bodiless {
                Some(0)
            } else {
                reply.body_bytes()
            },
            referer: request.header("referer"),
            user_agent: request.header("user-agent"),
            ..self.record()
        };
        self.output.log(&record, self.format);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.closed {
            self.output.log(&self.record(), self.format);
        }
    }
}

impl<S> Middleware<S> for RequestLog {
    fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
        if request.extension::<Open>().is_none() {
            request.set_extension(Open::default());
        }
        if let Some(open) = request.extension::<Open>() {
            open.0.borrow_mut().push(Entry::new(self, request));
        }
        Flow::Continue
    }

    fn after(&self, _: &mut S, request: &Request<'_>, reply: &mut Reply) {
        let Some(open) = request.extension::<Open>() else {
            return;
        };
        let entry = {
            let mut entries = open.0.borrow_mut();
            let mine = entries
                .iter()
                .rposition(|entry| Arc::ptr_eq(&entry.output, &self.output));
            mine.map(|at| entries.remove(at))
        };
        if let Some(entry) = entry {
            entry.close(request, reply);
        }
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLog")
            .field("format", &self.format)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
