//! A connection that is no longer HTTP.

use super::{
    ConnId, ConnRef, Next,
    http::{Place, Step},
    serving::Serving,
    work::{Facts, Passed, Work},
};
use crate::{
    Config, Request,
    caught::caught,
    config::WebSocketOverflow,
    reactor::Waiting,
    reply::{Field, Reply},
    ws::{Closed, Command, Route, Shared, Socket, Topic, WebSocket},
};
use std::sync::Arc;
use sws_proto::{
    http1::{Head, response},
    ws::{
        Close, CloseCode, Decoder, Event, Message, Role, encode,
        handshake::server::{self, Refusal},
    },
};

/// What the configuration says about WebSockets.
pub(crate) struct Settings {
    message_bytes_max: u32,
    queue_bytes_max: usize,
    overflow: WebSocketOverflow,
    pings: bool,
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            message_bytes_max: config.websocket_message_bytes_max,
            queue_bytes_max: config.websocket_queue_bytes_max,
            overflow: config.websocket_overflow,
            pings: config.websocket_ping_interval.is_some(),
        }
    }
}

pub(crate) struct WsConn<S> {
    handler: Box<dyn WebSocket<S>>,
    decoder: Decoder,
    /// With this connection's senders, if there are any.
    shared: Option<Arc<Shared>>,
    topics: Vec<Topic>,
    protocol: Option<Box<str>>,
    /// A ping has been sent and nothing heard since.
    pinged: bool,
    /// The close frame that was sent, by whomever.
    closing: Option<CloseCode>,
    /// How it ended, once that is known.
    ended: Option<Closed>,
}

/// Answers a request for a WebSocket. `Err`: it was refused; whether the connection closes now.
pub(super) fn open<S: 'static>(
    route: &Route<S>,
    settings: &Settings,
    facts: Facts,
    head: &Head<'_, '_>,
    request: &Request<'_>,
    passed: Passed<'_, S>,
    serving: &mut Serving<'_, S>,
) -> Result<(), bool> {
    let allowed = allow(route, serving.work, head, request);
    let (key, handler) = match allowed {
        Ok(allowed) => allowed,
        Err(mut reply) => {
            if let Some(layers) = passed.layers {
                serving
                    .work
                    .after(layers, passed.count, request, &mut reply);
            }
            // What follows the head may be frames.
            reply.close |= head.framing.has_body();
            return Err(serving.give(facts, *reply));
        }
    };
    let options = &route.options;
    let supported: Vec<&str> = options.protocols.iter().map(String::as_str).collect();
    let protocol = server::select_protocol(head, &supported);
    server::answer(serving.out, &key, protocol);
    response::end(serving.out);
    let limit = options
        .message_bytes_max
        .unwrap_or(settings.message_bytes_max);
    let mut socket = Box::new(WsConn {
        handler,
        decoder: Decoder::new(Role::Server, limit),
        shared: None,
        topics: Vec::new(),
        protocol: protocol.map(Into::into),
        pinged: false,
        closing: None,
        ended: None,
    });
    let Serving { work, at, out, .. } = serving;
    socket.call(work, settings, *at, out, |handler, state, socket| {
        handler.open(state, socket);
    });
    *serving.place = Place::WebSocket(socket);
    Ok(())
}

type Accepted<S> = (sws_proto::ws::handshake::Key, Box<dyn WebSocket<S>>);

fn allow<S: 'static>(
    route: &Route<S>,
    work: &mut Work<S>,
    head: &Head<'_, '_>,
    request: &Request<'_>,
) -> Result<Accepted<S>, Box<Reply>> {
    let key = server::check(head).map_err(refusal)?;
    if let Some(origins) = &route.options.origins {
        let allowed: Vec<&str> = origins.iter().map(String::as_str).collect();
        if server::origin(head, &allowed) == server::Origin::Forbidden {
            let reply = Reply::text("this origin is not allowed\n").status(403);
            return Err(Box::new(reply));
        }
    }
    if work.draining {
        let reply = Reply::text("the server is stopping\n").status(503);
        return Err(Box::new(reply));
    }
    let state = &work.state;
    let open = || (route.open)(&mut state.borrow_mut(), request);
    match caught(open) {
        Some(handler) => Ok((key, handler?)),
        None => Err(Box::new(work.panicked())),
    }
}

fn refusal(refusal: Refusal) -> Box<Reply> {
    let mut reply = Reply::text(format!("{refusal}\n")).status(refusal.status());
    for (name, value) in refusal.fields() {
        // `Connection: Upgrade` goes with `Upgrade` (RFC 9110, 7.8), so these are not checked like a user's.
        reply.fields.push(Field {
            name: (*name).into(),
            value: value.as_bytes().to_vec(),
        });
    }
    Box::new(reply)
}

impl<S: 'static> WsConn<S> {
    /// Calls the handler; one that panics costs its connection.
    fn call(
        &mut self,
        work: &mut Work<S>,
        settings: &Settings,
        at: ConnRef,
        out: &mut Vec<u8>,
        act: impl FnOnce(&mut dyn WebSocket<S>, &mut S, &mut Socket<'_>),
    ) {
        let start = out.len();
        let mut socket = Socket {
            at,
            out,
            inbox: &work.local.inbox,
            shared: &mut self.shared,
            topics: &mut self.topics,
            protocol: self.protocol.as_deref(),
            queue_bytes_max: settings.queue_bytes_max,
            closing: &mut self.closing,
        };
        let (handler, state) = (&mut self.handler, &work.state);
        let call = || act(&mut **handler, &mut state.borrow_mut(), &mut socket);
        if caught(call).is_none() {
            work.panics += 1;
            out.truncate(start);
            self.closing = None;
            self.close(CloseCode::INTERNAL_ERROR, "", out);
        }
    }

    fn close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) {
        if self.closing.is_none() {
            self.closing = Some(code);
            encode::close(out, Some(Close { code, reason }), None);
        }
    }

    /// Frames came.
    pub(crate) fn data(
        &mut self,
        work: &mut Work<S>,
        settings: &Settings,
        at: ConnRef,
        mut input: &[u8],
        high_water: usize,
        out: &mut Vec<u8>,
    ) -> Step {
        let (len, start) = (input.len(), out.len());
        self.pinged &= input.is_empty();
        let mut scratch = std::mem::take(&mut work.pieces);
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::new(Role::Server, 0));
        let mut end = None;
        while self.closing.is_none() {
            if out.len() - start >= high_water {
                end = Some(Step::Blocked(len - input.len()));
                break;
            }
            match decoder.decode(&mut input, &mut scratch) {
                Ok(None) => break,
                Ok(Some(Event::Message(message))) => {
                    self.message(work, settings, at, message, out);
                }
                Ok(Some(Event::Ping(payload))) => {
                    // A ping's payload fits a pong.
                    let _ = encode::pong(out, payload, None);
                }
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(close))) => {
                    self.ended = Some(Closed::ByPeer(close.map(|c| (c.code, c.reason.to_owned()))));
                    encode::close(out, close, None);
                    end = Some(Step::Close);
                    break;
                }
                Err(error) => {
                    work.bad_requests += 1;
                    self.close(error.close_code(), error.reason(), out);
                }
            }
        }
        self.decoder = decoder;
        work.pieces = scratch;
        match end {
            Some(end) => end,
            None if self.closing.is_some() => Step::Close,
            None => Step::Wait(len - input.len(), Waiting::Socket),
        }
    }

    #[inline]
    fn message(
        &mut self,
        work: &mut Work<S>,
        settings: &Settings,
        at: ConnRef,
        message: Message<'_>,
        out: &mut Vec<u8>,
    ) {
        work.messages += 1;
        self.call(work, settings, at, out, |handler, state, socket| {
            handler.message(state, socket, message);
        });
    }

    /// Somebody else wants something sent.
    pub(crate) fn command(
        &mut self,
        work: &mut Work<S>,
        settings: &Settings,
        at: ConnRef,
        command: Command,
        out: &mut Vec<u8>,
    ) -> Step {
        match command {
            Command::Send(frame) => {
                if let Some(shared) = &self.shared {
                    shared.delivered(frame.len());
                }
                self.publish(work, settings, at, &frame, out)
            }
            Command::Close(code, reason) => {
                self.close(code, &reason, out);
                Step::Close
            }
        }
    }

    /// Sends an encoded frame, unless too much is unsent already.
    pub(crate) fn publish(
        &mut self,
        work: &mut Work<S>,
        settings: &Settings,
        at: ConnRef,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Step {
        if at.unsent > 0 && at.unsent + frame.len() > settings.queue_bytes_max {
            work.messages_dropped += 1;
            return match settings.overflow {
                WebSocketOverflow::Drop => Step::Wait(0, Waiting::Socket),
                WebSocketOverflow::Close => {
                    self.close(CloseCode::TRY_LATER, "too slow", out);
                    Step::Close
                }
            };
        }
        out.extend_from_slice(frame);
        Step::Wait(0, Waiting::Socket)
    }

    /// Nothing was heard for as long as pings are apart.
    pub(crate) fn timed_out(&mut self, settings: &Settings, out: &mut Vec<u8>) -> Next {
        if self.pinged {
            self.ended = Some(Closed::Lost);
            return Next::Break;
        }
        if settings.pings {
            self.pinged = true;
            // It is empty.
            let _ = encode::ping(out, &[], None);
        }
        Next::Wait(Waiting::Socket)
    }

    /// The connection closes: its senders learn of it now, not when the peer has closed, too.
    pub(crate) fn takes_no_more(&self) {
        if let Some(shared) = &self.shared {
            shared.close();
        }
    }

    /// The server is stopping.
    pub(crate) fn say_goodbye(&mut self, out: &mut Vec<u8>) {
        self.takes_no_more();
        self.close(CloseCode::GOING_AWAY, "", out);
    }

    /// The connection is over.
    pub(crate) fn closed(mut self, work: &mut Work<S>, id: ConnId) {
        self.takes_no_more();
        for topic in self.topics.drain(..) {
            topic.0.leave(&work.local.inbox, id);
        }
        let reason = match (self.ended.take(), self.closing) {
            (Some(ended), _) => ended,
            (None, Some(code)) => Closed::ByServer(code),
            (None, None) => Closed::Lost,
        };
        let (handler, state) = (&mut self.handler, &work.state);
        let close = || handler.close(&mut state.borrow_mut(), id, &reason);
        if caught(close).is_none() {
            work.panics += 1;
        }
    }
}
