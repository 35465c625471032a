//! Calling handlers and writing what they answer.

use super::{
    ConnRef,
    exchange::{After, Exchange},
    http::Step,
    render::{self, Manner},
};
use crate::{
    Request,
    blocks::Blocks,
    caught::caught,
    context::{Context, RequestParts},
    handler::{Answered, Done, Handler},
    local::Local,
    middleware::{Flow, Layers},
    rejection::Rejection,
    reply::{IntoReply, Reply},
    response::{Given, HeadPrefix, Outcome, Persistence, Response},
    state::State,
    task::Task,
};
use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};
use sws_proto::http1::{Head, Method, ParseError, Version};

/// What a reactor's handlers work with, and what calling them changes.
pub(crate) struct Work<S> {
    pub(crate) state: Rc<RefCell<S>>,
    pub(crate) local: Rc<Local>,
    pub(crate) prefix: HeadPrefix,
    /// Header fields of the answer being made.
    fields: Vec<u8>,
    /// A body that arrived in several pieces within one read.
    pub(crate) pieces: Vec<u8>,
    pub(crate) blocks: Rc<Blocks>,
    pub(crate) draining: bool,
    /// Number of the last exchange.
    exchanges: u32,
    pub(crate) requests: u64,
    pub(crate) bad_requests: u64,
    pub(crate) panics: u64,
    /// Messages of WebSockets.
    pub(crate) messages: u64,
    pub(crate) messages_dropped: u64,
    /// A handler that takes longer is reported.
    stall_warning: Option<Duration>,
}

/// What of a request's head decides how its answer is written.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) persistence: Persistence,
    pub(crate) head_only: bool,
    pub(crate) http10: bool,
}

impl Facts {
    /// The same for an answer that is its connection's last.
    pub(crate) fn last(self) -> Self {
        Self {
            persistence: Persistence::Close,
            ..self
        }
    }
}

/// What became of a handler's call.
pub(crate) enum Ended {
    /// The answer is in the output; whether it is the connection's last.
    Written(bool),
    /// The answer is to be written.
    Reply(Box<Reply>),
    /// The answer will come.
    Later(Arc<AtomicBool>),
}

/// Middleware that a request has passed and that is to see its answer.
pub(crate) struct Passed<'a, S> {
    pub(crate) layers: Option<&'a Layers<S>>,
    pub(crate) count: usize,
}

// Not derived: that would ask it of `S`.
impl<S> Clone for Passed<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Passed<'_, S> {}

impl<S> Passed<'_, S> {
    pub(crate) const NONE: Self = Self {
        layers: None,
        count: 0,
    };
}

impl<S: 'static> Work<S> {
    pub(crate) fn new(
        state: Rc<RefCell<S>>,
        local: Rc<Local>,
        blocks: Rc<Blocks>,
        stall_warning: Option<Duration>,
    ) -> Self {
        Self {
            state,
            local,
            prefix: HeadPrefix::new(0),
            fields: Vec::new(),
            pieces: Vec::new(),
            blocks,
            draining: false,
            exchanges: 0,
            requests: 0,
            bad_requests: 0,
            panics: 0,
            messages: 0,
            messages_dropped: 0,
            stall_warning,
        }
    }

    #[inline]
    pub(crate) fn facts(&self, head: &Head<'_, '_>) -> Facts {
        let http10 = head.version == Version::Http10;
        let persistence = if !head.keep_alive || self.draining {
            Persistence::Close
        } else if http10 {
            Persistence::KeepAlive
        } else {
            Persistence::Implied
        };
        Facts {
            persistence,
            head_only: head.method == Method::Head,
            http10,
        }
    }

    /// Lets `give` answer.
    #[inline]
    pub(crate) fn answer(
        &mut self,
        at: ConnRef,
        facts: Facts,
        capture: bool,
        out: &mut Vec<u8>,
        give: impl FnOnce(&mut S, Response<'_>) -> Result<Answered, Rejection>,
    ) -> Ended {
        let start = out.len();
        let closing = facts.persistence == Persistence::Close;
        let mut outcome = Outcome::new(at.id, self.exchanges.wrapping_add(1), closing);
        outcome.capture = capture;
        let response = Response::new(
            out,
            &mut self.fields,
            &self.prefix,
            facts.persistence,
            facts.head_only,
            &mut outcome,
        );
        let state = &self.state;
        // A panicking handler costs one 500, not the reactor. The state is the user's own concern, as with
        // any value that outlives a panic; output is cut back to where it was.
        let result = caught(|| give(&mut state.borrow_mut(), response));
        match (result, outcome.given) {
            (Some(Ok(Answered(()))), None) => Ended::Written(outcome.closing),
            (result, given) => {
                out.truncate(start);
                self.number_exchange();
                match (result, given.map(|given| *given)) {
                    (Some(Ok(_)), Some(Given::Reply(reply))) => Ended::Reply(Box::new(reply)),
                    (Some(Ok(_)), Some(Given::Later(gone))) => Ended::Later(gone),
                    (Some(Err(rejection)), _) => Ended::Reply(Box::new(rejection.into_reply())),
                    _ => Ended::Reply(Box::new(self.panicked())),
                }
            }
        }
    }

    /// Calls a handler that answers at once.
    #[inline]
    pub(crate) fn call(
        &mut self,
        at: ConnRef,
        facts: Facts,
        handler: &dyn Handler<S>,
        request: &Request<'_>,
        capture: bool,
        out: &mut Vec<u8>,
    ) -> Ended {
        let began = self.stall_warning.map(|_| Instant::now());
        let ended = self.answer(at, facts, capture, out, |state, response| {
            handler.call(state, request, response)
        });
        if let (Some(began), Some(limit)) = (began, self.stall_warning)
            && began.elapsed() > limit
        {
            report_stall(request, began.elapsed());
        }
        ended
    }

    #[cold]
    pub(crate) fn panicked(&mut self) -> Reply {
        self.panics += 1;
        Reply::text("the handler failed\n").status(500).close()
    }

    /// Runs middleware before a handler. An answer ends the request there; `count` says how many it has passed.
    pub(crate) fn before(
        &mut self,
        layers: &Layers<S>,
        request: &mut Request<'_>,
        count: &mut usize,
    ) -> Option<Reply> {
        for layer in layers.iter() {
            let state = &self.state;
            let before = || layer.before(&mut state.borrow_mut(), request);
            match caught(before) {
                Some(Flow::Continue) => *count += 1,
                Some(Flow::Answer(reply)) => return Some(reply),
                None => return Some(self.panicked()),
            }
        }
        None
    }

    /// Runs middleware after a handler, the innermost first.
    pub(crate) fn after(
        &mut self,
        layers: &Layers<S>,
        count: usize,
        request: &Request<'_>,
        reply: &mut Reply,
    ) {
        reply.refuse_invalid();
        for layer in layers.iter().take(count).rev() {
            let state = &self.state;
            let after = || layer.after(&mut state.borrow_mut(), request, reply);
            if caught(after).is_none() {
                *reply = self.panicked();
            }
        }
    }

    pub(crate) fn manner(&self, facts: Facts) -> Manner<'_> {
        // A stop that began after the request makes this the last answer.
        let persistence = if self.draining {
            Persistence::Close
        } else {
            facts.persistence
        };
        Manner {
            prefix: &self.prefix,
            persistence,
            head_only: facts.head_only,
            http10: facts.http10,
        }
    }

    /// Gives the next exchange a number of its own.
    pub(super) fn number_exchange(&mut self) {
        self.exchanges = self.exchanges.wrapping_add(1);
    }

    /// An exchange by the number that was given last.
    pub(super) fn exchange(&self, facts: Facts, after: Option<After<S>>) -> Exchange<S> {
        Exchange {
            number: self.exchanges,
            facts,
            after,
            task: None,
            gone: None,
            inflow: None,
            outflow: None,
            closing: false,
        }
    }

    /// Starts a handler that may wait. If it does not wait, its answer is returned.
    pub(crate) fn start(
        &mut self,
        at: ConnRef,
        facts: Facts,
        parts: &Rc<RequestParts>,
        passed: Passed<'_, S>,
        make: impl FnOnce(Context<S>, Done, u32) -> Task,
    ) -> Started<S> {
        self.number_exchange();
        let number = self.exchanges;
        let context = Context::new(Rc::clone(parts), State(Rc::clone(&self.state)));
        let done = Done::new(at.id, number);
        // What panics before its first `await` has dropped `done`, which answers.
        let task = caught(|| make(context, done, number));
        let running = match task {
            Some(task) => match self.local.executor.start_now(task) {
                Ok(running) => running,
                Err(_) => {
                    self.take_answer(at, number);
                    let text = "too many requests are being worked on\n";
                    let reply = Reply::text(text).status(503).header("Retry-After", "1");
                    return Started::Ended(reply);
                }
            },
            None => {
                self.panics += 1;
                None
            }
        };
        if let Some(reply) = self.take_answer(at, number) {
            return Started::Ended(reply);
        }
        let after = passed.layers.map(|layers| After {
            layers: Arc::clone(layers),
            passed: passed.count,
            parts: Rc::clone(parts),
        });
        let mut exchange = self.exchange(facts, after);
        exchange.task = running;
        Started::Running(Box::new(exchange))
    }

    fn take_answer(&self, at: ConnRef, number: u32) -> Option<Reply> {
        let mut answers = self.local.answers.borrow_mut();
        let mine = answers
            .iter()
            .position(|(conn, exchange, _)| (*conn, *exchange) == (at.id, number))?;
        Some(answers.swap_remove(mine).2)
    }

    #[cold]
    pub(crate) fn refuse_parse(
        &mut self,
        error: ParseError,
        head_only: bool,
        out: &mut Vec<u8>,
    ) -> Step {
        self.refuse(error.status(), error.reason(), head_only, out)
    }

    /// Answers what cannot be served and closes: where the next request starts is unknown.
    #[cold]
    pub(crate) fn refuse(
        &mut self,
        status: u16,
        reason: &str,
        head_only: bool,
        out: &mut Vec<u8>,
    ) -> Step {
        self.bad_requests += 1;
        self.last_answer(status, reason, head_only, out)
    }

    /// Answers that there is no room for a request, and closes.
    #[cold]
    pub(crate) fn busy(&self, facts: Facts, out: &mut Vec<u8>) -> Step {
        self.last_answer(503, "no large buffer is free", facts.head_only, out)
    }

    /// Answers for a handler that took too long.
    #[cold]
    pub(crate) fn handler_timeout(&self, facts: Facts, out: &mut Vec<u8>) {
        let reason = "the request took too long to be answered";
        self.last_answer(503, reason, facts.head_only, out);
    }

    fn last_answer(&self, status: u16, reason: &str, head_only: bool, out: &mut Vec<u8>) -> Step {
        let reply = Reply::text(format!("{reason}\n")).status(status);
        let manner = Manner {
            prefix: &self.prefix,
            persistence: Persistence::Close,
            head_only,
            http10: false,
        };
        render::reply(&manner, reply, out);
        Step::Close
    }
}

/// What became of a handler that may wait.
pub(crate) enum Started<S> {
    /// It did not wait.
    Ended(Reply),
    Running(Box<Exchange<S>>),
}

#[cold]
fn report_stall(request: &Request<'_>, took: Duration) {
    eprintln!(
        "sws: warning: {} {} held its reactor for {took:.0?}, and every other connection with it: such work belongs on a \
         worker (next::submit)",
        request.method().as_str(),
        request.path()
    );
}
