//! Cross-origin requests of browsers: the server's part of the Fetch standard's CORS protocol.

use super::{Flow, Middleware, fields};
use crate::{reply::Reply, request::Request};
use std::{fmt, marker::PhantomData, time::Duration};
use sws_proto::http1::{Method, list};

/// How long browsers may remember a preflight's answer unless something else is said.
const MAX_AGE: Duration = Duration::from_secs(600);
const METHODS: [Method<'static>; 6] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
];

/// Lets pages of other origins use a server ([CORS](https://fetch.spec.whatwg.org/#http-cors-protocol)).
///
/// ```
/// use sws::{Router, middleware::Cors};
///
/// // Pages from anywhere, without cookies.
/// let open: Router<()> = Router::new().middleware(Cors::any());
///
/// // Pages of one site, with cookies.
/// let own: Router<()> = Router::new().middleware(Cors::origins(["https://app.example.org"]).credentials());
/// ```
///
/// A preflight (OPTIONS with `Origin` and `Access-Control-Request-Method`) is answered at once with 204 and reaches no handler. Every other
/// answer gets its fields, whatever its status. It should be the outermost middleware, or come right after
/// a [`RequestLog`](super::RequestLog): browsers send preflights without credentials, and show an error to the page only
/// if the answer that says so has these fields, too.
///
/// CORS tells browsers which pages may *read* answers. It refuses no request, and does not apply to WebSockets
/// ([`Options::origin`](crate::ws::Options::origin) does).
///
/// Unless it is told otherwise it allows GET, HEAD, POST, PUT, PATCH and DELETE, any request header, exposes no further response
/// header, and lets browsers remember that for ten minutes.
pub struct Cors<Origins = AnyOrigin> {
    allowed: Allowed,
    methods: String,
    /// Any, if there is no list.
    headers: Option<String>,
    exposed: Option<String>,
    credentials: bool,
    max_age: Duration,
    kind: PhantomData<fn() -> Origins>,
}

/// Says that pages of every origin are allowed. They cannot be allowed credentials: no page on the web should be able to act in the name of whoever looks at it.
///
/// ```compile_fail
/// sws::middleware::Cors::any().credentials();
/// ```
#[derive(Debug)]
pub struct AnyOrigin(());

/// Says that pages of some origins are allowed.
#[derive(Debug)]
pub struct ChosenOrigins(());

enum Allowed {
    Any,
    Listed(Vec<String>),
    Matching(Box<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Cors<AnyOrigin> {
    /// Allows pages of every origin, without credentials: for what is public.
    pub fn any() -> Self {
        Self::with(Allowed::Any)
    }
}

impl Cors<ChosenOrigins> {
    /// Allows pages of these origins, each written as browsers send it: `https://example.org`, `http://localhost:3000`, with a port only
    /// if it is not the scheme's own. A `*` stands for nothing here; see [`any`](Cors::any).
    pub fn origins(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(Into::into);
        let origins = origins
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .filter(|origin| origin != "*" && !origin.is_empty());
        Self::with(Allowed::Listed(origins.collect()))
    }

    /// Allows pages of those origins for which `allows` returns true. It is given what the client sent, which may be `null` and
    /// need not be an origin at all: compare it as a whole or from its end *and* its start.
    ///
    /// ```
    /// use sws::{Router, middleware::Cors};
    ///
    /// let cors = Cors::matching(|origin| {
    ///     origin == "https://example.org" || (origin.starts_with("https://") && origin.ends_with(".example.org"))
    /// });
    /// let router: Router<()> = Router::new().middleware(cors);
    /// ```
    pub fn matching(allows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::with(Allowed::Matching(Box::new(allows)))
    }

    /// Lets pages send cookies and other credentials, and read what is answered to them.
    ///
    /// ```
    /// use sws::{Router, middleware::Cors};
    ///
    /// let router: Router<()> = Router::new().middleware(Cors::origins(["https://example.org"]).credentials());
    /// ```
    #[must_use]
    pub fn credentials(mut self) -> Self {
        self.credentials = true;
        self
    }
}

impl<Origins> Cors<Origins> {
    fn with(allowed: Allowed) -> Self {
        Self {
            allowed,
            methods: join(METHODS.iter().map(Method::as_str)),
            headers: None,
            exposed: None,
            credentials: false,
            max_age: MAX_AGE,
            kind: PhantomData,
        }
    }

    /// Allows these methods alone. GET, HEAD and POST need no permission: a form can send them, too.
    ///
    /// ```
    /// use sws::{Method, Router, middleware::Cors};
    ///
    /// let router: Router<()> = Router::new().middleware(Cors::any().methods([Method::Get, Method::Put]));
    /// ```
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method<'static>>) -> Self {
        self.methods = join(methods.into_iter().map(|method| method.as_str()));
        self
    }

    /// Allows these request headers alone, besides those that need no permission.
    ///
    /// ```
    /// use sws::{Router, middleware::Cors};
    ///
    /// let router: Router<()> = Router::new().middleware(Cors::any().headers(["Content-Type", "X-Request-Id"]));
    /// ```
    #[must_use]
    pub fn headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.headers = Some(join(names));
        self
    }

    /// Lets pages read these response headers, besides the few that they may always read.
    ///
    /// ```
    /// use sws::{Router, middleware::Cors};
    ///
    /// let router: Router<()> = Router::new().middleware(Cors::any().expose(["ETag", "Retry-After"]));
    /// ```
    #[must_use]
    pub fn expose(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.exposed = Some(join(names)).filter(|names| !names.is_empty());
        self
    }

    /// How long browsers may remember what a preflight allowed (browsers have maxima of their own, of two hours and more); zero forbids it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sws::{Router, middleware::Cors};
    ///
    /// let router: Router<()> = Router::new().middleware(Cors::any().max_age(Duration::from_secs(7200)));
    /// ```
    #[must_use]
    pub fn max_age(mut self, time: Duration) -> Self {
        self.max_age = time;
        self
    }

    /// The value for `Access-Control-Allow-Origin`, if the request's origin is allowed.
    fn allowed<'r>(&self, request: &Request<'r>) -> Option<&'r str> {
        if matches!(self.allowed, Allowed::Any) {
            return Some("*");
        }
        let mut origins = request.header_values("origin");
        // Of two, caches and intermediaries might look at the other one.
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return None;
        };
        let origin = std::str::from_utf8(origin).ok()?;
        let allowed = match &self.allowed {
            Allowed::Any => true,
            Allowed::Listed(origins) => origins.iter().any(|allowed| allowed == origin),
            Allowed::Matching(allows) => allows(origin),
        };
        // Echoed, this would mean everybody.
        (allowed && origin != "*").then_some(origin)
    }

    /// Writes the fields that preflights and all others have in common. Returns whether the origin is allowed.
    fn grant(&self, request: &Request<'_>, reply: &mut Reply) -> bool {
        // Always, also when there is no origin: a cache must not give that answer to a page.
        if !matches!(self.allowed, Allowed::Any) {
            fields::vary(reply, "Origin");
        }
        let Some(origin) = self.allowed(request) else {
            return false;
        };
        reply.set_header("Access-Control-Allow-Origin", origin);
        if self.credentials {
            reply.set_header("Access-Control-Allow-Credentials", "true");
        }
        true
    }

    fn preflight(&self, request: &Request<'_>) -> Reply {
        let mut reply = Reply::empty().status(204);
        let granted = self.grant(request, &mut reply);
        let wanted = "Access-Control-Request-Headers";
        if self.headers.is_none() {
            fields::vary(&mut reply, wanted);
        }
        if !granted {
            return reply;
        }
        reply.set_header("Access-Control-Allow-Methods", &self.methods);
        // Not `*`, which with credentials is a name like any other, and never covers `Authorization`.
        let headers = match &self.headers {
            Some(names) => names.clone().into_bytes(),
            None => {
                let names = request.header_values(wanted).flat_map(list::members);
                names.collect::<Vec<_>>().join(&b", "[..])
            }
        };
        if !headers.is_empty() {
            reply.set_header("Access-Control-Allow-Headers", headers);
        }
        reply.set_header("Access-Control-Max-Age", self.max_age.as_secs().to_string());
        reply
    }
}

impl<S, Origins: 'static> Middleware<S> for Cors<Origins> {
    fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
        let preflight = request.method() == Method::Options
            && request.header("origin").is_some()
            && request.header("access-control-request-method").is_some();
        if preflight {
            return Flow::Answer(self.preflight(request));
        }
        Flow::Continue
    }

    fn after(&self, _: &mut S, request: &Request<'_>, reply: &mut Reply) {
        if self.grant(request, reply)
            && let Some(exposed) = &self.exposed
        {
            reply.set_header("Access-Control-Expose-Headers", exposed);
        }
    }
}

impl<Origins> fmt::Debug for Cors<Origins> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: &dyn fmt::Debug = match &self.allowed {
            Allowed::Any => &"any",
            Allowed::Listed(origins) => origins,
            Allowed::Matching(_) => &"some",
        };
        f.debug_struct("Cors")
            .field("origins", origins)
            .field("methods", &self.methods)
            .field("headers", &self.headers)
            .field("exposed", &self.exposed)
            .field("credentials", &self.credentials)
            .field("max_age", &self.max_age)
            .finish()
    }
}

fn join(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::testing::{field, pass};

    const ORIGIN: &str = "Access-Control-Allow-Origin";
    const A: &str = "https://a.example";

    fn get<O: 'static>(cors: &Cors<O>, origin: Option<&str>, answer: Reply) -> Reply {
        let origin = origin.map_or_else(String::new, |o| format!("\nOrigin: {o}"));
        let (reached, reply) = pass(cors, &format!("GET / HTTP/1.1{origin}"), |_| answer);
        assert!(reached);
        reply
    }

    fn preflight<O: 'static>(cors: &Cors<O>, more: &str) -> Reply {
        let head = format!("OPTIONS /x HTTP/1.1\nAccess-Control-Request-Method: PUT\n{more}");
        let (reached, reply) = pass(cors, &head, |_| Reply::empty().status(500));
        assert!(!reached);
        assert_eq!(reply.status_code(), 204);
        reply
    }

    #[test]
    fn any_origin_is_the_same_answer_for_all() {
        let cors = Cors::any();
        for origin in [None, Some(A), Some("null"), Some("garbage \u{e9}")] {
            for status in [200, 401, 404, 405, 500] {
                let reply = get(&cors, origin, Reply::text("x").status(status));
                assert_eq!(field(&reply, ORIGIN), Some("*"));
                assert_eq!(field(&reply, "Vary"), None);
                assert_eq!(field(&reply, "Access-Control-Allow-Credentials"), None);
                assert_eq!(reply.status_code(), status);
            }
        }
    }

    #[test]
    fn listed_origins_are_echoed_and_always_vary() {
        let cors = Cors::origins([A, "HTTPS://B.example/", "*", ""]).credentials();
        for (origin, allowed) in [
            (Some(A), true),
            (Some("https://b.example"), true),
            (None, false),
            (Some("https://c.example"), false),
            (Some("https://a.example.evil"), false),
            (Some("https://a.exampl"), false),
            (Some("HTTPS://A.EXAMPLE"), false),
            (Some("null"), false),
            (Some("*"), false),
            (Some(""), false),
        ] {
            let reply = get(&cors, origin, Reply::text("x").header("Vary", "Accept"));
            assert_eq!(
                field(&reply, ORIGIN),
                origin.filter(|_| allowed),
                "{origin:?}"
            );
            let credentials = field(&reply, "Access-Control-Allow-Credentials");
            assert_eq!(credentials, allowed.then_some("true"));
            assert_eq!(field(&reply, "Vary"), Some("Accept, Origin"));
        }
        let two = format!("GET / HTTP/1.1\nOrigin: {A}\nOrigin: {A}");
        let (_, reply) = pass(&cors, &two, |_| Reply::empty());
        assert_eq!(field(&reply, ORIGIN), None);
    }

    #[test]
    fn a_star_is_never_echoed() {
        for cors in [
            Cors::matching(|_| true).credentials(),
            Cors::origins(["*"]).credentials(),
        ] {
            assert_eq!(field(&get(&cors, Some("*"), Reply::empty()), ORIGIN), None);
        }
        let cors = Cors::matching(|origin| origin.ends_with(".example"));
        assert_eq!(field(&get(&cors, Some(A), Reply::empty()), ORIGIN), Some(A));
        let other = get(&cors, Some("https://a.example.org"), Reply::empty());
        assert_eq!(
            (field(&other, ORIGIN), field(&other, "Vary")),
            (None, Some("Origin"))
        );
    }

    #[test]
    fn what_the_handler_says_is_replaced_not_doubled() {
        let answer = Reply::text("x")
            .header(ORIGIN, "*")
            .header("Vary", "Origin");
        let reply = get(&Cors::origins([A]), Some(A), answer);
        assert_eq!(
            (field(&reply, ORIGIN), field(&reply, "Vary")),
            (Some(A), Some("Origin"))
        );
    }

    #[test]
    fn preflights_say_what_is_allowed() {
        let reply = preflight(&Cors::any(), &format!("Origin: {A}"));
        assert_eq!(field(&reply, ORIGIN), Some("*"));
        let methods = field(&reply, "Access-Control-Allow-Methods");
        assert_eq!(methods, Some("GET, HEAD, POST, PUT, PATCH, DELETE"));
        assert_eq!(field(&reply, "Access-Control-Allow-Headers"), None);
        assert_eq!(field(&reply, "Access-Control-Max-Age"), Some("600"));
        assert_eq!(
            field(&reply, "Vary"),
            Some("Access-Control-Request-Headers")
        );

        let asked = format!(
            "Origin: {A}\nAccess-Control-Request-Headers: x-a,\tauthorization\nAccess-Control-Request-Headers: b"
        );
        let reply = preflight(&Cors::origins([A]).credentials(), &asked);
        let headers = field(&reply, "Access-Control-Allow-Headers");
        assert_eq!(headers, Some("x-a, authorization, b"));
        assert_eq!(
            field(&reply, "Access-Control-Allow-Credentials"),
            Some("true")
        );
        assert_eq!(
            field(&reply, "Vary"),
            Some("Origin, Access-Control-Request-Headers")
        );
        assert!(!reply.invalid);

        let cors = Cors::any()
            .methods([Method::Get, Method::Other("QUERY")])
            .headers(["X-A", "X-B"])
            .expose(["ETag"])
            .max_age(Duration::ZERO);
        let reply = preflight(&cors, &asked);
        assert_eq!(
            field(&reply, "Access-Control-Allow-Methods"),
            Some("GET, QUERY")
        );
        assert_eq!(
            field(&reply, "Access-Control-Allow-Headers"),
            Some("X-A, X-B")
        );
        assert_eq!(field(&reply, "Access-Control-Max-Age"), Some("0"));
        assert_eq!(field(&reply, "Access-Control-Expose-Headers"), None);
        assert_eq!(field(&reply, "Vary"), None);
        let reply = get(&cors, Some(A), Reply::empty());
        assert_eq!(field(&reply, "Access-Control-Expose-Headers"), Some("ETag"));
        assert_eq!(field(&reply, "Access-Control-Allow-Methods"), None);
    }

    #[test]
    fn preflights_of_others_are_answered_without_permission() {
        let reply = preflight(&Cors::origins([A]), "Origin: https://b.example");
        let names: Vec<&str> = reply.fields.iter().map(|f| &*f.name).collect();
        assert_eq!(names, ["Vary"]);
        assert_eq!(
            field(&reply, "Vary"),
            Some("Origin, Access-Control-Request-Headers")
        );
    }

    #[test]
    fn what_is_no_preflight_reaches_its_handler() {
        for head in [
            "OPTIONS / HTTP/1.1",
            "OPTIONS / HTTP/1.1\nOrigin: https://a.example",
            "OPTIONS / HTTP/1.1\nAccess-Control-Request-Method: PUT",
            "GET / HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT",
            "options / HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT",
        ] {
            let (reached, reply) = pass(&Cors::any(), head, |_| Reply::text("x"));
            assert!(reached, "{head}");
            assert_eq!(field(&reply, ORIGIN), Some("*"));
        }
    }
}
