//! What is received on a connection: answers, matched with the requests in flight and judged.

use super::{Conn, End, Phase, Protocol, flag};
use crate::{
    checks::{Check, Progress},
    clock::Nanos,
    mismatch::{Difference, Kind, Place},
    pending::Pending,
    record::Record,
    trouble::Trouble,
};
use sws_proto::http1::answer::Answer;

impl Conn {
    /// Takes bytes that arrived at `now`: finds the answers in them, matches them with the requests in flight
    /// and judges them.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        now: Nanos,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) {
        self.progress = now;
        if self.tls.is_some() {
            self.receive_secured(bytes, now, record, trouble);
        } else {
            self.receive_plain(bytes, now, record, trouble);
        }
    }

    /// The same for bytes that are not encrypted, or no longer.
    #[inline]
    pub(super) fn receive_plain(
        &mut self,
        bytes: &[u8],
        now: Nanos,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) {
        self.received += bytes.len() as u64;
        record.tally.bytes += bytes.len() as u64;
        let place = self.place(now);
        let answered = match &mut self.protocol {
            Protocol::Http { .. } if self.pending.is_some() => {
                self.receive_answers::<true>(bytes, place, record, trouble)
            }
            Protocol::Http { .. } => self.receive_answers::<false>(bytes, place, record, trouble),
            Protocol::WebSocket(socket) => {
                let owed = self.in_flight.count();
                let heard = socket.receive(bytes, owed, place, record, trouble);
                self.end = heard.end;
                if socket.has_control() {
                    self.flags |= flag::CONTROL;
                }
                if self.phase == Phase::Upgrading && socket.is_upgraded() {
                    self.phase = Phase::Active;
                }
                heard.answered
            }
        };
        self.retire(answered, now, record);
    }

    /// Returns how many requests were answered. `SINGLE` where requests are told apart: the others pay nothing for it.
    #[inline]
    fn receive_answers<const SINGLE: bool>(
        &mut self,
        bytes: &[u8],
        place: Place,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) -> u32 {
        let Protocol::Http { parser, body } = &mut self.protocol else {
            return 0;
        };
        let mut rest = bytes;
        let mut answered = 0;
        while !rest.is_empty() {
            let pending = self.pending.as_deref().filter(|_| SINGLE);
            let template = template_of(self.template, pending, answered);
            let mut check = Check {
                checker: &mut record.checker,
                progress: body,
                template,
            };
            let before = rest;
            let cache = &mut record.caches[template as usize];
            match parser.advance(&mut rest, cache, &mut check) {
                Ok(Some(answer)) => {
                    let fit = check.finish(answer.accepted);
                    if answer.close {
                        self.flags |= flag::LAST_ANSWER;
                    }
                    if answered == self.in_flight.count() {
                        trouble.unsolicited += 1;
                        let what = || Difference::unsolicited(answer.status, before);
                        trouble.mismatches.add(template, place, what);
                    } else {
                        answered += 1;
                        if let Some(kind) = record.answer(template, answer, fit) {
                            let what = || difference(kind, answer, template, before, body, record);
                            trouble.mismatches.add(template, place, what);
                        }
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.end = Some(End::Malformed(error));
                    let what = || Difference::malformed(error.reason(), rest);
                    trouble.mismatches.add(template, place, what);
                    break;
                }
            }
        }
        answered
    }

    fn place(&self, now: Nanos) -> Place {
        Place {
            connection: self.number,
            now,
        }
    }

    /// The connection ended at `now`, in order (`End::Closed`) or not (`End::Broken`). An answer whose body
    /// runs until the server closes is complete only in the first case.
    pub(crate) fn ended(
        &mut self,
        end: End,
        now: Nanos,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) {
        if self.phase == Phase::Securing {
            self.handshake_ended(end, record);
            return;
        }
        let is_whole = end == End::Closed && self.end_is_known(record);
        let template = template_of(self.template, self.pending.as_deref(), 0);
        let place = self.place(now);
        let (parser, body) = match &mut self.protocol {
            Protocol::Http { parser, body } => (parser, body),
            Protocol::WebSocket(socket) => {
                self.end = Some(if !socket.is_upgraded() {
                    End::UpgradeCut
                } else if socket.is_inside_a_message() {
                    End::CutShort
                } else {
                    end
                });
                return;
            }
        };
        match parser.end() {
            Ok(Some(answer)) if is_whole => {
                let mut check = Check {
                    checker: &mut record.checker,
                    progress: body,
                    template,
                };
                let fit = check.finish(answer.accepted);
                if self.in_flight.count() == 0 {
                    trouble.unsolicited += 1;
                    let what = || Difference::unsolicited(answer.status, &[]);
                    trouble.mismatches.add(template, place, what);
                } else {
                    if let Some(kind) = record.answer(template, answer, fit) {
                        let what = || difference(kind, answer, template, &[], body, record);
                        trouble.mismatches.add(template, place, what);
                    }
                    self.retire(1, now, record);
                }
                self.end = Some(end);
            }
            Ok(None) => self.end = Some(end),
            Ok(Some(_)) | Err(_) => self.end = Some(End::CutShort),
        }
    }

    #[inline]
    fn retire(&mut self, answered: u32, now: Nanos, record: &mut Record<'_>) {
        if answered > 0 {
            self.flags |= flag::ANSWERED;
            if let Some(pending) = &mut self.pending {
                self.in_flight.answered(answered, now, |_, _| {});
                for one in pending.answered(answered) {
                    record.response(one.template, one.due, one.sent, now);
                }
                return;
            }
            let template = self.template;
            self.in_flight.answered(answered, now, |latency, count| {
                record.latency(template, latency, count);
            });
        }
    }
}

/// Which template an answer belongs to: that of the request with this number, counted from the oldest in flight. `own` is
/// the connection's.
#[inline]
pub(super) fn template_of(own: u32, pending: Option<&Pending>, number: u32) -> u32 {
    let single = pending.and_then(|pending| pending.template(number));
    single.unwrap_or(own)
}

/// In what an answer was wrong; `before` begins with it if it came as a whole.
#[cold]
fn difference(
    kind: Kind,
    answer: Answer,
    template: u32,
    before: &[u8],
    body: &Option<Box<Progress>>,
    record: &Record<'_>,
) -> Difference {
    let checker = &record.checker;
    let head = record.caches[template as usize].head();
    let rule = head.and_then(|head| Some((head, checker.broken_rule(head)?)));
    match (kind, body, checker.expected(template), rule) {
        (Kind::Body, Some(body), Some(expected), _) => body.difference(expected),
        (Kind::Header, _, _, Some((head, rule))) => {
            Difference::plain(kind, rule.text(), &rule.found(head))
        }
        _ => Difference::status(kind, &record.right_status(), answer.status, before),
    }
}
