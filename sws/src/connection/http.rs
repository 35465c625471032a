//! HTTP/1.1 on one connection: heads, bodies, handlers, answers in order.

use super::{
    ConnId, ConnRef, Next, Progress, Protocol,
    arrival::{Arrival, Body, closing, end_stream, length_required, sink_failed, without_route},
    exchange::{BULK_BYTES, Exchange},
    render::{self, Pumped},
    websocket::WsConn,
    work::{Ended, Facts, Passed, Work},
};
use crate::{
    Config, Request,
    blocks::{Blocks, Collected},
    caught::{caught, discard},
    config::HEADER_SLOTS,
    context::RequestParts,
    counters::Counters,
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
    cell::RefCell,
    collections::VecDeque,
    mem::MaybeUninit,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use sws_proto::http1::{BodyDecoder, Framing, Head, Limits, Method, head};

/// Tasks that are polled in one turn before connections get theirs.
const TASKS_PER_TURN: usize = 256;
/// What mail means for connections is told to them when it is so much, so that a message for many does not become many
/// at a time.
const EVENTS_AT_ONCE: usize = 4096;

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
    pub(super) sockets: super::websocket::Settings,
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
            sockets: super::websocket::Settings::new(config),
        }
    }

    #[inline]
    fn head(&mut self, at: ConnRef, place: &mut Place<S>, input: &[u8], out: &mut Vec<u8>) -> Step {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        match head::parse(input, &mut slots, &self.limits) {
            Ok(Some((head, len))) => {
                self.work.requests += 1;
                *place = Place::Head { partial: false };
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
                            let passed = Passed::NONE;
                            let closes = work.settle(at, facts, ended, passed, None, place, out);
                            closing(closes, len)
                        }
                    };
                }
                let arrival = Arrival {
                    at,
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
                    work,
                    place,
                    out,
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
                without_route(work, at, place, head, len, reply, layers, body_max, out)
            }
            Found::Nothing => {
                let reply = Reply::text("not found\n").status(404);
                let layers = self.table.layers_of(head.path);
                without_route(work, at, place, head, len, reply, layers, body_max, out)
            }
        }
    }

    /// Goes on with a body that a handler takes whole.
    fn more_whole(
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
                at,
                facts,
                entry,
                head: &head,
                len,
                input: &[],
            };
            return arrival.serve(
                request,
                Body::Collected(body),
                passed,
                used,
                work,
                place,
                out,
            );
        }
        work.refuse(500, "lost request", false, out)
    }

    /// Goes on with a body that is streamed into a sink.
    fn more_stream(
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
                            return sink_failed(work, at, place, used, out);
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
            Place::Stream(stream) => end_stream(work, at, *stream, used, place, out),
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

    /// Goes on with an exchange: its request's body, then its answer.
    fn more_exchange(
        &mut self,
        at: ConnRef,
        place: &mut Place<S>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Step {
        let Place::Exchange(exchange) = place else {
            return Step::On(0);
        };
        let mut used = 0;
        let mut waiting = Waiting::Answer;
        if let Some(inflow) = &mut exchange.inflow {
            match inflow.take(input) {
                Ok((taken, on)) => {
                    (used, waiting) = (taken, on);
                    if inflow.complete {
                        exchange.inflow = None;
                    }
                }
                Err(_) if exchange.outflow.is_some() => return Step::Break,
                Err(error) => {
                    let head_only = exchange.facts.head_only;
                    return self.work.refuse_parse(error, head_only, out);
                }
            }
        }
        let Some(outflow) = &mut exchange.outflow else {
            return Step::Wait(used, waiting);
        };
        let room = self.high_water.saturating_sub(at.unsent);
        match outflow.pump(room, out) {
            Pumped::Done => finish_exchange(&self.work, place, used),
            Pumped::Empty => Step::Wait(used, waiting),
            Pumped::Full => Step::Blocked(used),
            Pumped::Broken if outflow.is_until_close() => Step::Break,
            // It shows; what was said before is not lost.
            Pumped::Broken => Step::Close,
        }
    }

    /// The answer of an exchange has come.
    fn answered(
        &mut self,
        at: ConnRef,
        place: &mut Place<S>,
        mut reply: Box<Reply>,
        out: &mut Vec<u8>,
    ) -> Step {
        let Place::Exchange(exchange) = place else {
            return Step::On(0);
        };
        exchange.task = None;
        if let Some(after) = exchange.after.take() {
            let request = after.parts.view();
            self.work
                .after(&after.layers, after.passed, &request, &mut reply);
        }
        let manner = self.work.manner(exchange.facts);
        let (closing, outflow) = render::reply(&manner, *reply, out);
        exchange.closing = closing;
        match outflow {
            Some(outflow) => {
                exchange.flow_out(&self.work.local.inbox, at.id, outflow);
                self.more_exchange(at, place, &[], out)
            }
            None => finish_exchange(&self.work, place, 0),
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

    /// Does what a letter asks for.
    fn read_letter(&mut self, letter: Mail, events: &mut Vec<(ConnId, Event)>) {
        match letter {
            Mail::Answer(conn, number, reply) => {
                let mut state = self.work.state.borrow_mut();
                self.work.panics += self.hooks.deferred(&mut state, conn, &reply);
                events.push((conn, Event::Answer(number, reply)));
            }
            Mail::Pump(conn, number) => events.push((conn, Event::Pump(number))),
            Mail::Invoke(act) => {
                let state = &self.work.state;
                if caught(|| act(&mut *state.borrow_mut())).is_none() {
                    self.work.panics += 1;
                }
            }
            Mail::WebSocket(conn, command) => events.push((conn, Event::WebSocket(command))),
            Mail::Publish(members, frame) => {
                for conn in members.of(&self.work.local.inbox) {
                    events.push((conn, Event::Publish(frame.clone())));
                }
            }
        }
    }
}

/// An exchange is complete: what comes next on its connection.
fn finish_exchange<S>(work: &Work<S>, place: &mut Place<S>, used: usize) -> Step {
    let Place::Exchange(exchange) = std::mem::replace(place, Place::Head { partial: false }) else {
        return Step::On(used);
    };
    if exchange.closing || work.draining {
        return Step::Close;
    }
    let mut exchange = exchange;
    if let Some(inflow) = exchange.inflow.take() {
        *place = Place::Discard(Box::new(inflow.decoder));
    }
    Step::On(used)
}

impl<S: 'static> Protocol for Http<S> {
    type Conn = HttpConn<S>;
    type Event = Event;

    fn second(&mut self, unix_seconds: u64) {
        self.work.prefix.update(unix_seconds);
    }

    fn drain(&mut self) {
        self.work.draining = true;
    }

    #[inline]
    fn data(
        &mut self,
        at: ConnRef,
        conn: &mut HttpConn<S>,
        input: &[u8],
        fresh: usize,
        out: &mut Vec<u8>,
    ) -> Progress {
        let start = out.len();
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let place = &mut conn.place;
            let step = match *place {
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
                    self.head(at, place, rest, out)
                }
                Place::Whole(_) => self.more_whole(at, place, rest, out),
                Place::Stream(_) => self.more_stream(at, place, rest, out),
                Place::Discard(_) => self.more_discard(place, rest),
                Place::Exchange(_) => {
                    let mut at = at;
                    at.unsent += out.len() - start;
                    self.more_exchange(at, place, rest, out)
                }
                Place::WebSocket(ref mut socket) => {
                    if out.len() - start >= self.high_water {
                        return Progress {
                            consumed,
                            next: Next::Blocked,
                        };
                    }
                    socket.data(
                        &mut self.work,
                        &self.sockets,
                        at,
                        rest,
                        self.high_water,
                        out,
                    )
                }
            };
            match step {
                Step::On(used) => consumed += used,
                other => {
                    if let Some(progress) = Self::progress(&other, consumed, input.len()) {
                        self.let_go(conn, progress.next);
                        return progress;
                    }
                }
            }
        }
    }

    fn read_mail(&mut self, events: &mut Vec<(ConnId, Event)>) -> bool {
        if self.mail.is_empty() {
            if !self.work.local.inbox.has_mail() {
                return false;
            }
            self.work.local.inbox.take(&mut self.mail);
        }
        while events.len() < EVENTS_AT_ONCE {
            let Some(letter) = self.mail.pop_front() else {
                self.mail.shrink_to(EVENTS_AT_ONCE);
                return false;
            };
            self.read_letter(letter, events);
        }
        true
    }

    fn run(&mut self, events: &mut Vec<(ConnId, Event)>) {
        if !self.ticks.is_empty() {
            let mut state = self.work.state.borrow_mut();
            self.work.panics += self.hooks.tick(&mut self.ticks, &mut state);
        }
        let local = &self.work.local;
        local.executor.run(TASKS_PER_TURN);
        let mut answers = local.answers.borrow_mut();
        if !answers.is_empty() {
            events.extend(
                answers
                    .drain(..)
                    .map(|(conn, number, reply)| (conn, Event::Answer(number, Box::new(reply)))),
            );
        }
    }

    #[inline]
    fn patience(&self) -> Option<Duration> {
        let local = &self.work.local;
        if local.inbox.has_mail() || local.executor.is_ready() {
            return Some(Duration::ZERO);
        }
        let tasks = local.executor.next_deadline();
        let first = match (tasks, self.ticks.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) => a.min(b),
            (Some(at), None) | (None, Some(at)) => at,
        };
        Some(first.saturating_duration_since(Instant::now()))
    }

    fn event(
        &mut self,
        at: ConnRef,
        conn: &mut HttpConn<S>,
        event: Event,
        out: &mut Vec<u8>,
    ) -> Next {
        let place = &mut conn.place;
        let step = match (event, &mut *place) {
            (Event::Answer(number, reply), Place::Exchange(exchange))
                if exchange.number == number && exchange.outflow.is_none() =>
            {
                self.answered(at, place, reply, out)
            }
            (Event::Pump(number), Place::Exchange(exchange)) if exchange.number == number => {
                self.more_exchange(at, place, &[], out)
            }
            (Event::WebSocket(command), Place::WebSocket(socket)) => {
                socket.command(&mut self.work, &self.sockets, at, command, out)
            }
            (Event::Publish(frame), Place::WebSocket(socket)) => {
                socket.publish(&mut self.work, &self.sockets, at, &frame, out)
            }
            // It has moved on.
            _ => return Next::Stay,
        };
        let next = match Self::progress(&step, 0, 0) {
            Some(progress) => progress.next,
            None => Next::Wait(match place {
                Place::Discard(_) => Waiting::Body,
                _ => Waiting::Request,
            }),
        };
        self.let_go(conn, next);
        next
    }

    fn say_goodbye(&mut self, conn: &mut HttpConn<S>, out: &mut Vec<u8>) -> bool {
        match &mut conn.place {
            Place::WebSocket(socket) => {
                socket.say_goodbye(out);
                true
            }
            _ => false,
        }
    }

    fn timed_out(&mut self, conn: &mut HttpConn<S>, waiting: Waiting, out: &mut Vec<u8>) -> Next {
        let next = match &mut conn.place {
            // A request that has been answered before its body was skipped gets no second answer.
            Place::Discard(_) => Next::Close,
            // A stream may be silent; what the client does not take has a timeout of its own.
            Place::Exchange(exchange) if exchange.outflow.is_some() && waiting.is_for_handler() => {
                Next::Wait(waiting)
            }
            Place::Exchange(exchange) if exchange.outflow.is_some() => Next::Break,
            Place::Exchange(exchange) if waiting.is_for_handler() => {
                self.work.handler_timeout(exchange.facts, out);
                Next::Close
            }
            Place::WebSocket(socket) => socket.timed_out(&self.sockets, out),
            _ => {
                self.work
                    .refuse(408, "the request took too long", false, out);
                Next::Close
            }
        };
        self.let_go(conn, next);
        next
    }

    fn closed(&mut self, id: ConnId, conn: HttpConn<S>) {
        let work = &mut self.work;
        let panicked = match conn.place {
            Place::Head { .. } | Place::Discard(_) => 0,
            Place::WebSocket(socket) => caught(|| socket.closed(work, id)).is_none().into(),
            place => discard(place),
        };
        self.work.panics += panicked;
    }

    fn count(&self, counters: &mut Counters) {
        counters.requests = self.work.requests;
        counters.bad_requests = self.work.bad_requests;
        counters.panics = self.work.panics + self.work.local.executor.panics();
        counters.tasks = self.work.local.executor.len() as u64;
        counters.large_blocks_used = self.work.blocks.used().into();
        counters.websocket_messages = self.work.messages;
        counters.websocket_overflows = self.work.messages_dropped;
    }
}

impl<S> Drop for Http<S> {
    /// The reactor is over: nothing more comes in, and what waits ends.
    fn drop(&mut self) {
        let local = &self.work.local;
        local.inbox.close();
        local.executor.abort_all();
        local.answers.borrow_mut().clear();
    }
}

/// What a protocol that is tested by itself stands on; to be dropped after it.
#[cfg(test)]
pub(crate) struct Alone {
    _local: crate::local::Entered,
    _tasks: crate::task::Entered,
}

#[cfg(test)]
impl<S: 'static> Http<S> {
    /// A protocol without a server around it, on this thread.
    pub(crate) fn alone(config: &Config, router: crate::Router<S>, state: S) -> (Self, Alone) {
        let executor = crate::task::Executor::new(Arc::new(|| ()), config.tasks_max);
        let tasks = crate::task::enter(Rc::clone(&executor));
        let state = Rc::new(RefCell::new(state));
        let local = Rc::new(Local {
            executor,
            inbox: Arc::new(crate::remote::Inbox::new(|| ())),
            peers: Arc::new(crate::peers::Peers::new(1).unwrap()),
            state: Rc::clone(&state) as Rc<_>,
            answers: RefCell::default(),
        });
        let alone = Alone {
            _local: crate::local::enter(Rc::clone(&local)),
            _tasks: tasks,
        };
        let table = Arc::new(router.compile().unwrap());
        (
            Self::new(config, table, Arc::new(Hooks::new()), state, local),
            alone,
        )
    }
}
