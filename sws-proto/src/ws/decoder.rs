//! From received bytes to messages.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::assembly::Assembly;
use super::{Error, Event, Header, Mask, Message, Opcode, Role, close, mask};

/// Takes the bytes of one connection and gives what they say.
///
/// 16 bytes between messages. A message that arrives in one piece is never kept: it is borrowed from
/// the input, or from the scratch buffer if it was masked. One that arrives in parts is put together
/// in memory of its own, which grows with what has really arrived and goes when the message is done.
#[derive(Debug)]
pub struct Decoder {
    assembly: Option<Box<Assembly>>,
    message_bytes_max: u32,
    role: Role,
    /// The peer has closed or broken the protocol.
    finished: bool,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Decoder>() == 16, "idle connections are many");

/// What was found in the input.
enum Found<'i> {
    /// No more that is complete.
    Nothing,
    /// A whole frame that stands for itself.
    Frame(Opcode, Option<Mask>, &'i [u8]),
    /// The last part of a message that came in parts.
    Assembled,
}

impl Decoder {
    /// The most bytes that [`decode`](Self::decode) leaves to the caller: a control frame without
    /// its last byte.
    pub const REST_BYTES_MAX: usize = 2 + 4 + 125 - 1;

    /// A decoder for a new connection that takes messages of up to so many bytes.
    #[must_use]
    pub const fn new(role: Role, message_bytes_max: u32) -> Self {
        Self {
            assembly: None,
            message_bytes_max,
            role,
            finished: false,
        }
    }

    /// Whether nothing more will come: there was a close frame or an error.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Bytes held of a message that has begun, without those that were left to the caller.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.assembly.as_ref().map_or(0, |assembly| assembly.len())
    }

    /// Takes the next event off the start of `input`, which is moved on behind it.
    ///
    /// `None` means that more bytes are needed. What `input` still holds then, at most
    /// [`REST_BYTES_MAX`](Self::REST_BYTES_MAX) bytes, has to come again in front of them; parts of
    /// messages have been taken. The call that returns `None` also frees a message that came in
    /// parts.
    ///
    /// `scratch` is for the decoder's use, one for any number of connections: its content means
    /// nothing between calls. It grows to the largest piece of input.
    ///
    /// After a close frame or an error everything is taken and thrown away (RFC 6455 §1.4, §7.1.7).
    ///
    /// # Errors
    ///
    /// What the peer did wrong, as soon as it shows; [`Error::close_code`] is what to tell it.
    #[inline]
    pub fn decode<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
        scratch: &'s mut Vec<u8>,
    ) -> Result<Option<Event<'s>>, Error> {
        let found = match self.advance(input, scratch) {
            Ok(found) => found,
            Err(error) => return Err(self.fail(error)),
        };
        match found {
            Found::Nothing => Ok(None),
            Found::Frame(opcode, mask, payload) => {
                let payload = unmasked(payload, mask, scratch);
                match event(opcode, payload) {
                    Ok(event) => {
                        if opcode == Opcode::Close {
                            self.finish();
                        }
                        Ok(Some(event))
                    }
                    Err(error) => Err(self.fail(error)),
                }
            }
            Found::Assembled => {
                let message = self.assembly.as_ref().map(|assembly| assembly.message());
                Ok(message.map(Event::Message))
            }
        }
    }

    #[cold]
    fn fail(&mut self, error: Error) -> Error {
        self.finish();
        error
    }

    fn finish(&mut self) {
        self.finished = true;
        self.assembly = None;
    }

    #[inline]
    fn advance<'i>(
        &mut self,
        input: &mut &'i [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<Found<'i>, Error> {
        if self.assembly.is_some() || self.finished {
            return self.advance_slowly(input, scratch);
        }
        let Some((header, size)) = Header::decode(input, self.role)? else {
            return Ok(Found::Nothing);
        };
        self.check(&header)?;
        if header.fin
            && let Some(payload) = whole(input, size, header.length)
        {
            return Ok(Found::Frame(header.opcode, header.mask, payload));
        }
        self.advance_slowly(input, scratch)
    }

    /// The same wherever a message is incomplete or may become so.
    fn advance_slowly<'i>(
        &mut self,
        input: &mut &'i [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<Found<'i>, Error> {
        if self
            .assembly
            .as_ref()
            .is_some_and(|done| done.is_complete())
        {
            self.assembly = None;
        }
        if self.finished {
            *input = &[];
            return Ok(Found::Nothing);
        }
        loop {
            if let Some(assembly) = &mut self.assembly {
                assembly.absorb(input, scratch)?;
                if assembly.in_frame() {
                    return Ok(Found::Nothing);
                }
                if assembly.is_complete() {
                    assembly.finish()?;
                    return Ok(Found::Assembled);
                }
            }
            let Some((header, size)) = Header::decode(input, self.role)? else {
                return Ok(Found::Nothing);
            };
            self.check(&header)?;
            let alone = header.opcode.is_control() || (header.fin && self.assembly.is_none());
            if alone && let Some(payload) = whole(input, size, header.length) {
                return Ok(Found::Frame(header.opcode, header.mask, payload));
            }
            if header.opcode.is_control() {
                return Ok(Found::Nothing);
            }
            *input = input.get(size..).unwrap_or_default();
            let assembly = self.assembly.get_or_insert_with(|| {
                Box::new(match header.opcode {
                    Opcode::Text => Assembly::text(),
                    _ => Assembly::binary(),
                })
            });
            assembly.begin_frame(header.length as usize, header.mask, header.fin);
        }
    }

    /// Whether the frame may come now (§5.4), and fits.
    #[inline]
    fn check(&self, header: &Header) -> Result<(), Error> {
        match (header.opcode, &self.assembly) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
            (Opcode::Continuation, None) => return Err(Error::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Error::InterruptedMessage),
            _ => {}
        }
        let before = self.held_bytes() as u64;
        if header.length > u64::from(self.message_bytes_max).saturating_sub(before) {
            return Err(Error::MessageTooLarge);
        }
        Ok(())
    }
}

/// Takes a frame off the input if all of it is there; returns its payload.
#[inline]
fn whole<'i>(input: &mut &'i [u8], header: usize, length: u64) -> Option<&'i [u8]> {
    let length = usize::try_from(length).ok()?;
    let (payload, rest) = input.get(header..)?.split_at_checked(length)?;
    *input = rest;
    Some(payload)
}

#[inline]
fn unmasked<'s>(payload: &'s [u8], mask: Option<Mask>, scratch: &'s mut Vec<u8>) -> &'s [u8] {
    match mask {
        None => payload,
        Some(mask) => {
            scratch.clear();
            mask::append(scratch, payload, mask);
            scratch
        }
    }
}

/// What a frame says that stands for itself.
#[inline]
fn event(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, Error> {
    Ok(match opcode {
        Opcode::Text => {
            let text = core::str::from_utf8(payload).map_err(|_| Error::NotUtf8)?;
            Event::Message(Message::Text(text))
        }
        // A continuation never stands for itself.
        Opcode::Binary | Opcode::Continuation => Event::Message(Message::Binary(payload)),
        Opcode::Ping => Event::Ping(payload),
        Opcode::Pong => Event::Pong(payload),
        Opcode::Close => Event::Close(close::decode(payload)?),
    })
}
