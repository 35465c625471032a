//! What runs before and after handlers.
//!
//! Middleware belongs to a [`Router`](crate::Router) and runs for every request below that router's prefix: for each of its routes,
//! whenever they were added, for those of the routers nested in it, and for paths and methods that none of them has. Routes are matched against
//! the same bytes, so no way of writing a path gets past it. A route of *another* router that matches a path below the prefix is
//! that router's own, and has that one's middleware.
//!
//! `before` runs from the outermost router inwards, in the order of registration, when a request's head has been read: who is refused need not send a
//! body. The first that answers ends the request there. `after` runs the other way round, for those whose `before` has
//! run and let the request pass; it may change everything about the answer.
//!
//! # Ready-made
//! [`RequestLog`], [`Cors`], [`Compression`], [`RateLimit`], [`BasicAuth`]: outermost first, this is the order that suits most services. The log
//! sees what is sent in the end, browsers may read every answer and need no password for a preflight, and passwords
//! cannot be guessed faster than the limit.
//!
//! ```
//! use sws::{Router, middleware::{BasicAuth, Compression, Cors, RateLimit, RequestLog}};
//!
//! let router: Router<()> = Router::new()
//!     .middleware(RequestLog::new())
//!     .middleware(Cors::any())
//!     .middleware(Compression::new())
//!     .middleware(RateLimit::per_second(20))
//!     .middleware(BasicAuth::new("admin", |user, password| user == "me" && password == "secret"));
//! ```
//!
//! # What middleware does not see
//! What the server itself refuses before there is a request that could be routed, or when no answer can be given to it any more: malformed heads, bodies that
//! are too long or malformed, timeouts.

mod basic_auth;
#[cfg(feature = "compression")]
mod compression;
mod cors;
mod fields;
mod rate_limit;
mod request_log;
#[cfg(test)]
mod testing;

pub use basic_auth::{BasicAuth, User, same_secret};
#[cfg(feature = "compression")]
pub use compression::Compression;
pub use cors::{AnyOrigin, ChosenOrigins, Cors};
pub use rate_limit::RateLimit;
pub use request_log::{LogFormat, Record, RequestLog};

use crate::{
    rejection::Rejection,
    reply::{IntoReply, Reply},
    request::Request,
};
use std::sync::Arc;

/// Runs around the handlers of a router; see the [module](self).
///
/// ```
/// use sws::{Flow, Reply, Request, Server, middleware::Middleware};
///
/// /// Who the request is from, for handlers: `request.extension::<User>()`.
/// struct User(String);
///
/// struct Tokens;
///
/// impl<S> Middleware<S> for Tokens {
///     fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
///         match request.header_str("x-token") {
///             Some("secret") => {
///                 request.set_extension(User("admin".to_owned()));
///                 Flow::Continue
///             }
///             _ => Flow::Answer(Reply::text("who are you?\n").status(403)),
///         }
///     }
///
///     fn after(&self, _: &mut S, _: &Request<'_>, reply: &mut Reply) {
///         reply.set_header("Cache-Control", "no-store");
///     }
/// }
/// ```
pub trait Middleware<S>: Send + Sync + 'static {
    /// Sees the request's head before its handler: its body is not here yet. It must not block.
    fn before(&self, state: &mut S, request: &mut Request<'_>) -> Flow {
        let _ = (state, request);
        Flow::Continue
    }

    /// Sees the answer before it is sent. Of an answer that takes time to produce it sees the head: the body of a
    /// stream or file is not in memory. Not called for a WebSocket that has been opened.
    fn after(&self, state: &mut S, request: &Request<'_>, reply: &mut Reply) {
        let _ = (state, request, reply);
    }
}

/// What is to become of a request.
#[derive(Debug)]
pub enum Flow {
    /// It goes on, to the next middleware or to its handler.
    Continue,
    /// It ends here with this answer.
    Answer(Reply),
}

/// It ends here: what a check that failed is turned into.
impl From<Rejection> for Flow {
    fn from(rejection: Rejection) -> Self {
        Self::Answer(rejection.into_reply())
    }
}

/// The middleware around a route, outermost first.
pub(crate) type Layers<S> = Arc<[Arc<dyn Middleware<S>>]>;
