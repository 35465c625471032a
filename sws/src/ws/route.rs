//! How a route's WebSockets come to be.

use super::WebSocket;
use crate::{
    reply::{IntoReply, Reply},
    request::Request,
};

/// Makes the value for a new connection: a function `fn(&mut S, &Request) -> W`, or one that may refuse with
/// `Result<W, impl IntoReply>`. `Kind` is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not open a WebSocket for a server whose state is `{S}`",
    label = "does not open a WebSocket",
    note = "it is `fn(&mut {S}, &Request<'_>) -> W` or `-> Result<W, Rejection>`, where `W` implements `WebSocket<{S}>`"
)]
pub trait Open<S, Kind>: Send + Sync + 'static {
    /// The value for a connection whose handshake is in order.
    ///
    /// # Errors
    /// The answer to a request that is refused.
    fn open(
        &self,
        state: &mut S,
        request: &Request<'_>,
    ) -> Result<Box<dyn WebSocket<S>>, Box<Reply>>;
}

/// Says that every connection is taken.
#[derive(Debug)]
pub struct Always<W>(std::marker::PhantomData<W>);

impl<S, F, W> Open<S, Always<W>> for F
where
    F: Fn(&mut S, &Request<'_>) -> W + Send + Sync + 'static,
    W: WebSocket<S>,
{
    fn open(
        &self,
        state: &mut S,
        request: &Request<'_>,
    ) -> Result<Box<dyn WebSocket<S>>, Box<Reply>> {
        Ok(Box::new(self(state, request)))
    }
}

/// Says that connections may be refused.
#[derive(Debug)]
pub struct MayRefuse<W, E>(std::marker::PhantomData<(W, E)>);

impl<S, F, W, E> Open<S, MayRefuse<W, E>> for F
where
    F: Fn(&mut S, &Request<'_>) -> Result<W, E> + Send + Sync + 'static,
    W: WebSocket<S>,
    E: IntoReply,
{
    fn open(
        &self,
        state: &mut S,
        request: &Request<'_>,
    ) -> Result<Box<dyn WebSocket<S>>, Box<Reply>> {
        match self(state, request) {
            Ok(socket) => Ok(Box::new(socket)),
            Err(error) => Err(Box::new(error.into_reply())),
        }
    }
}

/// What holds for one route's WebSockets.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) protocols: Vec<String>,
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) message_bytes_max: Option<u32>,
}

impl Options {
    /// The defaults: no subprotocol, any origin, the configuration's limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a subprotocol, after those that are preferred to it. A client that offers none of them gets none.
    #[must_use]
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.protocols.push(name.into());
        self
    }

    /// Adds an origin such as `https://example.org`. Once there is one, browsers that come from any other page are refused with 403;
    /// clients that are no browsers, which send no `Origin`, are not.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.get_or_insert_default().push(origin.into());
        self
    }

    /// The longest message, in bytes, instead of the configuration's; a longer one closes the connection with 1009.
    #[must_use]
    pub fn message_limit(mut self, bytes: u32) -> Self {
        self.message_bytes_max = Some(bytes);
        self
    }
}

type OpenFn<S> =
    dyn Fn(&mut S, &Request<'_>) -> Result<Box<dyn WebSocket<S>>, Box<Reply>> + Send + Sync;

/// A WebSocket's route, as the router keeps it.
pub(crate) struct Route<S> {
    pub(crate) options: Options,
    pub(crate) open: Box<OpenFn<S>>,
}

impl<S> Route<S> {
    pub(crate) fn new<K>(options: Options, open: impl Open<S, K>) -> Self {
        Self {
            options,
            open: Box::new(move |state, request| open.open(state, request)),
        }
    }
}
