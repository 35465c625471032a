//! Which handler answers which request.

use crate::{
    Error,
    handler::{Handler, StreamHandler},
};
use matchit::Params;
use std::fmt;
use sws_proto::http1::Method;

/// Methods that routes can be registered for, in the order in which `Allow` lists them.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
const GET: usize = 0;
const HEAD: usize = 1;
/// More literal paths than this are left to the tree.
const LITERALS_MAX: usize = 8;

/// How a route takes its body.
pub(crate) enum Route<S> {
    /// Whole, with a limit.
    Whole(Box<dyn Handler<S>>),
    /// As it arrives.
    Stream(Box<dyn StreamHandler<S>>),
}

/// What was found for a request.
pub(crate) enum Found<'r, 'p, S> {
    Route(&'r Route<S>, PathParams<'r, 'p>),
    /// The path has routes, but none for this method; the methods are for `Allow`.
    OtherMethods(Allow),
    Nothing,
}

/// A set of methods, as `Allow` lists it.
#[derive(Clone, Copy)]
pub(crate) struct Allow(u8);

pub(crate) struct Router<S> {
    methods: [Paths<S>; METHODS.len()],
    empty: bool,
}

/// The routes of one method.
struct Paths<S> {
    routes: Vec<Route<S>>,
    /// Index of a route, by its path.
    tree: matchit::Router<usize>,
    /// The first literal paths once more: a few comparisons are cheaper than the tree, and a literal wins over a
    /// parameter in any case.
    literals: Vec<(Box<str>, usize)>,
}

/// What a path's parameters stand for; a literal path has none.
pub(crate) type PathParams<'r, 'p> = Option<Params<'r, 'p>>;

impl<S> Paths<S> {
    fn new() -> Self {
        Self {
            routes: Vec::new(),
            tree: matchit::Router::new(),
            literals: Vec::new(),
        }
    }

    fn insert(&mut self, path: &str, route: Route<S>) -> Result<(), String> {
        let index = self.routes.len();
        self.tree.insert(path, index).map_err(|e| e.to_string())?;
        self.routes.push(route);
        if self.literals.len() < LITERALS_MAX && !path.contains(['{', '}']) {
            self.literals.push((path.into(), index));
        }
        Ok(())
    }

    #[inline]
    fn at<'r, 'p>(&'r self, path: &'p str) -> Option<(&'r Route<S>, PathParams<'r, 'p>)> {
        for (literal, index) in &self.literals {
            if **literal == *path {
                return Some((&self.routes[*index], None));
            }
        }
        let found = self.tree.at(path).ok()?;
        Some((&self.routes[*found.value], Some(found.params)))
    }
}

impl<S> Router<S> {
    pub(crate) fn new() -> Self {
        Self {
            methods: std::array::from_fn(|_| Paths::new()),
            empty: true,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }

    pub(crate) fn add(
        &mut self,
        method: Method<'_>,
        path: &str,
        route: Route<S>,
    ) -> Result<(), Error> {
        let refuse = |problem: String| Error::Route {
            path: path.to_owned(),
            problem,
        };
        let Some(index) = index(method) else {
            return Err(refuse(format!("no routes for method {}", method.as_str())));
        };
        if !path.starts_with('/') {
            return Err(refuse("a path starts with '/'".to_owned()));
        }
        self.empty = false;
        self.methods[index].insert(path, route).map_err(refuse)
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
    use crate::{Answered, Request, Response};

    fn route() -> Route<()> {
        fn ok(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
            response.text("ok")
        }
        Route::Whole(Box::new(ok))
    }

    fn router() -> Router<()> {
        let mut router = Router::new();
        router.add(Method::Get, "/a/{id}", route()).unwrap();
        router.add(Method::Get, "/a/one", route()).unwrap();
        router.add(Method::Post, "/a/one", route()).unwrap();
        router.add(Method::Get, "/files/{*path}", route()).unwrap();
        router
    }

    #[test]
    fn literals_win_over_parameters() {
        let router = router();
        let Found::Route(_, params) = router.find(Method::Get, "/a/one") else {
            panic!("no route")
        };
        assert!(params.is_none());
        let Found::Route(_, params) = router.find(Method::Get, "/a/two") else {
            panic!("no route")
        };
        assert_eq!(params.unwrap().get("id"), Some("two"));
        let Found::Route(_, params) = router.find(Method::Head, "/files/x/y") else {
            panic!("no route")
        };
        assert_eq!(params.unwrap().get("path"), Some("x/y"));
    }

    #[test]
    fn other_methods_are_listed() {
        let router = router();
        let Found::OtherMethods(allow) = router.find(Method::Delete, "/a/one") else {
            panic!("not refused")
        };
        assert_eq!(allow.to_string(), "GET, HEAD, POST, OPTIONS");
        let Found::OtherMethods(allow) = router.find(Method::Other("GETT"), "/a/7") else {
            panic!("not refused")
        };
        assert_eq!(allow.to_string(), "GET, HEAD, OPTIONS");
        assert!(matches!(
            router.find(Method::Get, "/nothing"),
            Found::Nothing
        ));
        assert!(matches!(router.find(Method::Get, "*"), Found::Nothing));
    }

    #[test]
    fn conflicts_are_refused() {
        let mut router = router();
        assert!(router.add(Method::Get, "/a/{other}", route()).is_err());
        assert!(router.add(Method::Get, "/a/one", route()).is_err());
        assert!(router.add(Method::Get, "relative", route()).is_err());
        assert!(router.add(Method::Trace, "/t", route()).is_err());
    }
}
