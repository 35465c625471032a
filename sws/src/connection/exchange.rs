//! A request whose answer is not complete: it waits for a handler, or the handler's body is still coming.

use super::{ConnId, render::Outflow, work::Facts};
use crate::{
    body::BodyFeed, context::RequestParts, middleware::Layers, reactor::Waiting, remote::Inbox,
    task::AbortOnDrop,
};
use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use sws_proto::http1::{BodyDecoder, ParseError};

/// A body from this length on is received in large pieces.
pub(super) const BULK_BYTES: u64 = 128 * 1024;

pub(crate) struct Exchange<S> {
    /// Tells it from those before and after it.
    pub(crate) number: u32,
    pub(crate) facts: Facts,
    /// Middleware that is to see the answer, and the request for it.
    pub(crate) after: Option<After<S>>,
    /// The handler, which ends with the exchange.
    pub(crate) task: Option<AbortOnDrop>,
    /// What a responder asks whether its answer is still wanted.
    pub(crate) gone: Option<Arc<AtomicBool>>,
    /// A body that is being received for the handler.
    pub(crate) inflow: Option<Inflow>,
    /// The answer whose head is out.
    pub(crate) outflow: Option<Outflow>,
    /// The connection closes when the answer is complete.
    pub(crate) closing: bool,
}

pub(crate) struct Inflow {
    /// Gone once all of it has been given.
    pub(crate) feed: Option<BodyFeed>,
    pub(crate) decoder: BodyDecoder,
    pub(crate) received: u64,
    /// All of it has come.
    pub(crate) complete: bool,
}

pub(crate) struct After<S> {
    pub(crate) layers: Layers<S>,
    /// How many of them have let the request pass.
    pub(crate) passed: usize,
    pub(crate) parts: Rc<RequestParts>,
}

impl<S> Exchange<S> {
    /// The head of the answer is out; this is the rest.
    pub(crate) fn flow_out(&mut self, inbox: &Arc<Inbox>, conn: ConnId, outflow: Outflow) {
        if let Some(source) = outflow.source() {
            source.attach(Arc::clone(inbox), conn, self.number);
        }
        self.outflow = Some(outflow);
    }
}

impl<S> Drop for Exchange<S> {
    fn drop(&mut self) {
        if let Some(gone) = &self.gone {
            gone.store(true, Ordering::Release);
        }
    }
}

impl Inflow {
    /// Takes of the input what its reader has room for. Returns how much that was, and what is waited for now.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<(usize, Waiting), ParseError> {
        let mut used = 0;
        loop {
            if self.feed.as_ref().is_some_and(|feed| !feed.has_room()) {
                return Ok((used, Waiting::Reader));
            }
            if self.complete {
                return Ok((used, Waiting::Answer));
            }
            let decoded = self.decoder.decode(&input[used..])?;
            used += decoded.consumed;
            self.received += decoded.consumed as u64;
            if let Some(feed) = &self.feed
                && !decoded.data.is_empty()
            {
                feed.push(decoded.data);
            }
            if decoded.done {
                self.complete = true;
                if let Some(feed) = self.feed.take() {
                    feed.complete();
                }
                return Ok((used, Waiting::Answer));
            }
            if decoded.consumed == 0 {
                let bulk = self.received >= BULK_BYTES;
                let waiting = if bulk { Waiting::Bulk } else { Waiting::Body };
                return Ok((used, waiting));
            }
        }
    }
}
