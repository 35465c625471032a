//! A connection with TLS below its protocol.

use super::{Conn, End, Phase, flag};
use crate::{
    clock::Nanos,
    record::Record,
    template::Template,
    tls::{Client, Fault, Session},
    trouble::Trouble,
};

/// What such a connection has beside the others.
#[derive(Debug)]
pub(super) struct Secured {
    session: Box<dyn Session>,
    /// When the handshake began.
    begin: Nanos,
}

impl Conn {
    /// The connection is up: begins the handshake.
    pub(crate) fn secure(&mut self, client: &Client, now: Nanos, record: &mut Record<'_>) {
        self.phase = Phase::Securing;
        match client.session() {
            Ok(session) => {
                let begin = now;
                self.tls = Some(Box::new(Secured { session, begin }));
                self.flags |= flag::CONTROL;
            }
            Err(fault) => self.failed(fault, record),
        }
    }

    /// Whether what is sent has to be encrypted.
    #[inline]
    pub(crate) fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// Takes ciphertext that arrived at `now`.
    pub(super) fn receive_secured(
        &mut self,
        bytes: &[u8],
        now: Nanos,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) {
        let Some(mut tls) = self.tls.take() else {
            return;
        };
        let received = tls.session.receive(bytes, &mut |plaintext| {
            if self.end.is_none() {
                self.receive_plain(plaintext, now, record, trouble);
            }
        });
        if self.phase == Phase::Securing
            && let Some(agreed) = tls.session.agreed()
        {
            if let Some(tally) = &mut record.tls {
                tally.succeeded(agreed, now.saturating_sub(tls.begin));
            }
            self.connected(record.upgrade);
        }
        if tls.session.has_output() {
            self.flags |= flag::CONTROL;
        }
        if tls.session.is_worn_out() && self.sent == self.to_send && !self.has(flag::SENDING) {
            // Then this connection ends as if the server had announced it, and another one follows.
            self.flags |= flag::LAST_ANSWER;
        }
        let is_closed = tls.session.is_closed_by_peer();
        self.tls = Some(tls);
        match received {
            _ if self.end.is_some() => {}
            Err(fault) => self.failed(fault, record),
            Ok(()) if is_closed => self.ended(End::Closed, now, record, trouble),
            Ok(()) => {}
        }
    }

    /// Encrypts the batch of requests that is to be sent next; `rendered` holds it if the template does not. It
    /// holds the ciphertext then.
    pub(crate) fn encrypt(
        &mut self,
        template: &Template,
        rendered: &mut Vec<u8>,
        ciphertext: &mut Vec<u8>,
    ) {
        let Some(tls) = &mut self.tls else { return };
        let batch = if template.is_static() && self.flags & flag::SENDS_OWN == 0 {
            template.bytes()
        } else {
            &*rendered
        };
        ciphertext.clear();
        tls.session
            .send(&batch[..self.to_send as usize], ciphertext);
        std::mem::swap(rendered, ciphertext);
        self.to_send = rendered.len() as u32;
        self.flags |= flag::SENDS_OWN;
    }

    /// The same for what [`take_control`](Self::take_control) has left there, after what TLS itself has to say.
    pub(crate) fn encrypt_control(&mut self, rendered: &mut Vec<u8>, ciphertext: &mut Vec<u8>) {
        let Some(tls) = &mut self.tls else { return };
        ciphertext.clear();
        tls.session.send(rendered, ciphertext);
        std::mem::swap(rendered, ciphertext);
        self.to_send = rendered.len() as u32;
    }

    /// Whether the end of the connection is where the server meant it to be. With TLS only close_notify says so: an end
    /// without it may be anybody's (RFC 8446 §6.1, RFC 9112 §9.8).
    pub(super) fn end_is_known(&self, record: &mut Record<'_>) -> bool {
        let Some(tls) = &self.tls else { return true };
        let is_known = tls.session.is_closed_by_peer();
        if !is_known && let Some(tally) = &mut record.tls {
            tally.unannounced += 1;
        }
        is_known
    }

    /// The connection ended before the handshake was over.
    pub(crate) fn handshake_ended(&mut self, end: End, record: &mut Record<'_>) {
        let kind = match end {
            End::Closed => Fault::CLOSED,
            End::Stuck => Fault::SILENT,
            _ => Fault::BROKEN,
        };
        self.failed(Fault::of_kind(kind), record);
    }

    fn failed(&mut self, fault: Fault, record: &mut Record<'_>) {
        if let Some(tally) = &mut record.tls {
            tally.failed(fault);
        }
        self.end = Some(End::Tls);
    }

    /// Last words to the server: an alert after a fault, close_notify before an end in order. None are there for other
    /// ends, and none can be said while something is half sent.
    pub(crate) fn last_words(&mut self, end: End, in_order: bool) -> Option<Vec<u8>> {
        let tls = self.tls.as_mut()?;
        let busy = flag::SENDING | flag::SEND_BROKEN;
        if self.sent != self.to_send || self.flags & busy != 0 || !in_order && end != End::Tls {
            return None;
        }
        if in_order {
            tls.session.close();
        }
        let mut words = Vec::new();
        tls.session.send(&[], &mut words);
        (!words.is_empty()).then_some(words)
    }

    /// Frees what only an open connection needs.
    pub(crate) fn forget_secrets(&mut self) {
        self.tls = None;
    }
}

#[cfg(test)]
mod tests;
