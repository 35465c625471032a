//! Handlers that get their body as it arrives.

use super::{
    super::{
        exchange::{BULK_BYTES, Inflow},
        http::{Place, Step, Stream},
        serving::{Serving, closing},
        work::{Ended, Passed, Started},
    },
    Arrival,
};
use crate::{
    Request,
    blocks::Collected,
    body,
    caught::{caught, discard},
    context::RequestParts,
    handler::{EndpointKind, StreamHandler},
    response::{Persistence, Response},
};
use std::{rc::Rc, sync::Arc};
use sws_proto::http1::{BodyDecoder, Framing};

impl<S: 'static> Serving<'_, S> {
    /// Answers for a sink that panicked.
    #[cold]
    pub(in crate::connection) fn sink_failed(&mut self, used: usize) -> Step {
        let Place::Stream(stream) = std::mem::replace(self.place, Place::Head { partial: false })
        else {
            return Step::On(used);
        };
        let Stream {
            sink,
            decoder,
            facts,
            after,
            ..
        } = *stream;
        let mut reply = self.work.panicked();
        self.work.panics += discard(sink);
        if let Some((layers, count, parts)) = after {
            self.work.after(&layers, count, &parts.view(), &mut reply);
        }
        let closes = self.give(facts.last(), reply);
        if !closes {
            self.skip_body(decoder);
        }
        closing(closes, used)
    }

    /// Lets a sink answer that has all of its body.
    pub(in crate::connection) fn end_stream(&mut self, stream: Stream<S>, used: usize) -> Step {
        let Stream {
            sink,
            mut facts,
            after,
            ..
        } = stream;
        // A stop that began meanwhile makes this the last answer.
        if self.work.draining {
            facts.persistence = Persistence::Close;
        }
        let capture = after.is_some();
        let end = |state: &mut S, response: Response<'_>| Ok(sink.end(state, response));
        let ended = self.work.answer(self.at, facts, capture, self.out, end);
        let closes = match (&ended, &after) {
            (Ended::Written(closes), _) => *closes,
            (_, Some((layers, count, parts))) => {
                let passed = Passed {
                    layers: Some(layers),
                    count: *count,
                };
                self.settle(facts, ended, passed, Some(&parts.view()))
            }
            (_, None) => self.settle(facts, ended, Passed::NONE, None),
        };
        closing(closes, used)
    }
}

impl<S: 'static> Arrival<'_, S> {
    pub(super) fn open_sink(
        &self,
        handler: &dyn StreamHandler<S>,
        request: &Request<'_>,
        passed: usize,
        body_max: u64,
        serving: &mut Serving<'_, S>,
    ) -> Step {
        let Self {
            facts, head, len, ..
        } = *self;
        let state = &serving.work.state;
        let open = || handler.open(&mut state.borrow_mut(), request);
        let Some(sink) = caught(open) else {
            let mut reply = serving.work.panicked();
            if let Some(layers) = &self.entry.layers {
                serving.work.after(layers, passed, request, &mut reply);
            }
            let facts = facts.last();
            return serving.give_and_skip(facts, head, len, reply, body_max);
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
        self.expect_continue(serving.out);
        if head.framing == Framing::None {
            return serving.end_stream(stream, len);
        }
        *serving.place = Place::Stream(Box::new(stream));
        Step::On(len)
    }

    /// Starts a handler that gets its body as it arrives.
    pub(super) fn start_stream(
        &self,
        request: &Request<'_>,
        count: usize,
        body_max: u64,
        serving: &mut Serving<'_, S>,
    ) -> Step {
        let Self {
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
        let (inbox, conn) = (Arc::clone(&serving.work.local.inbox), serving.at.id);
        let mut feed = None;
        let empty = head.framing == Framing::None;
        let start = |context, done, number| {
            let (its_feed, stream) = body::feed(inbox, conn, number);
            if empty {
                its_feed.complete();
            } else {
                feed = Some(its_feed);
            }
            handler.start(context, stream, done)
        };
        self.expect_continue(serving.out);
        match serving.work.start(serving.at, facts, &parts, passed, start) {
            Started::Running(mut exchange) => {
                if feed.is_some() {
                    exchange.inflow = Some(Inflow {
                        feed,
                        decoder: BodyDecoder::new(head.framing, body_max),
                        received: 0,
                        complete: false,
                    });
                }
                *serving.place = Place::Exchange(exchange);
                Step::On(len)
            }
            Started::Ended(mut reply) => {
                if let Some(layers) = passed.layers {
                    serving.work.after(layers, count, &parts.view(), &mut reply);
                }
                let mut facts = facts;
                if head.expect_continue && !empty {
                    // It has been told to send a body that nobody will take.
                    facts.persistence = Persistence::Close;
                }
                serving.give_and_skip(facts, head, len, reply, body_max)
            }
        }
    }
}
