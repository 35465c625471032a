//! Answers that come later, or a piece at a time.

use super::{
    super::{
        ConnRef,
        render::{self, Pumped},
        work::Work,
    },
    Http, Place, Step,
};
use crate::{reactor::Waiting, reply::Reply};

impl<S: 'static> Http<S> {
    /// Goes on with an exchange: its request's body, then its answer.
    pub(super) fn more_exchange(
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
    pub(super) fn answered(
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
