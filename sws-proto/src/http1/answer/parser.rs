//! The state of one connection's answers.

use super::head::{self, BodyEnd, Head};
use super::{AnswerError, HeadCache};
use crate::http1::{BodyDecoder, Framing};
use alloc::{boxed::Box, vec::Vec};
use memchr::memmem;

/// One complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code, 101 or 200 and above: interim answers are passed over.
    pub status: u16,
    /// The connection carries no answer after this one.
    pub close: bool,
    /// What [`BodySink::head`] said of its head.
    pub accepted: bool,
}

/// Takes the decoded bytes of bodies. An answer's last piece comes before the answer is reported.
pub trait BodySink {
    /// Judges the head of an answer (no interim one), status line and last empty line included. A head that is equal to
    /// the one that the [`HeadCache`] remembers is judged like that one without a call, so nothing but the bytes and
    /// the cache may matter.
    #[inline]
    fn head(&mut self, head: &[u8]) -> bool {
        let _ = head;
        true
    }

    /// Takes the next piece; never empty.
    fn data(&mut self, bytes: &[u8]);
}

/// A [`BodySink`] for whoever does not look at bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct SkipBody;

impl BodySink for SkipBody {
    #[inline]
    fn data(&mut self, _: &[u8]) {}
}

/// Finds the answers in the bytes of one connection.
#[derive(Debug, Default)]
pub struct AnswerParser {
    state: State,
    answer: Option<Answer>,
    /// The begin of a head that is not complete yet; boxed because few connections ever need one.
    partial: Option<Box<Partial>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    /// This many body bytes are still to come.
    Length(u64),
    Chunked(BodyDecoder),
    UntilClose,
}

#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
}

impl AnswerParser {
    /// Heads above this size are refused.
    pub const HEAD_BYTES_MAX: usize = 64 * 1024;

    /// A parser at the begin of an answer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the bytes so far end with the end of an answer.
    #[must_use]
    pub fn is_between_answers(&self) -> bool {
        matches!(self.state, State::Head) && self.partial_len() == 0
    }

    /// Goes back to the begin of an answer, for a new connection. Keeps its memory.
    pub fn reset(&mut self) {
        self.state = State::Head;
        self.answer = None;
        if let Some(partial) = &mut self.partial {
            partial.bytes.clear();
        }
    }

    /// Takes bytes from the front of `input` until an answer is complete; `None` says that all of `input` was
    /// taken and more is needed. `cache` must be the one for the kind of the request that is being answered.
    #[inline]
    pub fn advance<S: BodySink>(
        &mut self,
        input: &mut &[u8],
        cache: &mut HeadCache,
        sink: &mut S,
    ) -> Result<Option<Answer>, AnswerError> {
        if matches!(self.state, State::Head)
            && let Some((head, head_len)) = cache.find(input)
            && self.partial_len() == 0
            && let BodyEnd::Length(body_len) = head.body
            && body_len <= (input.len() - head_len) as u64
            && !head.is_interim()
        {
            let (body, rest) = input[head_len..].split_at(body_len as usize);
            if !body.is_empty() {
                sink.data(body);
            }
            *input = rest;
            return Ok(Some(Answer {
                status: head.status,
                close: head.close,
                accepted: head.accepted,
            }));
        }
        self.advance_slowly(input, cache, sink)
    }

    /// The connection has ended in order. An answer whose body runs until then is complete now.
    pub fn end(&mut self) -> Result<Option<Answer>, AnswerError> {
        let between = self.is_between_answers();
        let until_close = matches!(self.state, State::UntilClose);
        let answer = self.answer;
        self.reset();
        if until_close {
            Ok(answer)
        } else if between {
            Ok(None)
        } else {
            Err(AnswerError::CutShort)
        }
    }

    fn partial_len(&self) -> usize {
        self.partial
            .as_ref()
            .map_or(0, |partial| partial.bytes.len())
    }

    #[inline(never)]
    fn advance_slowly<S: BodySink>(
        &mut self,
        input: &mut &[u8],
        cache: &mut HeadCache,
        sink: &mut S,
    ) -> Result<Option<Answer>, AnswerError> {
        loop {
            if matches!(self.state, State::Head) {
                let Some(head) = self.take_head(input, cache, sink)? else {
                    return Ok(None);
                };
                if head.is_interim() {
                    continue;
                }
                self.begin_body(head);
            }
            if self.take_body(input, sink)? {
                self.state = State::Head;
                return Ok(self.answer.take());
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Takes one whole head, or all of `input` when that does not complete one.
    fn take_head<S: BodySink>(
        &mut self,
        input: &mut &[u8],
        cache: &mut HeadCache,
        sink: &mut S,
    ) -> Result<Option<Head>, AnswerError> {
        if self.partial_len() > 0 {
            return self.take_split_head(input, cache, sink);
        }
        if let Some((head, len)) = cache.find(input) {
            *input = &input[len..];
            return Ok(Some(head));
        }
        match head::parse(input, cache.kind())? {
            Some((_, len)) if len > Self::HEAD_BYTES_MAX => Err(AnswerError::HeadTooLarge),
            Some((mut head, len)) => {
                head.accepted = head.is_interim() || sink.head(&input[..len]);
                cache.remember(&input[..len], head);
                *input = &input[len..];
                Ok(Some(head))
            }
            None if input.len() > Self::HEAD_BYTES_MAX => Err(AnswerError::HeadTooLarge),
            None => {
                self.partial
                    .get_or_insert_default()
                    .bytes
                    .extend_from_slice(input);
                *input = &[];
                Ok(None)
            }
        }
    }

    /// Completes a head that began in an earlier piece. The end of the head is searched for before anything is
    /// parsed again, so that a head that comes byte by byte costs no quadratic time.
    fn take_split_head<S: BodySink>(
        &mut self,
        input: &mut &[u8],
        cache: &HeadCache,
        sink: &mut S,
    ) -> Result<Option<Head>, AnswerError> {
        let Some(partial) = &mut self.partial else {
            return Ok(None);
        };
        let kept = partial.bytes.len();
        let room = Self::HEAD_BYTES_MAX.saturating_sub(kept);
        let piece = &input[..input.len().min(room)];
        partial.bytes.extend_from_slice(piece);
        let searched = kept.saturating_sub(3);
        let end = memmem::find(&partial.bytes[searched..], b"\r\n\r\n").map(|at| searched + at + 4);
        let Some(end) = end else {
            // Nothing ends here; see that what came cannot be told to be wrong already.
            if kept < 16 {
                head::parse(&partial.bytes, cache.kind())?;
            }
            if piece.len() < input.len() || partial.bytes.len() >= Self::HEAD_BYTES_MAX {
                return Err(AnswerError::HeadTooLarge);
            }
            *input = &[];
            return Ok(None);
        };
        let mut parsed = head::parse(&partial.bytes[..end], cache.kind())?;
        if let Some((head, _)) = &mut parsed {
            head.accepted = head.is_interim() || sink.head(&partial.bytes[..end]);
        }
        partial.bytes.clear();
        *input = &input[end - kept..];
        match parsed {
            Some((head, len)) if len == end => Ok(Some(head)),
            // The first empty line ends a head, so the parser cannot want more or less.
            _ => Err(AnswerError::StatusLine),
        }
    }

    fn begin_body(&mut self, head: Head) {
        self.answer = Some(Answer {
            status: head.status,
            close: head.close,
            accepted: head.accepted,
        });
        self.state = match head.body {
            BodyEnd::Length(len) => State::Length(len),
            BodyEnd::Chunked => State::Chunked(BodyDecoder::new(Framing::Chunked, u64::MAX)),
            BodyEnd::Close => State::UntilClose,
        };
    }

    /// Takes body bytes; `true` when the body is complete.
    fn take_body<S: BodySink>(
        &mut self,
        input: &mut &[u8],
        sink: &mut S,
    ) -> Result<bool, AnswerError> {
        match &mut self.state {
            State::Head => Ok(false),
            State::Length(left) => {
                let len = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                let (body, rest) = input.split_at(len);
                if !body.is_empty() {
                    sink.data(body);
                }
                *input = rest;
                *left -= len as u64;
                Ok(*left == 0)
            }
            State::Chunked(decoder) => loop {
                let decoded = decoder.decode(input).map_err(|_| AnswerError::Chunk)?;
                *input = &input[decoded.consumed..];
                if !decoded.data.is_empty() {
                    sink.data(decoded.data);
                }
                if decoded.done {
                    return Ok(true);
                }
                if input.is_empty() || decoded.consumed == 0 {
                    return Ok(false);
                }
            },
            State::UntilClose => {
                if !input.is_empty() {
                    sink.data(input);
                }
                *input = &[];
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests;
