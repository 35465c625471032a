//! HTTP/1.1 on one connection: heads, bodies, handlers, answers in order.

use super::{Next, Progress, Protocol};
use crate::{
    Config, Request,
    config::HEADER_SLOTS,
    counters::Counters,
    handler::{Answered, BodySink, Handler},
    reactor::{CONN_HOT_BYTES, Waiting},
    response::{HeadPrefix, Persistence, Response},
    router::{Found, PathParams, Route, Router},
};
use std::{
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use sws_proto::http1::{
    BodyDecoder, Framing, Head, Limits, Method, ParseError, Version, head, response,
};

/// A streamed body from this length on is received in large pieces.
const BULK_BYTES: u64 = 128 * 1024;

/// The protocol of one reactor: its handlers, its state, its scratch memory.
pub(crate) struct Http<S> {
    router: Arc<Router<S>>,
    limits: Limits,
    body_buffered_max: u64,
    high_water: usize,
    /// Apart from the router, which is borrowed while these are changed.
    work: Work<S>,
}

/// What a handler's call changes.
struct Work<S> {
    state: S,
    prefix: HeadPrefix,
    /// Header fields of the answer being made.
    fields: Vec<u8>,
    /// A body that arrived in several pieces within one read.
    pieces: Vec<u8>,
    draining: bool,
    requests: u64,
    bad_requests: u64,
    panics: u64,
}

/// Where a connection is in its stream of requests.
pub(crate) struct HttpConn<S> {
    place: Place<S>,
}

enum Place<S> {
    /// Before a head, or (`partial`) within one that is in the leftover input.
    Head { partial: bool },
    /// Within a body that a handler takes whole.
    Whole(Box<Whole>),
    /// Within a body that is streamed.
    Stream(Box<Stream<S>>),
    /// Within the body of a request that has been answered already.
    Discard(Box<BodyDecoder>),
}

/// A request whose body is incomplete. The head is kept as it came and parsed again at the end: that costs less
/// than keeping what was parsed, and happens only to bodies that are cut.
struct Whole {
    head: Vec<u8>,
    body: Vec<u8>,
    decoder: BodyDecoder,
}

struct Stream<S> {
    sink: Box<dyn BodySink<S>>,
    decoder: BodyDecoder,
    persistence: Persistence,
    /// Whether the body is long, as far as is known.
    bulk: bool,
    /// Bytes received so far, framing included.
    received: u64,
}

impl<S> Default for HttpConn<S> {
    fn default() -> Self {
        Self {
            place: Place::Head { partial: false },
        }
    }
}

// What is rare is in a box, so that a slot fits in one cache line (see `Slot`).
const _: () = assert!(size_of::<HttpConn<()>>() <= CONN_HOT_BYTES);

/// What one step through the input came to.
enum Step {
    /// So many bytes are done with; there may be more to do with the rest.
    On(usize),
    /// So many bytes are done with; wait for more.
    Wait(usize, Waiting),
    Close,
}

impl<S: 'static> Http<S> {
    pub(crate) fn new(config: &Config, router: Arc<Router<S>>, state: S) -> Self {
        Self {
            router,
            limits: config.limits(),
            body_buffered_max: config.body_buffered_bytes_max as u64,
            high_water: config.output_high_water_bytes,
            work: Work {
                state,
                prefix: HeadPrefix::new(0),
                fields: Vec::new(),
                pieces: Vec::new(),
                draining: false,
                requests: 0,
                bad_requests: 0,
                panics: 0,
            },
        }
    }

    #[inline]
    fn head(&mut self, place: &mut Place<S>, input: &[u8], out: &mut Vec<u8>) -> Step {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        match head::parse(input, &mut slots, &self.limits) {
            Ok(Some((head, len))) => {
                self.work.requests += 1;
                *place = Place::Head { partial: false };
                self.request(place, &head, len, input, out)
            }
            Ok(None) => {
                *place = Place::Head { partial: true };
                Step::Wait(0, Waiting::Head)
            }
            Err(error) => self.work.refuse_parse(error, out),
        }
    }

    #[inline]
    fn request(
        &mut self,
        place: &mut Place<S>,
        head: &Head<'_, '_>,
        len: usize,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Step {
        let (work, body_max) = (&mut self.work, self.limits.body_bytes_max);
        match self.router.find(head.method, head.path) {
            Found::Route(Route::Whole(handler), params) => {
                if head.framing == Framing::None {
                    if length_required(head) {
                        return work.refuse(411, "a length is required", out);
                    }
                    return work.call(&**handler, head, params, &[], len, out);
                }
                work.whole(
                    self.body_buffered_max,
                    &**handler,
                    params,
                    place,
                    head,
                    len,
                    input,
                    out,
                )
            }
            Found::Route(Route::Stream(handler), params) => {
                if length_required(head) {
                    return work.refuse(411, "a length is required", out);
                }
                let persistence = work.persistence(head);
                let opened = {
                    let request = Request::new(head, params, &[]);
                    catch_unwind(AssertUnwindSafe(|| handler.open(&mut work.state, &request)))
                };
                let Ok(sink) = opened else {
                    return work.panicked(false, out, out.len());
                };
                let decoder = BodyDecoder::new(head.framing, body_max);
                if head.expect_continue && input.len() == len {
                    out.extend_from_slice(response::CONTINUE);
                }
                let stream = Stream {
                    sink,
                    decoder,
                    persistence,
                    bulk: matches!(head.framing, Framing::Length(bytes) if bytes >= BULK_BYTES),
                    received: 0,
                };
                if head.framing == Framing::None {
                    return work.end_stream(stream, len, out);
                }
                *place = Place::Stream(Box::new(stream));
                Step::On(len)
            }
            Found::OtherMethods(allow) => {
                let allow = allow.to_string();
                let status = if head.method == Method::Options {
                    204
                } else {
                    405
                };
                work.answer_without_route(body_max, place, head, len, out, |response| {
                    let response = response.status(status).header("Allow", allow);
                    if status == 204 {
                        response.empty()
                    } else {
                        response.text("method not allowed\n")
                    }
                })
            }
            Found::Nothing => {
                work.answer_without_route(body_max, place, head, len, out, |response| {
                    response.status(404).text("not found\n")
                })
            }
        }
    }

    /// Goes on with a body that a handler takes whole.
    fn more_whole(&mut self, place: &mut Place<S>, input: &[u8], out: &mut Vec<u8>) -> Step {
        let Place::Whole(whole) = place else {
            return Step::On(0);
        };
        let mut used = 0;
        let done = loop {
            match whole.decoder.decode(&input[used..]) {
                Ok(decoded) => {
                    used += decoded.consumed;
                    whole.body.extend_from_slice(decoded.data);
                    if decoded.done || decoded.consumed == 0 {
                        break decoded.done;
                    }
                }
                Err(error) => return self.work.refuse_parse(error, out),
            }
        };
        if !done {
            return Step::Wait(used, Waiting::Body);
        }
        let Place::Whole(whole) = std::mem::replace(place, Place::Head { partial: false }) else {
            return Step::On(used);
        };
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let work = &mut self.work;
        // It was parsed before, so both patterns hold.
        if let Ok(Some((head, _))) = head::parse(&whole.head, &mut slots, &self.limits)
            && let Found::Route(Route::Whole(handler), params) =
                self.router.find(head.method, head.path)
        {
            return work.call(&**handler, &head, params, &whole.body, used, out);
        }
        work.refuse(500, "lost request", out)
    }

    /// Goes on with a body that is streamed.
    fn more_stream(&mut self, place: &mut Place<S>, input: &[u8], out: &mut Vec<u8>) -> Step {
        let Place::Stream(stream) = place else {
            return Step::On(0);
        };
        let mut used = 0;
        let done = loop {
            match stream.decoder.decode(&input[used..]) {
                Ok(decoded) => {
                    used += decoded.consumed;
                    if !decoded.data.is_empty() {
                        let state = &mut self.work.state;
                        let sink = &mut stream.sink;
                        if catch_unwind(AssertUnwindSafe(|| sink.chunk(state, decoded.data)))
                            .is_err()
                        {
                            return self.work.panicked(false, out, out.len());
                        }
                    }
                    if decoded.done || decoded.consumed == 0 {
                        break decoded.done;
                    }
                }
                Err(error) => return self.work.refuse_parse(error, out),
            }
        };
        if !done {
            stream.received += used as u64;
            // How long a chunked body will be shows only as it comes.
            let bulk = stream.bulk || stream.received >= BULK_BYTES;
            return Step::Wait(used, if bulk { Waiting::Bulk } else { Waiting::Body });
        }
        match std::mem::replace(place, Place::Head { partial: false }) {
            Place::Stream(stream) => self.work.end_stream(*stream, used, out),
            _ => Step::On(used),
        }
    }

    /// Skips the rest of a body that nobody wants.
    fn more_discard(&mut self, place: &mut Place<S>, input: &[u8]) -> Step {
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

/// HTTP/1.0 has no way to say "no body" other than a length, so a request that should have one and does not
/// say how long it is cannot be framed (RFC 1945, 8.3).
fn length_required(head: &Head<'_, '_>) -> bool {
    head.framing == Framing::None
        && head.version == Version::Http10
        && matches!(head.method, Method::Post | Method::Put | Method::Patch)
        && head.header("content-length").is_none()
}

impl<S: 'static> Work<S> {
    #[inline]
    fn persistence(&self, head: &Head<'_, '_>) -> Persistence {
        if !head.keep_alive || self.draining {
            Persistence::Close
        } else if head.version == Version::Http10 {
            Persistence::KeepAlive
        } else {
            Persistence::Implied
        }
    }

    /// Lets a handler answer; `used` bytes of the input are done with.
    #[inline]
    fn call(
        &mut self,
        handler: &dyn Handler<S>,
        head: &Head<'_, '_>,
        params: PathParams<'_, '_>,
        body: &[u8],
        used: usize,
        out: &mut Vec<u8>,
    ) -> Step {
        let persistence = self.persistence(head);
        let head_only = head.method == Method::Head;
        self.answer(persistence, head_only, used, out, |state, response| {
            handler.call(state, &Request::new(head, params, body), response)
        })
    }

    #[inline]
    fn answer(
        &mut self,
        persistence: Persistence,
        head_only: bool,
        used: usize,
        out: &mut Vec<u8>,
        give: impl FnOnce(&mut S, Response<'_>) -> Answered,
    ) -> Step {
        let start = out.len();
        let mut closing = persistence == Persistence::Close;
        let answered = {
            let response = Response::new(
                out,
                &mut self.fields,
                &self.prefix,
                persistence,
                head_only,
                &mut closing,
            );
            let state = &mut self.state;
            // A panicking handler costs one 500, not the reactor. The state is the user's own concern, as with
            // any value that outlives a panic; output is cut back to where it was.
            catch_unwind(AssertUnwindSafe(|| give(state, response)))
        };
        match answered {
            Ok(Answered(())) if closing => Step::Close,
            Ok(Answered(())) => Step::On(used),
            Err(_) => self.panicked(head_only, out, start),
        }
    }

    #[cold]
    fn panicked(&mut self, head_only: bool, out: &mut Vec<u8>, start: usize) -> Step {
        self.panics += 1;
        out.truncate(start);
        self.last_answer(500, "the handler failed\n", head_only, out)
    }

    /// Answers a request that has no handler, then skips its body.
    fn answer_without_route(
        &mut self,
        body_max: u64,
        place: &mut Place<S>,
        head: &Head<'_, '_>,
        len: usize,
        out: &mut Vec<u8>,
        give: impl FnOnce(Response<'_>) -> Answered,
    ) -> Step {
        // Who waits for `100 Continue` may now send the body or not: the stream cannot be followed any further.
        let persistence = if head.expect_continue {
            Persistence::Close
        } else {
            self.persistence(head)
        };
        let step = self.answer(
            persistence,
            head.method == Method::Head,
            len,
            out,
            |_, response| give(response),
        );
        if let Step::On(_) = step
            && head.framing != Framing::None
        {
            *place = Place::Discard(Box::new(BodyDecoder::new(head.framing, body_max)));
        }
        step
    }

    /// A request with a body for a handler that takes it whole: at once if all of it is here.
    #[expect(
        clippy::too_many_arguments,
        reason = "the pieces of one request, borrowed apart"
    )]
    fn whole(
        &mut self,
        body_max: u64,
        handler: &dyn Handler<S>,
        params: PathParams<'_, '_>,
        place: &mut Place<S>,
        head: &Head<'_, '_>,
        len: usize,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Step {
        let mut decoder = BodyDecoder::new(head.framing, body_max);
        let mut pieces = std::mem::take(&mut self.pieces);
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
                    self.pieces = pieces;
                    return self.refuse_parse(error, out);
                }
            }
        };
        let body = if pieces.is_empty() { first } else { &pieces };
        let step = if done {
            self.call(handler, head, params, body, used, out)
        } else {
            if head.expect_continue && input.len() == len {
                out.extend_from_slice(response::CONTINUE);
            }
            let (head, body) = (input[..len].to_vec(), body.to_vec());
            *place = Place::Whole(Box::new(Whole {
                head,
                body,
                decoder,
            }));
            Step::Wait(used, Waiting::Body)
        };
        self.pieces = pieces;
        step
    }

    fn end_stream(&mut self, stream: Stream<S>, used: usize, out: &mut Vec<u8>) -> Step {
        let Stream {
            sink, persistence, ..
        } = stream;
        // A stop that began meanwhile makes this the last answer.
        let persistence = if self.draining {
            Persistence::Close
        } else {
            persistence
        };
        self.answer(persistence, false, used, out, |state, response| {
            sink.end(state, response)
        })
    }

    #[cold]
    fn refuse_parse(&mut self, error: ParseError, out: &mut Vec<u8>) -> Step {
        self.refuse(error.status(), error.reason(), out)
    }

    /// Answers what cannot be served and closes: where the next request starts is unknown.
    #[cold]
    fn refuse(&mut self, status: u16, reason: &str, out: &mut Vec<u8>) -> Step {
        self.bad_requests += 1;
        self.last_answer(status, &format!("{reason}\n"), false, out)
    }

    fn last_answer(&mut self, status: u16, text: &str, head_only: bool, out: &mut Vec<u8>) -> Step {
        let mut closing = true;
        let Answered(()) = Response::new(
            out,
            &mut self.fields,
            &self.prefix,
            Persistence::Close,
            head_only,
            &mut closing,
        )
        .status(status)
        .text(text);
        Step::Close
    }
}

impl<S: 'static> Protocol for Http<S> {
    type Conn = HttpConn<S>;

    fn second(&mut self, unix_seconds: u64) {
        self.work.prefix.update(unix_seconds);
    }

    fn drain(&mut self) {
        self.work.draining = true;
    }

    #[inline]
    fn data(
        &mut self,
        conn: &mut HttpConn<S>,
        input: &[u8],
        fresh: usize,
        out: &mut Vec<u8>,
    ) -> Progress {
        let start = out.len();
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let step = match conn.place {
                Place::Head { partial } => {
                    if rest.is_empty() {
                        return Progress {
                            consumed,
                            next: Next::Wait(Waiting::Request),
                        };
                    }
                    if out.len() - start >= self.high_water {
                        return Progress {
                            consumed,
                            next: Next::Blocked,
                        };
                    }
                    // A head that comes byte by byte is not parsed for every byte.
                    if partial
                        && consumed == 0
                        && rest.len() <= self.limits.target_bytes_max
                        && !head::may_be_complete(&input[fresh..])
                    {
                        return Progress {
                            consumed,
                            next: Next::Wait(Waiting::Head),
                        };
                    }
                    self.head(&mut conn.place, rest, out)
                }
                Place::Whole(_) => self.more_whole(&mut conn.place, rest, out),
                Place::Stream(_) => self.more_stream(&mut conn.place, rest, out),
                Place::Discard(_) => self.more_discard(&mut conn.place, rest),
            };
            match step {
                Step::On(used) => consumed += used,
                Step::Wait(used, waiting) => {
                    return Progress {
                        consumed: consumed + used,
                        next: Next::Wait(waiting),
                    };
                }
                Step::Close => {
                    return Progress {
                        consumed: input.len(),
                        next: Next::Close,
                    };
                }
            }
        }
    }

    fn timed_out(&mut self, conn: &mut HttpConn<S>, _waiting: Waiting, out: &mut Vec<u8>) {
        // A request that has been answered before its body was skipped gets no second answer.
        if !matches!(conn.place, Place::Discard(_)) {
            self.work.refuse(408, "the request took too long", out);
        }
    }

    fn count(&self, counters: &mut Counters) {
        counters.requests = self.work.requests;
        counters.bad_requests = self.work.bad_requests;
        counters.panics = self.work.panics;
    }
}
