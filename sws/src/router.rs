//! Routes as a user writes them down.

use crate::{
    Error,
    handler::{Endpoint, EndpointKind, IntoHandler, StreamHandler},
    middleware::Middleware,
    table::Table,
    ws,
};
use std::{fmt, sync::Arc};
use sws_proto::http1::Method;

/// Routes, middleware around them, and further routers below a prefix.
///
/// ```
/// use sws::{Answered, Request, Response, Router};
/// use sws::middleware::BasicAuth;
///
/// fn stats(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
///     response.text("fine\n")
/// }
///
/// let admin = Router::new()
///     .middleware(BasicAuth::new("admin", |user, password| user == "me" && password == "secret"))
///     .get("/stats", stats);
/// let all: Router<()> = Router::new().nest("/admin", admin);
/// ```
///
/// # Paths
/// A path is literal, or has parameters that stand for one segment (`/items/{id}`), or a catch-all at its end that stands for
/// everything from there on, at least one byte (`/files/{*path}`). A literal wins over a parameter, a parameter over a catch-all. Paths are
/// compared as sent, byte for byte: not percent-decoded, nothing collapsed; parameters are decoded when they are asked for that
/// way. Two routes that match the same paths are refused at the start.
///
/// # Methods
/// A GET route answers HEAD as well. A path that has routes but none for a request's method is answered 405, and OPTIONS 204, both with `Allow`;
/// a path that has none, 404.
pub struct Router<S> {
    pub(crate) routes: Vec<(Method<'static>, String, EndpointKind<S>)>,
    pub(crate) middleware: Vec<Arc<dyn Middleware<S>>>,
    pub(crate) nested: Vec<(String, Self)>,
    pub(crate) body_bytes_max: Option<u64>,
}

impl<S: 'static> Router<S> {
    /// A router without routes.
    pub fn new() -> Self {
        Self {
            routes: Vec::new(),
            middleware: Vec::new(),
            nested: Vec::new(),
            body_bytes_max: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.nested.is_empty() && self.middleware.is_empty()
    }

    /// Routes a method and path to a handler of any kind; see [`IntoHandler`].
    #[must_use]
    pub fn route<K>(
        mut self,
        method: Method<'static>,
        path: &str,
        handler: impl IntoHandler<S, K>,
    ) -> Self {
        let Endpoint(endpoint) = handler.into_endpoint();
        self.routes.push((method, path.to_owned(), endpoint));
        self
    }

    /// Routes GET (and HEAD).
    #[must_use]
    pub fn get<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Get, path, handler)
    }

    /// Routes POST.
    #[must_use]
    pub fn post<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Post, path, handler)
    }

    /// Routes PUT.
    #[must_use]
    pub fn put<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Put, path, handler)
    }

    /// Routes PATCH.
    #[must_use]
    pub fn patch<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Patch, path, handler)
    }

    /// Routes DELETE.
    #[must_use]
    pub fn delete<K>(self, path: &str, handler: impl IntoHandler<S, K>) -> Self {
        self.route(Method::Delete, path, handler)
    }

    /// Routes POST to a [`BodySink`](crate::BodySink): the body in pieces, as it arrives, without a task.
    #[must_use]
    pub fn post_stream(self, path: &str, handler: impl StreamHandler<S>) -> Self {
        self.sink(Method::Post, path, handler)
    }

    /// Routes PUT to a [`BodySink`](crate::BodySink).
    #[must_use]
    pub fn put_stream(self, path: &str, handler: impl StreamHandler<S>) -> Self {
        self.sink(Method::Put, path, handler)
    }

    fn sink(mut self, method: Method<'static>, path: &str, handler: impl StreamHandler<S>) -> Self {
        let endpoint = EndpointKind::Sink(Box::new(handler));
        self.routes.push((method, path.to_owned(), endpoint));
        self
    }

    /// Routes GET to a WebSocket; see [`WebSocket`](crate::ws::WebSocket).
    #[must_use]
    pub fn ws<K>(self, path: &str, open: impl ws::Open<S, K>) -> Self {
        self.ws_with(path, ws::Options::default(), open)
    }

    /// Routes GET to a WebSocket with options of its own.
    #[must_use]
    pub fn ws_with<K>(
        mut self,
        path: &str,
        options: ws::Options,
        open: impl ws::Open<S, K>,
    ) -> Self {
        let route = ws::Route::new(options, open);
        let endpoint = EndpointKind::WebSocket(Box::new(route));
        self.routes.push((Method::Get, path.to_owned(), endpoint));
        self
    }

    /// Puts a router's routes below `prefix`, which may have parameters. Its route `/` is the prefix itself.
    #[must_use]
    pub fn nest(mut self, prefix: &str, router: Self) -> Self {
        self.nested.push((prefix.to_owned(), router));
        self
    }

    /// Runs `middleware` around everything below this router, whenever it was or will be added. The first one added is
    /// the outermost.
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware<S>) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// The longest body, in bytes, that this router's routes take (413 beyond it). It holds for the routers nested in this one, too, unless they
    /// say otherwise. It lowers the configuration's limits ([`body_bytes_max`](crate::Config::body_bytes_max) and, for bodies that are
    /// taken whole, [`body_buffered_bytes_max`](crate::Config::body_buffered_bytes_max)) and cannot raise them.
    #[must_use]
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.body_bytes_max = Some(bytes);
        self
    }

    pub(crate) fn compile(self) -> Result<Table<S>, Error> {
        let mut table = Table::new();
        self.compile_into("", &[], None, &mut table)?;
        Ok(table)
    }

    fn compile_into(
        self,
        prefix: &str,
        outer: &[Arc<dyn Middleware<S>>],
        body_bytes_max: Option<u64>,
        table: &mut Table<S>,
    ) -> Result<(), Error> {
        let body_bytes_max = self.body_bytes_max.or(body_bytes_max);
        let layers: Arc<[_]> = outer.iter().cloned().chain(self.middleware).collect();
        table.add_scope(prefix, &layers)?;
        for (method, path, endpoint) in self.routes {
            let whole = match (prefix, &*path) {
                (_, path) if !path.starts_with('/') => {
                    return Err(refuse(path, "a path starts with '/'"));
                }
                ("", _) => path,
                (_, "/") => prefix.to_owned(),
                _ => format!("{prefix}{path}"),
            };
            table.add(method, &whole, endpoint, &layers, body_bytes_max)?;
        }
        for (below, router) in self.nested {
            let whole = format!("{prefix}{below}");
            if !below.starts_with('/') || below.ends_with('/') || below.contains("{*") {
                return Err(refuse(
                    &whole,
                    "a prefix starts with '/', does not end with one, and has no catch-all",
                ));
            }
            router.compile_into(&whole, &layers, body_bytes_max, table)?;
        }
        Ok(())
    }
}

pub(crate) fn refuse(path: &str, problem: impl Into<String>) -> Error {
    Error::Route {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

impl<S: 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.iter().map(|(m, p, _)| (m.as_str(), p));
        f.debug_map().entries(routes).finish()
    }
}
