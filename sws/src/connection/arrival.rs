//! A request whose head has come: middleware, its body, its handler.

mod streams;

use super::{
    http::{Place, Step, Whole},
    serving::{Serving, closing, length_required},
    websocket,
    work::{Ended, Facts, Passed, Started},
};
use crate::{
    Request,
    blocks::Collected,
    context::RequestParts,
    handler::EndpointKind,
    reactor::Waiting,
    table::{Entry, PathParams, params},
};
use std::rc::Rc;
use sws_proto::http1::{BodyDecoder, Framing, Head, response};

/// A request on its way to its handler.
pub(super) struct Arrival<'a, S> {
    pub(super) facts: Facts,
    pub(super) entry: &'a Entry<S>,
    pub(super) head: &'a Head<'a, 'a>,
    /// Bytes of the head.
    pub(super) len: usize,
    pub(super) input: &'a [u8],
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
    pub(super) fn admit(
        &self,
        found: PathParams<'_, '_>,
        buffered_max: u64,
        body_max: u64,
        sockets: &websocket::Settings,
        serving: &mut Serving<'_, S>,
    ) -> Step {
        let Self {
            facts,
            entry,
            head,
            len,
            ..
        } = *self;
        if length_required(head) {
            return serving.refuse(411, "a length is required", facts);
        }
        let body_max = entry.body_bytes_max.unwrap_or(u64::MAX).min(body_max);
        if matches!(head.framing, Framing::Length(bytes) if bytes > body_max) {
            return serving.refuse(413, "the body is too long", facts);
        }
        let mut request = Request::new(serving.at, head, params(found), &[]);
        let mut passed = 0;
        if let Some(layers) = &entry.layers
            && let Some(mut reply) = serving.work.before(layers, &mut request, &mut passed)
        {
            serving.work.after(layers, passed, &request, &mut reply);
            return serving.give_and_skip(facts, head, len, reply, body_max);
        }
        match &entry.endpoint {
            EndpointKind::Plain(_) | EndpointKind::Async(_) if head.framing == Framing::None => {
                self.serve(request, Body::Input(&[]), passed, len, serving)
            }
            EndpointKind::Plain(_) | EndpointKind::Async(_) => {
                let body_max = body_max.min(match head.framing {
                    Framing::Length(_) => u64::MAX,
                    _ => buffered_max,
                });
                if matches!(head.framing, Framing::Length(bytes) if bytes > buffered_max) {
                    return serving.refuse(413, "the body is too long", facts);
                }
                self.collect(request, passed, body_max, serving)
            }
            EndpointKind::Sink(handler) => {
                self.open_sink(&**handler, &request, passed, body_max, serving)
            }
            EndpointKind::AsyncStream(_) => self.start_stream(&request, passed, body_max, serving),
            EndpointKind::WebSocket(route) => {
                let passed = Passed {
                    layers: entry.layers.as_ref(),
                    count: passed,
                };
                websocket::open(route, sockets, facts, head, &request, passed, serving)
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
        serving: &mut Serving<'_, S>,
    ) -> Step {
        let Self {
            head, len, input, ..
        } = *self;
        let mut decoder = BodyDecoder::new(head.framing, body_max);
        let mut pieces = std::mem::take(&mut serving.work.pieces);
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
                    serving.work.pieces = pieces;
                    return serving
                        .work
                        .refuse_parse(error, self.facts.head_only, serving.out);
                }
            }
        };
        let body = if pieces.is_empty() { first } else { &pieces };
        let step = if done {
            self.serve(request, Body::Input(body), passed, used, serving)
        } else {
            self.wait_for_body(request, passed, body, decoder, used, serving)
        };
        serving.work.pieces = pieces;
        step
    }

    fn wait_for_body(
        &self,
        request: Request<'_>,
        passed: usize,
        begun: &[u8],
        decoder: BodyDecoder,
        used: usize,
        serving: &mut Serving<'_, S>,
    ) -> Step {
        let announced = match self.head.framing {
            Framing::Length(bytes) => bytes,
            _ => 0,
        };
        let mut body = Collected::default();
        if body.push(&serving.work.blocks, begun, announced).is_err() {
            return serving.work.busy(self.facts, serving.out);
        }
        self.expect_continue(serving.out);
        *serving.place = Place::Whole(Box::new(Whole {
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
    pub(super) fn serve(
        &self,
        request: Request<'_>,
        body: Body<'_>,
        count: usize,
        used: usize,
        serving: &mut Serving<'_, S>,
    ) -> Step {
        let Self { facts, entry, .. } = *self;
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
                let Serving { work, at, out, .. } = serving;
                match work.call(*at, facts, &**handler, request, capture, out) {
                    Ended::Written(closes) => closes,
                    ended => serving.settle(facts, ended, passed, Some(request)),
                }
            }
            EndpointKind::Async(handler) => {
                let body = match body {
                    Body::Collected(collected) => collected,
                    Body::Input(bytes) => {
                        let mut collected = Collected::default();
                        if collected.push(&serving.work.blocks, bytes, 0).is_err() {
                            return serving.work.busy(facts, serving.out);
                        }
                        collected
                    }
                };
                let parts = Rc::new(RequestParts::keep(&request, body));
                let start = |context, done, _| handler.start(context, done);
                match serving.work.start(serving.at, facts, &parts, passed, start) {
                    Started::Running(exchange) => {
                        *serving.place = Place::Exchange(exchange);
                        false
                    }
                    Started::Ended(mut reply) => {
                        if let Some(layers) = passed.layers {
                            serving.work.after(layers, count, &parts.view(), &mut reply);
                        }
                        serving.give(facts, reply)
                    }
                }
            }
            // The others do not take their bodies whole.
            _ => false,
        };
        closing(closes, used)
    }
}
