//! Routes as requests find them.

use crate::{
    Error,
    handler::EndpointKind,
    middleware::{Layers, Middleware},
    params::Params,
    router::refuse,
};
use std::{fmt, sync::Arc};
use sws_proto::http1::Method;

/// Methods that routes can be registered for, in the order in which `Allow` lists them.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
const GET: usize = 0;
const HEAD: usize = 1;
const ALL: u8 = (1 << METHODS.len()) - 1;
/// More literal paths than this are left to the tree.
const LITERALS_MAX: usize = 8;

/// A route, with all that holds for it.
pub(crate) struct Entry<S> {
    pub(crate) endpoint: EndpointKind<S>,
    /// None at all, usually.
    pub(crate) layers: Option<Layers<S>>,
    pub(crate) body_bytes_max: Option<u64>,
}

/// What was found for a request.
pub(crate) enum Found<'r, 'p, S> {
    Route(&'r Entry<S>, PathParams<'r, 'p>),
    /// The path has routes, but none for this method; the methods are for `Allow`.
    OtherMethods(Allow),
    Nothing,
}

/// A set of methods, as `Allow` lists it.
#[derive(Clone, Copy)]
pub(crate) struct Allow(u8);

pub(crate) struct Table<S> {
    methods: [Paths<S>; METHODS.len()],
    /// Prefixes and their middleware, the longest first.
    scopes: Vec<(Box<str>, Layers<S>)>,
}

/// The routes of one method.
struct Paths<S> {
    routes: Vec<Entry<S>>,
    /// Index of a route, by its path.
    tree: matchit::Router<usize>,
    /// The first literal paths once more: a few comparisons are cheaper than the tree, and a literal wins over a
    /// parameter in any case.
    literals: Vec<(Box<str>, usize)>,
}

/// What a path's parameters stand for; a literal path has none.
pub(crate) type PathParams<'r, 'p> = Option<matchit::Params<'r, 'p>>;

/// The same, as a request holds it.
#[inline]
pub(crate) fn params<'a>(found: PathParams<'a, 'a>) -> Params<'a> {
    match found {
        Some(params) => Params::Matched(params),
        None => Params::None,
    }
}

impl<S> Paths<S> {
    fn new() -> Self {
        Self {
            routes: Vec::new(),
            tree: matchit::Router::new(),
            literals: Vec::new(),
        }
    }

    fn insert(&mut self, path: &str, entry: Entry<S>) -> Result<(), String> {
        let index = self.routes.len();
        self.tree.insert(path, index).map_err(|e| e.to_string())?;
        self.routes.push(entry);
        if self.literals.len() < LITERALS_MAX && !path.contains(['{', '}']) {
            self.literals.push((path.into(), index));
        }
        Ok(())
    }

    #[inline]
    fn at<'r, 'p>(&'r self, path: &'p str) -> Option<(&'r Entry<S>, PathParams<'r, 'p>)> {
        for (literal, index) in &self.literals {
            if **literal == *path {
                return Some((&self.routes[*index], None));
            }
        }
        let found = self.tree.at(path).ok()?;
        Some((&self.routes[*found.value], Some(found.params)))
    }
}

impl<S> Table<S> {
    pub(crate) fn new() -> Self {
        Self {
            methods: std::array::from_fn(|_| Paths::new()),
            scopes: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        method: Method<'_>,
        path: &str,
        endpoint: EndpointKind<S>,
        layers: &Layers<S>,
        body_bytes_max: Option<u64>,
    ) -> Result<(), Error> {
        let Some(index) = index(method) else {
            let problem = format!("no routes for method {}", method.as_str());
            return Err(refuse(path, problem));
        };
        let entry = Entry {
            endpoint,
            layers: (!layers.is_empty()).then(|| Arc::clone(layers)),
            body_bytes_max,
        };
        self.methods[index]
            .insert(path, entry)
            .map_err(|problem| refuse(path, problem))
    }

    pub(crate) fn add_scope(&mut self, prefix: &str, layers: Arc<[Arc<dyn Middleware<S>>]>) {
        self.scopes.push((prefix.into(), layers));
        self.scopes
            .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.split('/').count()));
    }

    /// The middleware of the innermost router that `path` is below, for a path that has no route.
    pub(crate) fn layers_of(&self, path: &str) -> Option<&Layers<S>> {
        let mut scopes = self.scopes.iter();
        scopes
            .find(|(prefix, _)| is_below(prefix, path))
            .map(|(_, layers)| layers)
            .filter(|layers| !layers.is_empty())
    }

    #[inline]
    pub(crate) fn find<'r, 'p>(&'r self, method: Method<'_>, path: &'p str) -> Found<'r, 'p, S> {
        if let Some(index) = index(method) {
            if let Some((route, params)) = self.methods[index].at(path) {
                return Found::Route(route, params);
            }
            // A GET handler answers HEAD as well; its body is not sent (RFC 9110, 9.3.2).
            if index == HEAD
                && let Some((route, params)) = self.methods[GET].at(path)
            {
                return Found::Route(route, params);
            }
        }
        self.others(path)
    }

    #[cold]
    fn others<'r, 'p>(&'r self, path: &str) -> Found<'r, 'p, S> {
        // `OPTIONS *` asks about the server as a whole (RFC 9110, 9.3.7).
        if path == "*" {
            return Found::OtherMethods(Allow(ALL));
        }
        let mut allow = 0u8;
        for (index, router) in self.methods.iter().enumerate() {
            if router.at(path).is_some() {
                allow |= 1 << index;
            }
        }
        if allow == 0 {
            return Found::Nothing;
        }
        if allow & 1 << GET != 0 {
            allow |= 1 << HEAD;
        }
        Found::OtherMethods(Allow(allow | 1 << (METHODS.len() - 1)))
    }
}

/// Whether `path` is the prefix or continues it behind a `/`; a parameter stands for any segment that is not empty.
fn is_below(prefix: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    prefix.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|given| given == wanted || (wanted.starts_with('{') && !given.is_empty()))
    })
}

#[inline]
fn index(method: Method<'_>) -> Option<usize> {
    match method {
        Method::Get => Some(GET),
        Method::Head => Some(HEAD),
        Method::Post => Some(2),
        Method::Put => Some(3),
        Method::Delete => Some(4),
        Method::Patch => Some(5),
        Method::Options => Some(6),
        _ => None,
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (index, name) in METHODS.iter().enumerate() {
            if self.0 & 1 << index != 0 {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answered, Request, Response, Router, middleware::Flow};

    fn ok(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
        response.text("ok")
    }

    fn table() -> Table<()> {
        let router = Router::new()
            .get("/a/{id}", ok)
            .get("/a/one", ok)
            .post("/a/one", ok)
            .get("/a/{id}/x", ok)
            .get("/a/one/y", ok)
            .get("/files/{*path}", ok);
        router.compile().unwrap()
    }

    #[test]
    fn literals_win_over_parameters() {
        let table = table();
        let param = |method, path: &str, name: &str| {
            let Found::Route(_, params) = table.find(method, path) else {
                panic!("no route for {path}")
            };
            params.and_then(|params| params.get(name).map(str::to_owned))
        };
        assert_eq!(param(Method::Get, "/a/one", "id"), None);
        assert_eq!(param(Method::Get, "/a/two", "id").unwrap(), "two");
        assert_eq!(param(Method::Get, "/a/one/x", "id").unwrap(), "one");
        assert_eq!(param(Method::Head, "/files/x/y", "path").unwrap(), "x/y");
    }

    #[test]
    fn other_methods_are_listed() {
        let table = table();
        let allow = |method, path| match table.find(method, path) {
            Found::OtherMethods(allow) => allow.to_string(),
            _ => "found or nothing".to_owned(),
        };
        assert_eq!(allow(Method::Delete, "/a/one"), "GET, HEAD, POST, OPTIONS");
        assert_eq!(allow(Method::Other("GETT"), "/a/7"), "GET, HEAD, OPTIONS");
        assert_eq!(allow(Method::Options, "*").split(", ").count(), 7);
        assert!(matches!(
            table.find(Method::Get, "/nothing"),
            Found::Nothing
        ));
    }

    #[test]
    fn conflicts_are_refused() {
        let problem = |router: Router<()>| router.compile().err().map(|e| e.to_string());
        assert!(problem(Router::new().get("/a/{b}", ok).get("/a/{c}", ok)).is_some());
        assert!(problem(Router::new().get("/a", ok).get("/a", ok)).is_some());
        assert!(problem(Router::new().get("relative", ok)).is_some());
        assert!(problem(Router::new().route(Method::Trace, "/t", ok)).is_some());
        let nested = || Router::new().get("/x", ok);
        let both = Router::new().get("/n/x", ok).nest("/n", nested());
        assert!(problem(both).unwrap().contains("/n/x"));
        for prefix in ["n", "/n/", "/{*n}", "/"] {
            assert!(problem(Router::new().nest(prefix, nested())).is_some());
        }
    }

    struct Named;

    impl Middleware<()> for Named {
        fn before(&self, (): &mut (), _: &mut Request<'_>) -> Flow {
            Flow::Continue
        }
    }

    #[test]
    fn a_nested_router_brings_its_middleware_whatever_the_order() {
        let inner = Router::new().get("/", ok).middleware(Named);
        let router = Router::new().get("/free", ok).nest(
            "/t/{tenant}",
            inner.nest("/deep", Router::new().get("/x", ok).middleware(Named)),
        );
        let table = router.compile().unwrap();
        let layers = |path| match table.find(Method::Get, path) {
            Found::Route(entry, _) => entry.layers.as_ref().map_or(0, |l| l.len()),
            _ => table.layers_of(path).map_or(0, |l| l.len()),
        };
        assert_eq!(layers("/free"), 0);
        assert_eq!(layers("/t/7"), 1);
        assert_eq!(layers("/t/7/deep/x"), 2);
        // Paths that nobody has are still somebody's.
        assert_eq!(layers("/t/7/none"), 1);
        assert_eq!(layers("/t/7/deep/none"), 2);
        let long = format!("/t/7/deep{}", "/a".repeat(200));
        assert_eq!(layers(&long), 2);
        assert_eq!(layers("/t/7/deeper"), 1);
        assert_eq!(layers("/t"), 0);
    }
}
