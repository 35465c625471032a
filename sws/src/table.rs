//! Routes as requests find them.

use crate::{Error, handler::EndpointKind, middleware::Layers, params::Params, router::refuse};
use std::{cmp::Reverse, fmt, sync::Arc};
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
    /// The path has routes, but none for this method; the methods are for `Allow`, the middleware is theirs.
    OtherMethods(Allow, Option<&'r Layers<S>>),
    Nothing,
}

/// A set of methods, as `Allow` lists it.
#[derive(Clone, Copy)]
pub(crate) struct Allow(u8);

pub(crate) struct Table<S> {
    methods: [Paths<S>; METHODS.len()],
    /// Routers and their middleware, the innermost first.
    scopes: Vec<Scope<S>>,
}

/// All paths below a router's prefix.
struct Scope<S> {
    /// Which of two scopes comes first if a path is below both, as with routes: the deeper one, then the one that is literal
    /// further on; of two routers with the same prefix the one with more middleware.
    rank: (Reverse<usize>, Vec<bool>, Reverse<usize>),
    /// The prefix alone, so that it is matched as routes are; none for the outermost router.
    prefix: Option<matchit::Router<()>>,
    layers: Layers<S>,
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

    pub(crate) fn add_scope(&mut self, prefix: &str, layers: &Layers<S>) -> Result<(), Error> {
        let segments = prefix.split('/').skip(1);
        let parameters: Vec<bool> = segments.map(|segment| segment.contains('{')).collect();
        let tree = match prefix {
            "" => None,
            prefix => {
                let mut tree = matchit::Router::new();
                tree.insert(prefix, ())
                    .map_err(|problem| refuse(prefix, problem.to_string()))?;
                Some(tree)
            }
        };
        self.scopes.push(Scope {
            rank: (Reverse(parameters.len()), parameters, Reverse(layers.len())),
            prefix: tree,
            layers: Arc::clone(layers),
        });
        self.scopes.sort_by(|a, b| a.rank.cmp(&b.rank));
        Ok(())
    }

    /// The middleware of the innermost router that `path` is below, for a path that has no route.
    pub(crate) fn layers_of(&self, path: &str) -> Option<&Layers<S>> {
        let mut scopes = self.scopes.iter();
        scopes
            .find(|scope| scope.holds(path))
            .map(|scope| &scope.layers)
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
            return Found::OtherMethods(Allow(ALL), self.layers_of(path));
        }
        let mut allow = 0u8;
        let mut layers = self.layers_of(path);
        for (index, router) in self.methods.iter().enumerate() {
            if let Some((entry, _)) = router.at(path) {
                allow |= 1 << index;
                // Which methods there are is known only to those who pass what guards them.
                let depth = |layers: Option<&Layers<S>>| layers.map_or(0, |layers| layers.len());
                if depth(entry.layers.as_ref()) > depth(layers) {
                    layers = entry.layers.as_ref();
                }
            }
        }
        if allow == 0 {
            return Found::Nothing;
        }
        if allow & 1 << GET != 0 {
            allow |= 1 << HEAD;
        }
        Found::OtherMethods(Allow(allow | 1 << (METHODS.len() - 1)), layers)
    }
}

impl<S> Scope<S> {
    /// Whether `path` is the prefix or continues it behind a `/`. The outermost router has everything, also `*`.
    fn holds(&self, path: &str) -> bool {
        let Some(prefix) = &self.prefix else {
            return true;
        };
        let Reverse(segments) = self.rank.0;
        let mut ends = path.match_indices('/').skip(segments);
        let end = ends.next().map_or(path.len(), |(at, _)| at);
        prefix.at(&path[..end]).is_ok()
    }
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
    use crate::{
        Answered, Request, Response, Router,
        middleware::{Flow, Middleware},
    };

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
            Found::OtherMethods(allow, _) => allow.to_string(),
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
            Found::OtherMethods(_, layers) => layers.map_or(0, |l| l.len()),
            Found::Nothing => table.layers_of(path).map_or(0, |l| l.len()),
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

    /// Which middleware a request meets, as a number of layers.
    fn depth(table: &Table<()>, method: Method<'_>, path: &str) -> usize {
        let layers = match table.find(method, path) {
            Found::Route(entry, _) => entry.layers.as_ref(),
            Found::OtherMethods(_, layers) => layers,
            Found::Nothing => table.layers_of(path),
        };
        layers.map_or(0, |layers| layers.len())
    }

    #[test]
    fn the_outermost_router_has_everything() {
        let router = Router::new().middleware(Named).get("/a", ok);
        let table = router.compile().unwrap();
        for path in ["", "*", "/", "//", "/a", "/a/", "/none", "/a//b"] {
            assert_eq!(depth(&table, Method::Options, path), 1, "{path}");
        }
    }

    #[test]
    fn a_literal_prefix_wins_over_a_parameter_and_more_middleware_over_less() {
        let open = || Router::new().get("/x", ok);
        let guarded = || Router::new().get("/x", ok).middleware(Named);
        // The order in which they are added does not matter.
        for guarded_first in [false, true] {
            let pairs = [("/{tenant}", open()), ("/admin", guarded())];
            let mut pairs = Vec::from(pairs);
            if guarded_first {
                pairs.reverse();
            }
            let all = pairs
                .into_iter()
                .fold(Router::new(), |all, (prefix, one)| all.nest(prefix, one));
            let table = all.compile().unwrap();
            for path in ["/admin/x", "/admin/none", "/admin", "/admin/"] {
                assert_eq!(depth(&table, Method::Put, path), 1, "{path}");
            }
            assert_eq!(depth(&table, Method::Put, "/other/x"), 0);
        }
        let both = Router::new()
            .nest("/n", Router::new().get("/y", ok))
            .nest("/n", guarded());
        let table = both.compile().unwrap();
        assert_eq!(depth(&table, Method::Put, "/n/x"), 1);
        assert_eq!(depth(&table, Method::Get, "/n/none"), 1);
        assert_eq!(depth(&table, Method::Get, "/n/y"), 0);
    }

    #[test]
    fn a_route_of_another_method_guards_its_path() {
        let inner = Router::new().middleware(Named).get("/x", ok);
        let outer = Router::new().post("/n/x", ok).nest("/n", inner);
        let table = outer.compile().unwrap();
        assert_eq!(depth(&table, Method::Post, "/n/x"), 0);
        assert_eq!(depth(&table, Method::Put, "/n/x"), 1);
        assert_eq!(depth(&table, Method::Other("GETT"), "/n/x"), 1);
    }

    #[test]
    fn prefixes_are_matched_as_routes_are() {
        let guarded = || Router::new().get("/x", ok).middleware(Named);
        for (prefix, inside, outside) in [
            ("/v{n}", "/v1", "/w1"),
            ("/{name}.app", "/shop.app", "/shop"),
            ("/{{x}}", "/{x}", "/y"),
            ("/{a}/{b}", "/1/2", "/1"),
        ] {
            let table = Router::new().nest(prefix, guarded()).compile().unwrap();
            for rest in ["", "/", "/x", "/none", "//", "/x/y/z"] {
                for (start, expected) in [(inside, 1), (outside, 0)] {
                    let path = format!("{start}{rest}");
                    if prefix == "/{a}/{b}" && start == "/1" && !["", "/", "//"].contains(&rest) {
                        continue;
                    }
                    assert_eq!(
                        depth(&table, Method::Get, &path),
                        expected,
                        "{prefix} {path}"
                    );
                }
            }
        }
        for prefix in ["/{", "/a}", "/{a}{b}", "/{}"] {
            assert!(
                Router::new().nest(prefix, guarded()).compile().is_err(),
                "{prefix}"
            );
        }
    }
}
