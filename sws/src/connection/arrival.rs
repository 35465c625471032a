//! A request whose head has come: middleware, its body, its handler.

use super::{
    ConnRef,
    exchange::{BULK_BYTES, Inflow},
    http::{Place, Step, Stream, Whole},
    websocket,
    work::{Ended, Facts, Passed, Started, Work},
};
use crate::{
    Request,
    blocks::Collected,
    body,
    caught::{caught, discard},
    context::RequestParts,
    handler::{EndpointKind, StreamHandler},
    middleware::Layers,
    reactor::Waiting,
    reply::Reply,
    response::Persistence,
    table::{Entry, PathParams, params},
};
use std::{rc::Rc, sync::Arc};
use sws_proto::http1::{BodyDecoder, Framing, Head, Method, Version, response};

/// A request on its way to its handler.
pub(super) struct Arrival<'a, S> {
    pub(super) at: ConnRef,
    pub(super) facts: Facts,
    pub(super) entry: &'a Entry<S>,
    pub(super) head: &'a Head<'a, 'a>,
    /// Bytes of the head.
    pub(super) len: usize,
    pub(super) input: &'a [u8],
}

pub(super) fn closing(closes: bool, used: usize) -> Step {
    if closes { Step::Close } else { Step::On(used) }
}

/// HTTP/1.0 has no way to say "no body" other than a length, so a request that should have one and does not
/// say how long it is cannot be framed (RFC 1945, 8.3).
pub(super) fn length_required(head: &Head<'_, '_>) -> bool {
    head.framing == Framing::None
        && head.version == Version::Http10
        && matches!(head.method, Method::Post | Method::Put | Method::Patch)
        && head.header("content-length").is_none()
}

/// Answers a request that has no handler, with the middleware that its path is below, and skips its body.
#[cold]
#[expect(
    clippy::too_many_arguments,
    reason = "the pieces of one request, borrowed apart"
)]
pub(super) fn without_route<S: 'static>(
    work: &mut Work<S>,
    at: ConnRef,
    place: &mut Place<S>,
    head: &Head<'_, '_>,
    len: usize,
    mut reply: Reply,
    layers: Option<&Layers<S>>,
    body_max: u64,
    out: &mut Vec<u8>,
) -> Step {
    if let Some(layers) = layers {
        let mut request = Request::new(at, head, params(None), &[]);
        let mut count = 0;
        if let Some(answer) = work.before(layers, &mut request, &mut count) {
            reply = answer;
        }
        work.after(layers, count, &request, &mut reply);
    }
    let facts = work.facts(head);
    give_and_skip(work, at, facts, head, len, reply, body_max, place, out)
}

/// Answers a request whose body nobody will read.
#[expect(
    clippy::too_many_arguments,
    reason = "the pieces of one request, borrowed apart"
)]
pub(super) fn give_and_skip<S: 'static>(
    work: &mut Work<S>,
    at: ConnRef,
    mut facts: Facts,
    head: &Head<'_, '_>,
    len: usize,
    reply: Reply,
    body_max: u64,
    place: &mut Place<S>,
    out: &mut Vec<u8>,
) -> Step {
    // Who waits for `100 Continue` may now send the body or not, and a body without a length is sent all the same: the
    // stream cannot be followed any further.
    if head.expect_continue || length_required(head) {
        facts.persistence = Persistence::Close;
    }
    let closes = work.give(at, facts, reply, place, out);
    if !closes && head.framing != Framing::None {
        skip_body(place, BodyDecoder::new(head.framing, body_max));
    }
    closing(closes, len)
}

/// Skips the rest of a body whose request has its answer, or the beginning of it.
pub(super) fn skip_body<S>(place: &mut Place<S>, decoder: BodyDecoder) {
    match place {
        // An answer that takes time: the body is skipped meanwhile.
        Place::Exchange(exchange) => {
            exchange.inflow = Some(Inflow {
                feed: None,
                decoder,
                received: 0,
                complete: false,
            });
        }
        _ => *place = Place::Discard(Box::new(decoder)),
    }
}

/// Answers for a sink that panicked.
#[cold]
pub(super) fn sink_failed<S: 'static>(
    work: &mut Work<S>,
    at: ConnRef,
    place: &mut Place<S>,
    used: usize,
    out: &mut Vec<u8>,
) -> Step {
    let Place::Stream(stream) = std::mem::replace(place, Place::Head { partial: false }) else {
        return Step::On(used);
    };
    let Stream {
        sink,
        decoder,
        facts,
        after,
        ..
    } = *stream;
    let mut reply = work.panicked();
    work.panics += discard(sink);
    if let Some((layers, count, parts)) = after {
        work.after(&layers, count, &parts.view(), &mut reply);
    }
    let closes = work.give(at, facts.last(), reply, place, out);
    if !closes {
        skip_body(place, decoder);
    }
    closing(closes, used)
}

pub(super) fn end_stream<S: 'static>(
    work: &mut Work<S>,
    at: ConnRef,
    stream: Stream<S>,
    used: usize,
    place: &mut Place<S>,
    out: &mut Vec<u8>,
) -> Step {
    let Stream {
        sink,
        mut facts,
        after,
        ..
    } = stream;
    // A stop that began meanwhile makes this the last answer.
    if work.draining {
        facts.persistence = Persistence::Close;
    }
    let ended = work.answer(at, facts, after.is_some(), out, |state, response| {
        Ok(sink.end(state, response))
    });
    let closes = match (&ended, &after) {
        (Ended::Written(closes), _) => *closes,
        (_, Some((layers, count, parts))) => {
            let passed = Passed {
                layers: Some(layers),
                count: *count,
            };
            work.settle(at, facts, ended, passed, Some(&parts.view()), place, out)
        }
        (_, None) => work.settle(at, facts, ended, Passed::NONE, None, place, out),
    };
    closing(closes, used)
}

/// A body that is complete.
pub(super) enum Body<'a> {
    /// Where it was received.
    Input(&'a [u8]),
    Collected(Collected),
}

impl<S: 'static> Arrival<'_, S> {
    /// Runs middleware, then goes on with the body.
    #[inline(never)]
    #[expect(
        clippy::too_many_arguments,
        reason = "the pieces of one request, borrowed apart"
    )]
    pub(super) fn admit(
        &self,
        found: PathParams<'_, '_>,
        buffered_max: u64,
        body_max: u64,
        sockets: &websocket::Settings,
        work: &mut Work<S>,
        place: &mut Place<S>,
        out: &mut Vec<u8>,
    ) -> Step {
        let Self {
            at,
            facts,
            entry,
            head,
            len,
            ..
        } = *self;
        if length_required(head) {
            return work.refuse(411, "a length is required", facts.head_only, out);
        }
        let body_max = entry.body_bytes_max.unwrap_or(u64::MAX).min(body_max);
        if matches!(head.framing, Framing::Length(bytes) if bytes > body_max) {
            return work.refuse(413, "the body is too long", facts.head_only, out);
        }
        let mut request = Request::new(at, head, params(found), &[]);
        let mut passed = 0;
        if let Some(layers) = &entry.layers
            && let Some(mut reply) = work.before(layers, &mut request, &mut passed)
        {
            work.after(layers, passed, &request, &mut reply);
            return give_and_skip(work, at, facts, head, len, reply, body_max, place, out);
        }
        match &entry.endpoint {
            EndpointKind::Plain(_) | EndpointKind::Async(_) if head.framing == Framing::None => {
                self.serve(request, Body::Input(&[]), passed, len, work, place, out)
            }
            EndpointKind::Plain(_) | EndpointKind::Async(_) => {
                let body_max = body_max.min(match head.framing {
                    Framing::Length(_) => u64::MAX,
                    _ => buffered_max,
                });
                if matches!(head.framing, Framing::Length(bytes) if bytes > buffered_max) {
                    return work.refuse(413, "the body is too long", facts.head_only, out);
                }
                self.collect(request, passed, body_max, work, place, out)
            }
            EndpointKind::Sink(handler) => {
                self.open_sink(&**handler, &request, passed, body_max, work, place, out)
            }
            EndpointKind::AsyncStream(_) => {
                self.start_stream(&request, passed, body_max, work, place, out)
            }
            EndpointKind::WebSocket(route) => {
                let passed = Passed {
                    layers: entry.layers.as_ref(),
                    count: passed,
                };
                websocket::open(
                    route, sockets, work, at, facts, head, &request, passed, place, out,
                )
                .map_or_else(|closes| closing(closes, len), |()| Step::On(len))
            }
        }
    }

    /// A request with a body for a handler that takes it whole: at once if all of it is here.
    fn collect(
        &self,
        request: Request<'_>,
        passed: usize,
        body_max: u64,
        work: &mut Work<S>,
        place: &mut Place<S>,
        out: &mut Vec<u8>,
    ) -> Step {
        let Self {
            head, len, input, ..
        } = *self;
        let mut decoder = BodyDecoder::new(head.framing, body_max);
        let mut pieces = std::mem::take(&mut work.pieces);
        pieces.clear();
        let mut first: &[u8] = &[];
        let mut used = len;
        let done = loop {
            match decoder.decode(&input[used..]) {
                Ok(decoded) => {
                    used += decoded.consumed;
                    if first.is_empty() {
                        first = decoded.data;
                    } else if !decoded.data.is_empty() {
                        if pieces.is_empty() {
                            pieces.extend_from_slice(first);
                        }
                        pieces.extend_from_slice(decoded.data);
                    }
                    if decoded.done || decoded.consumed == 0 {
                        break decoded.done;
                    }
                }
                Err(error) => {
                    work.pieces = pieces;
                    return work.refuse_parse(error, self.facts.head_only, out);
                }
            }
        };
        let body = if pieces.is_empty() { first } else { &pieces };
        let step = if done {
            self.serve(request, Body::Input(body), passed, used, work, place, out)
        } else {
            self.wait_for_body(request, passed, body, decoder, used, work, place, out)
        };
        work.pieces = pieces;
        step
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the pieces of one request, borrowed apart"
    )]
    fn wait_for_body(
        &self,
        request: Request<'_>,
        passed: usize,
        begun: &[u8],
        decoder: BodyDecoder,
        used: usize,
        work: &Work<S>,
        place: &mut Place<S>,
        out: &mut Vec<u8>,
    ) -> Step {
        let announced = match self.head.framing {
            Framing::Length(bytes) => bytes,
            _ => 0,
        };
        let mut body = Collected::default();
        if body.push(&work.blocks, begun, announced).is_err() {
            return work.busy(self.facts, out);
        }
        self.expect_continue(out);
        *place = Place::Whole(Box::new(Whole {
            facts: self.facts,
            head: self.input[..self.len].to_vec(),
            body,
            announced,
            decoder,
            extensions: request.extensions,
            passed,
        }));
        Step::Wait(used, Waiting::Body)
    }

    /// Asks for the body if the client waits to be asked.
    fn expect_continue(&self, out: &mut Vec<u8>) {
        if self.head.expect_continue && self.input.len() == self.len {
            out.extend_from_slice(response::CONTINUE);
        }
    }

    /// Lets the handler of a request whose body is complete answer.
    #[expect(
        clippy::too_many_arguments,
        reason = "the pieces of one request, borrowed apart"
    )]
    pub(super) fn serve(
        &self,
        request: Request<'_>,
        body: Body<'_>,
        count: usize,
        used: usize,
        work: &mut Work<S>,
        place: &mut Place<S>,
        out: &mut Vec<u8>,
    ) -> Step {
        let Self {
            at, facts, entry, ..
        } = *self;
        let passed = Passed {
            layers: entry.layers.as_ref(),
            count,
        };
        let closes = match &entry.endpoint {
            EndpointKind::Plain(handler) => {
                let request = &request.with_body(match &body {
                    Body::Input(bytes) => bytes,
                    Body::Collected(collected) => collected,
                });
                let capture = passed.layers.is_some();
                match work.call(at, facts, &**handler, request, capture, out) {
                    Ended::Written(closes) => closes,
                    ended => work.settle(at, facts, ended, passed, Some(request), place, out),
                }
            }
            EndpointKind::Async(handler) => {
                let body = match body {
                    Body::Collected(collected) => collected,
                    Body::Input(bytes) => {
                        let mut collected = Collected::default();
                        if collected.push(&work.blocks, bytes, 0).is_err() {
                            return work.busy(facts, out);
                        }
                        collected
                    }
                };
                let parts = Rc::new(RequestParts::keep(&request, body));
                let start = |context, done, _| handler.start(context, done);
                match work.start(at, facts, &parts, passed, start) {
                    Started::Running(exchange) => {
                        *place = Place::Exchange(exchange);
                        false
                    }
                    Started::Ended(mut reply) => {
                        if let Some(layers) = passed.layers {
                            work.after(layers, count, &parts.view(), &mut reply);
                        }
                        work.give(at, facts, reply, place, out)
                    }
                }
            }
            // The others do not take their bodies whole.
            _ => false,
        };
        closing(closes, used)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the pieces of one request, borrowed apart"
    )]
    fn open_sink(
        &self,
        handler: &dyn StreamHandler<S>,
        request: &Request<'_>,
        passed: usize,
        body_max: u64,
        work: &mut Work<S>,
        place: &mut Place<S>,
        out: &mut Vec<u8>,
    ) -> Step {
        let Self {
            at,
            facts,
            head,
            len,
            ..
        } = *self;
        let state = &work.state;
        let open = || handler.open(&mut state.borrow_mut(), request);
        let Some(sink) = caught(open) else {
            let mut reply = work.panicked();
            if let Some(layers) = &self.entry.layers {
                work.after(layers, passed, request, &mut reply);
            }
            let facts = facts.last();
            return give_and_skip(work, at, facts, head, len, reply, body_max, place, out);
        };
        let stream = Stream {
            sink,
            decoder: BodyDecoder::new(head.framing, body_max),
            facts,
            after: self.entry.layers.as_ref().map(|layers| {
                let parts = RequestParts::keep(request, Collected::default());
                (Arc::clone(layers), passed, Rc::new(parts))
            }),
            bulk: matches!(head.framing, Framing::Length(bytes) if bytes >= BULK_BYTES),
            received: 0,
        };
        self.expect_continue(out);
        if head.framing == Framing::None {
            return end_stream(work, at, stream, len, place, out);
        }
        *place = Place::Stream(Box::new(stream));
        Step::On(len)
    }

    /// Starts a handler that gets its body as it arrives.
    fn start_stream(
        &self,
        request: &Request<'_>,
        count: usize,
        body_max: u64,
        work: &mut Work<S>,
        place: &mut Place<S>,
        out: &mut Vec<u8>,
    ) -> Step {
        let Self {
            at,
            facts,
            entry,
            head,
            len,
            ..
        } = *self;
        let EndpointKind::AsyncStream(handler) = &entry.endpoint else {
            return Step::On(len);
        };
        let passed = Passed {
            layers: entry.layers.as_ref(),
            count,
        };
        let parts = Rc::new(RequestParts::keep(request, Collected::default()));
        let inbox = Arc::clone(&work.local.inbox);
        let mut feed = None;
        let empty = head.framing == Framing::None;
        let start = |context, done, number| {
            let (its_feed, stream) = body::feed(inbox, at.id, number);
            if empty {
                its_feed.complete();
            } else {
                feed = Some(its_feed);
            }
            handler.start(context, stream, done)
        };
        self.expect_continue(out);
        match work.start(at, facts, &parts, passed, start) {
            Started::Running(mut exchange) => {
                if feed.is_some() {
                    exchange.inflow = Some(Inflow {
                        feed,
                        decoder: BodyDecoder::new(head.framing, body_max),
                        received: 0,
                        complete: false,
                    });
                }
                *place = Place::Exchange(exchange);
                Step::On(len)
            }
            Started::Ended(mut reply) => {
                if let Some(layers) = passed.layers {
                    work.after(layers, count, &parts.view(), &mut reply);
                }
                let mut facts = facts;
                if head.expect_continue && !empty {
                    // It has been told to send a body that nobody will take.
                    facts.persistence = Persistence::Close;
                }
                give_and_skip(work, at, facts, head, len, reply, body_max, place, out)
            }
        }
    }
}
