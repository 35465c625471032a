//! What a user writes: functions that answer requests.

use crate::{Request, Response};

/// Proof that a request has been answered. Only [`Response`] makes it, by being used up, so a handler cannot
/// forget to answer and cannot answer twice.
#[derive(Debug)]
pub struct Answered(pub(crate) ());

/// A handler that answers at once: a plain function or closure on the reactor's thread.
///
/// It must not block: everything else on the reactor waits while it runs.
pub trait Handler<S>: Send + Sync + 'static {
    /// Answers one request. `state` is the reactor's own value.
    fn call(&self, state: &mut S, request: &Request<'_>, response: Response<'_>) -> Answered;
}

impl<S, F> Handler<S> for F
where
    F: Fn(&mut S, &Request<'_>, Response<'_>) -> Answered + Send + Sync + 'static,
{
    #[inline]
    fn call(&self, state: &mut S, request: &Request<'_>, response: Response<'_>) -> Answered {
        self(state, request, response)
    }
}

/// Takes a body as it arrives, so that nobody holds it whole.
pub trait BodySink<S> {
    /// The next piece of the body, without chunked framing, in order and never empty.
    fn chunk(&mut self, state: &mut S, bytes: &[u8]);

    /// The body is complete. If the client goes away before, the sink is dropped instead.
    fn end(self: Box<Self>, state: &mut S, response: Response<'_>) -> Answered;
}

/// Makes a [`BodySink`] when a request's head has been read.
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
