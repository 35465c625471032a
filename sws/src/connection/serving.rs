//! What the steps of serving a request share, and the ends that such a step can come to.

use super::{
    ConnRef,
    exchange::{After, Inflow},
    http::{Place, Step},
    render,
    work::{Ended, Facts, Passed, Work},
};
use crate::{
    Request, blocks::Collected, context::RequestParts, middleware::Layers, reply::Reply,
    response::Persistence, table::params,
};
use std::{rc::Rc, sync::Arc};
use sws_proto::http1::{BodyDecoder, Framing, Head, Method, Version};

/// A connection while one of its requests is served: who works, where the connection is afterwards, where the answer goes.
pub(super) struct Serving<'a, S> {
    pub(super) work: &'a mut Work<S>,
    pub(super) at: ConnRef,
    pub(super) place: &'a mut Place<S>,
    pub(super) out: &'a mut Vec<u8>,
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

impl<'a, S> Serving<'a, S> {
    #[inline]
    pub(super) fn new(
        work: &'a mut Work<S>,
        at: ConnRef,
        place: &'a mut Place<S>,
        out: &'a mut Vec<u8>,
    ) -> Self {
        Self {
            work,
            at,
            place,
            out,
        }
    }
}

impl<S: 'static> Serving<'_, S> {
    /// Answers what cannot be served and closes.
    pub(super) fn refuse(&mut self, status: u16, reason: &str, facts: Facts) -> Step {
        self.work.refuse(status, reason, facts.head_only, self.out)
    }

    /// Goes on after a handler's call that did not end with an answer in the output. Returns whether the connection closes now.
    #[cold]
    pub(super) fn settle(
        &mut self,
        facts: Facts,
        ended: Ended,
        passed: Passed<'_, S>,
        request: Option<&Request<'_>>,
    ) -> bool {
        let passed = passed
            .layers
            .zip(request)
            .map(|(l, r)| (l, passed.count, r));
        match ended {
            Ended::Written(closing) => closing,
            Ended::Reply(mut reply) => {
                if let Some((layers, count, request)) = passed {
                    self.work.after(layers, count, request, &mut reply);
                }
                self.give(facts, *reply)
            }
            Ended::Later(gone) => {
                let after = passed.map(|(layers, count, request)| After {
                    layers: Arc::clone(layers),
                    passed: count,
                    parts: Rc::new(RequestParts::keep(request, Collected::default())),
                });
                let mut exchange = self.work.exchange(facts, after);
                exchange.gone = Some(gone);
                *self.place = Place::Exchange(Box::new(exchange));
                false
            }
        }
    }

    /// Writes an answer as far as it is there, and returns whether the connection closes now.
    pub(super) fn give(&mut self, facts: Facts, reply: Reply) -> bool {
        let (closing, outflow) = render::reply(&self.work.manner(facts), reply, self.out);
        let Some(outflow) = outflow else {
            return closing;
        };
        self.work.number_exchange();
        let mut exchange = self.work.exchange(facts, None);
        exchange.closing = closing;
        exchange.flow_out(&self.work.local.inbox, self.at.id, outflow);
        *self.place = Place::Exchange(Box::new(exchange));
        false
    }

    /// Answers a request whose body nobody will read.
    pub(super) fn give_and_skip(
        &mut self,
        mut facts: Facts,
        head: &Head<'_, '_>,
        len: usize,
        reply: Reply,
        body_max: u64,
    ) -> Step {
        // Who waits for `100 Continue` may now send the body or not, and a body without a length is sent all the same: the
        // stream cannot be followed any further.
        if head.expect_continue || length_required(head) {
            facts.persistence = Persistence::Close;
        }
        let closes = self.give(facts, reply);
        if !closes && head.framing != Framing::None {
            self.skip_body(BodyDecoder::new(head.framing, body_max));
        }
        closing(closes, len)
    }

    /// Skips the rest of a body whose request has its answer, or the beginning of it.
    pub(super) fn skip_body(&mut self, decoder: BodyDecoder) {
        match &mut *self.place {
            // An answer that takes time: the body is skipped meanwhile.
            Place::Exchange(exchange) => {
                exchange.inflow = Some(Inflow {
                    feed: None,
                    decoder,
                    received: 0,
                    complete: false,
                });
            }
            place => *place = Place::Discard(Box::new(decoder)),
        }
    }

    /// Answers a request that has no handler, with the middleware that its path is below, and skips its body.
    #[cold]
    pub(super) fn without_route(
        &mut self,
        head: &Head<'_, '_>,
        len: usize,
        mut reply: Reply,
        layers: Option<&Layers<S>>,
        body_max: u64,
    ) -> Step {
        if let Some(layers) = layers {
            let mut request = Request::new(self.at, head, params(None), &[]);
            let mut count = 0;
            if let Some(answer) = self.work.before(layers, &mut request, &mut count) {
                reply = answer;
            }
            self.work.after(layers, count, &request, &mut reply);
        }
        let facts = self.work.facts(head);
        self.give_and_skip(facts, head, len, reply, body_max)
    }
}
