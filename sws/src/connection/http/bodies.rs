//! The rest of a body whose beginning came before.

use super::{
    super::{
        ConnRef,
        arrival::{Arrival, Body},
        exchange::BULK_BYTES,
        serving::Serving,
    },
    Http, Place, Step, Whole,
};
use crate::{
    Request,
    caught::caught,
    config::HEADER_SLOTS,
    reactor::Waiting,
    table::{Found, params},
};
use std::mem::MaybeUninit;
use sws_proto::http1::head;

impl<S: 'static> Http<S> {
    /// Goes on with a body that a handler takes whole.
    pub(super) fn more_whole(
        &mut self,
        at: ConnRef,
        place: &mut Place<S>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Step {
        let Place::Whole(whole) = place else {
            return Step::On(0);
        };
        let mut used = 0;
        let done = loop {
            match whole.decoder.decode(&input[used..]) {
                Ok(decoded) => {
                    used += decoded.consumed;
                    let (pool, announced) = (&self.work.blocks, whole.announced);
                    if whole.body.push(pool, decoded.data, announced).is_err() {
                        return self.work.busy(whole.facts, out);
                    }
                    if decoded.done || decoded.consumed == 0 {
                        break decoded.done;
                    }
                }
                Err(error) => return self.work.refuse_parse(error, whole.facts.head_only, out),
            }
        };
        if !done {
            return Step::Wait(used, Waiting::Body);
        }
        let Place::Whole(whole) = std::mem::replace(place, Place::Head { partial: false }) else {
            return Step::On(used);
        };
        let Whole {
            head: kept,
            body,
            extensions,
            passed,
            ..
        } = *whole;
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let work = &mut self.work;
        // It was parsed before, so both patterns hold.
        if let Ok(Some((head, len))) = head::parse(&kept, &mut slots, &self.limits)
            && let Found::Route(entry, found) = self.table.find(head.method, head.path)
        {
            let facts = work.facts(&head);
            let mut request = Request::new(at, &head, params(found), &[]);
            request.extensions = extensions;
            let arrival = Arrival {
                facts,
                entry,
                head: &head,
                len,
                input: &[],
            };
            let mut serving = Serving::new(work, at, place, out);
            return arrival.serve(request, Body::Collected(body), passed, used, &mut serving);
        }
        work.refuse(500, "lost request", false, out)
    }

    /// Goes on with a body that is streamed into a sink.
    pub(super) fn more_stream(
        &mut self,
        at: ConnRef,
        place: &mut Place<S>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Step {
        let Place::Stream(stream) = place else {
            return Step::On(0);
        };
        let work = &mut self.work;
        let mut used = 0;
        let done = loop {
            match stream.decoder.decode(&input[used..]) {
                Ok(decoded) => {
                    used += decoded.consumed;
                    if !decoded.data.is_empty() {
                        let (state, sink) = (&work.state, &mut stream.sink);
                        let chunk = || sink.chunk(&mut state.borrow_mut(), decoded.data);
                        if caught(chunk).is_none() {
                            return Serving::new(work, at, place, out).sink_failed(used);
                        }
                    }
                    if decoded.done || decoded.consumed == 0 {
                        break decoded.done;
                    }
                }
                Err(error) => return work.refuse_parse(error, stream.facts.head_only, out),
            }
        };
        if !done {
            stream.received += used as u64;
            // How long a chunked body will be shows only as it comes.
            let bulk = stream.bulk || stream.received >= BULK_BYTES;
            return Step::Wait(used, if bulk { Waiting::Bulk } else { Waiting::Body });
        }
        match std::mem::replace(place, Place::Head { partial: false }) {
            Place::Stream(stream) => Serving::new(work, at, place, out).end_stream(*stream, used),
            _ => Step::On(used),
        }
    }

    /// Skips the rest of a body that nobody wants.
    pub(super) fn more_discard(&mut self, place: &mut Place<S>, input: &[u8]) -> Step {
        let Place::Discard(decoder) = place else {
            return Step::On(0);
        };
        let mut used = 0;
        loop {
            match decoder.decode(&input[used..]) {
                Ok(decoded) => {
                    used += decoded.consumed;
                    if decoded.done && self.work.draining {
                        return Step::Close;
                    }
                    if decoded.done {
                        *place = Place::Head { partial: false };
                        return Step::On(used);
                    }
                    if decoded.consumed == 0 {
                        return Step::Wait(used, Waiting::Body);
                    }
                }
                // It has been answered; a second answer would be taken for the next request's.
                Err(_) => {
                    self.work.bad_requests += 1;
                    return Step::Close;
                }
            }
        }
    }
}
