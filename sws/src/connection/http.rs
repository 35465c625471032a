//! HTTP/1.1 on one connection: where it is in its requests, and what a head leads to.

#[cfg(test)]
mod alone;
mod answers;
mod bodies;
mod protocol;

use super::{
    ConnRef, Next, Progress,
    arrival::Arrival,
    exchange::Exchange,
    serving::{Serving, closing, length_required},
    websocket::{self, WsConn},
    work::{Ended, Facts, Passed, Work},
};
use crate::{
    Config, Request,
    blocks::{Blocks, Collected},
    caught::discard,
    config::HEADER_SLOTS,
    context::RequestParts,
    extensions::Extensions,
    handler::{BodySink, EndpointKind},
    hooks::{Hooks, Ticks},
    local::Local,
    middleware::Layers,
    reactor::{CONN_HOT_BYTES, Waiting},
    remote::Mail,
    reply::Reply,
    table::{Found, Table, params},
    ws::{Command, Frame},
};
use std::{
    cell::RefCell, collections::VecDeque, mem::MaybeUninit, rc::Rc, sync::Arc, time::Instant,
};
use sws_proto::http1::{BodyDecoder, Framing, Head, Limits, Method, head};

/// The protocol of one reactor: its handlers, its state, its scratch memory.
pub(crate) struct Http<S> {
    table: Arc<Table<S>>,
    hooks: Arc<Hooks<S>>,
    ticks: Ticks,
    limits: Limits,
    body_buffered_max: u64,
    high_water: usize,
    /// What came by mail and has not been read.
    mail: VecDeque<Mail>,
    /// Apart from the table, which is borrowed while these are changed.
    pub(super) work: Work<S>,
    pub(super) sockets: websocket::Settings,
}

/// Where a connection is in its stream of requests.
pub(crate) struct HttpConn<S> {
    place: Place<S>,
}

pub(crate) enum Place<S> {
    /// Before a head, or (`partial`) within one that is in the leftover input.
    Head { partial: bool },
    /// Within a body that a handler takes whole.
    Whole(Box<Whole>),
    /// Within a body that is streamed into a sink.
    Stream(Box<Stream<S>>),
    /// Within the body of a request that has been answered already.
    Discard(Box<BodyDecoder>),
    /// Waiting for an answer, or for the rest of one.
    Exchange(Box<Exchange<S>>),
    /// No longer HTTP.
    WebSocket(Box<WsConn<S>>),
}

/// A request whose body is incomplete. The head is kept as it came and parsed again at the end: that costs less
/// than keeping what was parsed, and happens only to bodies that are cut.
pub(crate) struct Whole {
    pub(super) facts: Facts,
    pub(super) head: Vec<u8>,
    pub(super) body: Collected,
    /// Length of the body, if it was announced.
    pub(super) announced: u64,
    pub(super) decoder: BodyDecoder,
    pub(super) extensions: Extensions,
    pub(super) passed: usize,
}

pub(crate) struct Stream<S> {
    pub(super) sink: Box<dyn BodySink<S>>,
    pub(super) decoder: BodyDecoder,
    pub(super) facts: Facts,
    /// Middleware that is to see the answer, and the request for it.
    pub(super) after: Option<(Layers<S>, usize, Rc<RequestParts>)>,
    /// Whether the body is long, as far as is known.
    pub(super) bulk: bool,
    /// Bytes received so far, framing included.
    pub(super) received: u64,
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
pub(crate) enum Step {
    /// So many bytes are done with; there may be more to do with the rest.
    On(usize),
    /// So many bytes are done with; wait for more.
    Wait(usize, Waiting),
    /// So many bytes are done with; there is more to say once the client has taken what was said.
    Blocked(usize),
    Close,
    /// The peer must see that its answer is not complete.
    Break,
}

/// What happens to a connection besides bytes.
pub(crate) enum Event {
    /// The answer of an exchange.
    Answer(u32, Box<Reply>),
    /// A stream of an exchange goes on.
    Pump(u32),
    WebSocket(Command),
    /// A message that was encoded for many.
    Publish(Frame),
}

impl<S: 'static> Http<S> {
    pub(crate) fn new(
        config: &Config,
        table: Arc<Table<S>>,
        hooks: Arc<Hooks<S>>,
        state: Rc<RefCell<S>>,
        local: Rc<Local>,
    ) -> Self {
        let blocks = Blocks::new(config.large_blocks, config.body_buffered_bytes_max);
        Self {
            ticks: hooks.ticks(Instant::now()),
            table,
            hooks,
            limits: config.limits(),
            body_buffered_max: config.body_buffered_bytes_max as u64,
            high_water: config.output_high_water_bytes,
            mail: VecDeque::new(),
            work: Work::new(state, local, blocks, config.stall_warning),
            sockets: websocket::Settings::new(config),
        }
    }

    #[inline]
    fn head(&mut self, at: ConnRef, place: &mut Place<S>, input: &[u8], out: &mut Vec<u8>) -> Step {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        match head::parse(input, &mut slots, &self.limits) {
            Ok(Some((head, len))) => {
                self.work.requests += 1;
                self.request(at, place, &head, len, input, out)
            }
            Ok(None) => {
                *place = Place::Head { partial: true };
                Step::Wait(0, Waiting::Head)
            }
            Err(error) => {
                let head_only = input.starts_with(b"HEAD ");
                self.work.refuse_parse(error, head_only, out)
            }
        }
    }

    #[inline]
    fn request(
        &mut self,
        at: ConnRef,
        place: &mut Place<S>,
        head: &Head<'_, '_>,
        len: usize,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Step {
        let work = &mut self.work;
        let facts = work.facts(head);
        let body_max = self.limits.body_bytes_max;
        match self.table.find(head.method, head.path) {
            Found::Route(entry, found) => {
                // The usual request first: no middleware, no body, an answer at once.
                if let EndpointKind::Plain(handler) = &entry.endpoint
                    && entry.layers.is_none()
                    && head.framing == Framing::None
                    && !length_required(head)
                {
                    let request = Request::new(at, head, params(found), &[]);
                    return match work.call(at, facts, &**handler, &request, false, out) {
                        Ended::Written(false) => Step::On(len),
                        ended => {
                            let mut serving = Serving::new(work, at, place, out);
                            closing(serving.settle(facts, ended, Passed::NONE, None), len)
                        }
                    };
                }
                let arrival = Arrival {
                    facts,
                    entry,
                    head,
                    len,
                    input,
                };
                arrival.admit(
                    found,
                    self.body_buffered_max,
                    body_max,
                    &self.sockets,
                    &mut Serving::new(work, at, place, out),
                )
            }
            Found::OtherMethods(allow, layers) => {
                let options = head.method == Method::Options;
                let reply = if options {
                    Reply::empty().status(204)
                } else {
                    Reply::text("method not allowed\n").status(405)
                };
                let reply = reply.header("Allow", allow.to_string());
                Serving::new(work, at, place, out).without_route(head, len, reply, layers, body_max)
            }
            Found::Nothing => {
                let reply = Reply::text("not found\n").status(404);
                let layers = self.table.layers_of(head.path);
                Serving::new(work, at, place, out).without_route(head, len, reply, layers, body_max)
            }
        }
    }

    /// Frees what a connection that closes needs no longer: its handler ends now, not when the client has closed.
    #[inline]
    fn let_go(&mut self, conn: &mut HttpConn<S>, next: Next) {
        if !matches!(next, Next::Close | Next::Break) {
            return;
        }
        match &mut conn.place {
            Place::Head { .. } => {}
            // It is told in the end how the connection was closed.
            Place::WebSocket(socket) => socket.takes_no_more(),
            place => {
                let over = std::mem::replace(place, Place::Head { partial: false });
                self.work.panics += discard(over);
            }
        }
    }

    /// What a step means for a connection that has `consumed` bytes behind it.
    fn progress(step: &Step, consumed: usize, len: usize) -> Option<Progress> {
        let (consumed, next) = match *step {
            Step::On(_) => return None,
            Step::Wait(used, waiting) => (consumed + used, Next::Wait(waiting)),
            Step::Blocked(used) => (consumed + used, Next::Blocked),
            Step::Close => (len, Next::Close),
            Step::Break => (len, Next::Break),
        };
        Some(Progress { consumed, next })
    }
}
