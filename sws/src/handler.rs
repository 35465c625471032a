//! What a user writes: functions that answer requests.
//!
//! All kinds of handlers are registered in the same way; which kind a function is shows in its arguments.

use crate::{
    Context, Request, Response,
    body::BodyStream,
    local::{self, Local},
    rejection::Rejection,
    reply::{IntoReply, Reply},
    task::{Task, detached},
};
use std::{future::Future, marker::PhantomData, rc::Rc};

/// Proof that a request has been answered, or will be by a [`Responder`](crate::Responder). Only [`Response`] makes it, by being
/// used up, so a handler cannot forget to answer and cannot answer twice.
#[derive(Debug)]
#[must_use = "a handler returns it"]
pub struct Answered(pub(crate) ());

/// What a handler that answers at once returns: [`Answered`], or a `Result` whose error is the answer.
pub trait IntoAnswered {
    /// The proof.
    ///
    /// # Errors
    /// Why there is no answer yet.
    fn into_answered(self) -> Result<Answered, Rejection>;
}

impl IntoAnswered for Answered {
    #[inline]
    fn into_answered(self) -> Result<Answered, Rejection> {
        Ok(self)
    }
}

impl<E: Into<Rejection>> IntoAnswered for Result<Answered, E> {
    #[inline]
    fn into_answered(self) -> Result<Answered, Rejection> {
        self.map_err(Into::into)
    }
}

/// A handler that answers at once: a function or closure `fn(&mut S, &Request, Response) -> Answered` on the reactor's thread.
/// It costs no allocation and no task.
///
/// It must not block: everything else on the reactor waits while it runs. What may take long goes to a worker
/// ([`next::submit`](crate::next::submit)), with the answer given later ([`Response::defer`]) or awaited by an `async` handler.
pub trait Handler<S>: Send + Sync + 'static {
    /// Answers one request. `state` is the reactor's own value.
    ///
    /// # Errors
    /// A [`Rejection`], which is answered in place of what may have been written before.
    fn call(
        &self,
        state: &mut S,
        request: &Request<'_>,
        response: Response<'_>,
    ) -> Result<Answered, Rejection>;
}

impl<S, F, R> Handler<S> for F
where
    F: Fn(&mut S, &Request<'_>, Response<'_>) -> R + Send + Sync + 'static,
    R: IntoAnswered,
{
    #[inline]
    fn call(
        &self,
        state: &mut S,
        request: &Request<'_>,
        response: Response<'_>,
    ) -> Result<Answered, Rejection> {
        self(state, request, response).into_answered()
    }
}

/// Anything that can be registered for a route: a [`Handler`], an `async fn(Context<S>) -> impl IntoReply`, or an
/// `async fn(Context<S>, BodyStream) -> impl IntoReply`, which gets the body as it arrives.
///
/// `Kind` tells them apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler for a server whose state is `{S}`",
    label = "not a handler",
    note = "a handler that answers at once is `fn(&mut {S}, &Request<'_>, Response<'_>) -> Answered` or `-> Result<Answered, Rejection>`",
    note = "one that waits is `async fn(Context<{S}>) -> impl IntoReply`, with `BodyStream` as a second argument if it streams its body",
    note = "closures need the types of their arguments written out"
)]
pub trait IntoHandler<S, Kind> {
    /// What the router keeps.
    fn into_endpoint(self) -> Endpoint<S>;
}

/// A handler of any kind, as the router keeps it.
pub struct Endpoint<S>(pub(crate) EndpointKind<S>);

pub(crate) enum EndpointKind<S> {
    /// Answers at once; the body comes whole.
    Plain(Box<dyn Handler<S>>),
    /// Answers at the body's end, of which it gets each piece.
    Sink(Box<dyn StreamHandler<S>>),
    /// May wait; the body comes whole.
    Async(Box<dyn Start<S>>),
    /// May wait, also for the body.
    AsyncStream(Box<dyn StartStream<S>>),
    /// Becomes a WebSocket.
    WebSocket(Box<crate::ws::Route<S>>),
}

impl<S> std::fmt::Debug for Endpoint<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

/// Says that a handler answers at once.
#[derive(Debug)]
pub struct AtOnce(());

impl<S, H: Handler<S>> IntoHandler<S, AtOnce> for H {
    fn into_endpoint(self) -> Endpoint<S> {
        Endpoint(EndpointKind::Plain(Box::new(self)))
    }
}

/// Says that a handler may wait.
#[derive(Debug)]
pub struct MayWait<Fut>(PhantomData<Fut>);

impl<S, F, Fut> IntoHandler<S, MayWait<Fut>> for F
where
    S: 'static,
    F: Fn(Context<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply> + 'static,
{
    fn into_endpoint(self) -> Endpoint<S> {
        Endpoint(EndpointKind::Async(Box::new(self)))
    }
}

/// Says that a handler may wait, also for the body.
#[derive(Debug)]
pub struct MayWaitForBody<Fut>(PhantomData<Fut>);

impl<S, F, Fut> IntoHandler<S, MayWaitForBody<Fut>> for F
where
    S: 'static,
    F: Fn(Context<S>, BodyStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply> + 'static,
{
    fn into_endpoint(self) -> Endpoint<S> {
        Endpoint(EndpointKind::AsyncStream(Box::new(self)))
    }
}

/// Starts an `async` handler: one allocation, its future.
pub(crate) trait Start<S>: Send + Sync {
    fn start(&self, context: Context<S>, done: Done) -> Task;
}

impl<S, F, Fut> Start<S> for F
where
    S: 'static,
    F: Fn(Context<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply> + 'static,
{
    fn start(&self, context: Context<S>, done: Done) -> Task {
        let future = self(context);
        detached(async move { done.give(future.await.into_reply()) })
    }
}

/// Starts an `async` handler that gets its body as it arrives.
pub(crate) trait StartStream<S>: Send + Sync {
    fn start(&self, context: Context<S>, body: BodyStream, done: Done) -> Task;
}

impl<S, F, Fut> StartStream<S> for F
where
    S: 'static,
    F: Fn(Context<S>, BodyStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply> + 'static,
{
    fn start(&self, context: Context<S>, body: BodyStream, done: Done) -> Task {
        let future = self(context, body);
        detached(async move { done.give(future.await.into_reply()) })
    }
}

/// Where an `async` handler's answer goes. Dropped without one, which a panic does, it answers 500.
pub(crate) struct Done {
    local: Option<Rc<Local>>,
    conn: crate::ConnId,
    exchange: u32,
}

impl Done {
    pub(crate) fn new(conn: crate::ConnId, exchange: u32) -> Self {
        Self {
            local: local::current(),
            conn,
            exchange,
        }
    }

    fn give(mut self, reply: Reply) {
        self.put(reply);
    }

    fn put(&mut self, reply: Reply) {
        if let Some(local) = self.local.take() {
            let mut answers = local.answers.borrow_mut();
            answers.push((self.conn, self.exchange, reply));
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.put(Reply::text("the handler failed\n").status(500).close());
    }
}

/// Takes a body as it arrives, without a task, so that nobody holds it whole.
pub trait BodySink<S> {
    /// The next piece of the body, without chunked framing, in order and never empty.
    fn chunk(&mut self, state: &mut S, bytes: &[u8]);

    /// The body is complete. If the client goes away before, the sink is dropped instead.
    fn end(self: Box<Self>, state: &mut S, response: Response<'_>) -> Answered;
}

/// Makes a [`BodySink`] when a request's head has been read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not open a `BodySink` for a server whose state is `{S}`",
    label = "not a handler for a streamed body",
    note = "it is `fn(&mut {S}, &Request<'_>) -> B`, where `B` implements `BodySink<{S}>`",
    note = "an `async fn(Context<{S}>, BodyStream)` is registered like any other handler"
)]
pub trait StreamHandler<S>: Send + Sync + 'static {
    /// The sink for this request's body.
    fn open(&self, state: &mut S, request: &Request<'_>) -> Box<dyn BodySink<S>>;
}

impl<S, F, B> StreamHandler<S> for F
where
    F: Fn(&mut S, &Request<'_>) -> B + Send + Sync + 'static,
    B: BodySink<S> + 'static,
{
    fn open(&self, state: &mut S, request: &Request<'_>) -> Box<dyn BodySink<S>> {
        Box::new(self(state, request))
    }
}
