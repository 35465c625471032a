//! One line for each request.

mod record;
mod writer;

pub use record::{LogFormat, Record};

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
    format: LogFormat,
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
            format: LogFormat::default(),
            query: true,
        }
    }

    /// Chooses what a line looks like.
    ///
    /// ```
    /// use sws::{Router, middleware::{LogFormat, RequestLog}};
    ///
    /// let router: Router<()> = Router::new().middleware(RequestLog::new().format(LogFormat::Json));
    /// ```
    #[must_use]
    pub fn format(mut self, format: LogFormat) -> Self {
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
    fn log(&self, record: &Record<'_>, format: LogFormat) {
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
    format: LogFormat,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::{
        User,
        testing::{pass, with_request},
    };
    use std::sync::Mutex;

    type Seen = Arc<Mutex<Vec<String>>>;

    /// A log that keeps what matters of its records.
    fn log() -> (RequestLog, Seen) {
        let seen = Seen::default();
        let kept = Arc::clone(&seen);
        let log = RequestLog::each(move |record| {
            let text = format!(
                "{} {} {:?} {:?} {:?} {:?}",
                record.method,
                record.path,
                record.query,
                record.status,
                record.body_bytes,
                record.user
            );
            kept.lock().unwrap().push(text);
        });
        (log, seen)
    }

    fn taken(seen: &Seen) -> Vec<String> {
        std::mem::take(&mut seen.lock().unwrap())
    }

    #[test]
    fn one_record_for_each_answer() {
        let (log, seen) = log();
        let _ = pass(&log, "GET /a?b=c HTTP/1.1", |_| {
            Reply::text("four").status(404)
        });
        let _ = pass(&log, "HEAD /a? HTTP/1.1", |_| Reply::text("four"));
        let _ = pass(&log, "POST http://t/a HTTP/1.1", |_| Reply::stream("x/y").0);
        let _ = pass(&log, "OPTIONS * HTTP/1.1", |_| Reply::text("x").status(204));
        let _ = pass(&log, "GET / HTTP/1.1", |_| Reply::stream_sized("x/y", 7).0);
        assert_eq!(
            taken(&seen),
            [
                "GET /a Some(\"b=c\") Some(404) Some(4) None",
                "HEAD /a Some(\"\") Some(200) Some(0) None",
                "POST /a None Some(200) None None",
                "OPTIONS * None Some(204) Some(0) None",
                "GET / None Some(200) Some(7) None",
            ]
        );
    }

    #[test]
    fn a_request_without_an_answer_is_logged_when_it_is_dropped() {
        let (log, seen) = log();
        with_request("GET /a?b HTTP/1.1", |request| {
            assert!(matches!(log.before(&mut (), request), Flow::Continue));
            let kept = request.extensions.clone();
            assert!(taken(&seen).is_empty());
            request.extensions = crate::extensions::Extensions::default();
            assert!(taken(&seen).is_empty(), "somebody still has it");
            drop(kept);
        });
        assert_eq!(taken(&seen), ["GET /a Some(\"b\") None None None"]);
    }

    #[test]
    fn logs_within_logs_do_not_disturb_each_other() {
        let ((outer, seen), (inner, also_seen)) = (log(), log());
        with_request("GET / HTTP/1.1", |request| {
            let mut reply = Reply::text("x");
            let logs: [&dyn Middleware<()>; 2] = [&outer, &inner];
            for log in logs {
                assert!(matches!(log.before(&mut (), request), Flow::Continue));
            }
            request.set_extension(7u8);
            Middleware::<()>::after(&inner, &mut (), request, &mut reply);
            assert_eq!((taken(&seen).len(), taken(&also_seen).len()), (0, 1));
            Middleware::<()>::after(&outer, &mut (), request, &mut reply);
            assert_eq!((taken(&seen).len(), taken(&also_seen).len()), (1, 0));
        });
        assert_eq!((taken(&seen).len(), taken(&also_seen).len()), (0, 0));
    }

    #[test]
    fn the_user_is_who_was_found_later() {
        let (log, seen) = log();
        let auth = super::super::BasicAuth::new("r", |_, _| true);
        let head = "GET / HTTP/1.1\nAuthorization: Basic YTpi";
        let _ = pass(&log, head, |request| {
            assert!(matches!(auth.before(&mut (), request), Flow::Continue));
            assert_eq!(request.extension::<User>().map(User::name), Some("a"));
            Reply::empty()
        });
        assert_eq!(taken(&seen), ["GET / None Some(200) Some(0) Some(\"a\")"]);
    }

    #[test]
    fn queries_can_be_left_out() {
        let (log, seen) = log();
        let _ = pass(&log.without_query(), "GET /a?b HTTP/1.1", |_| {
            Reply::empty()
        });
        assert_eq!(taken(&seen), ["GET /a None Some(200) Some(0) None"]);
    }

    #[test]
    fn a_function_that_panics_harms_nobody() {
        let log = RequestLog::each(|_| panic!("on purpose"));
        let (_, reply) = pass(&log, "GET / HTTP/1.1", |_| Reply::text("x"));
        assert_eq!(reply.status_code(), 200);
        with_request("GET / HTTP/1.1", |request| {
            assert!(matches!(log.before(&mut (), request), Flow::Continue));
        });
    }

    #[test]
    fn lines_come_in_the_chosen_format() {
        let (reader, sink) = io::pipe().unwrap();
        let log = RequestLog::to(sink).format(LogFormat::Combined);
        let head = "GET /a HTTP/1.0\nReferer: here\nUser-Agent: x\"y";
        let _ = pass(&log, head, |_| Reply::text("abc"));
        drop(log);
        let text = io::read_to_string(reader).unwrap();
        assert!(text.starts_with("- - - ["), "{text}");
        let end = "\"GET /a HTTP/1.0\" 200 3 \"here\" \"x\\\"y\"\n";
        assert!(text.ends_with(end), "{text}");
    }
}
