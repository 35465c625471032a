//! A connection, as the reactor sees it.

use std::{mem::offset_of, os::fd::RawFd};
use sws_ring::Token;

/// What holds for a connection; several at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    /// A receive is armed: the slot cannot be freed.
    pub(crate) const RECEIVING: Self = Self(1);
    /// An owned send is in flight: the slot cannot be freed.
    pub(crate) const SENDING: Self = Self(1 << 1);
    /// In the list of slots to flush at the end of the turn.
    pub(crate) const DIRTY: Self = Self(1 << 2);
    /// Too much is unsent: nothing is parsed until it has drained.
    pub(crate) const BLOCKED: Self = Self(1 << 3);
    /// The armed receive was asked to end.
    pub(crate) const PAUSING: Self = Self(1 << 4);
    /// The peer has sent its last byte.
    pub(crate) const PEER_EOF: Self = Self(1 << 5);
    /// No more requests: what is owed is sent, then FIN.
    pub(crate) const CLOSING: Self = Self(1 << 6);
    /// FIN is sent; what still arrives is discarded so that no reset eats the last answer.
    pub(crate) const FIN_SENT: Self = Self(1 << 7);
    /// Nothing can be sent any more; the slot is freed after its last completion.
    pub(crate) const BROKEN: Self = Self(1 << 8);
    /// Both directions are shut down, to bring the last completions.
    pub(crate) const SHUT: Self = Self(1 << 9);
    /// At least one request has come.
    pub(crate) const SERVED: Self = Self(1 << 10);
    /// The engine has the descriptor.
    pub(crate) const ATTACHED: Self = Self(1 << 11);
    /// In the list of connections that were blocked and go on.
    pub(crate) const RESUMABLE: Self = Self(1 << 15);
    /// The rest of a long body is awaited: it is received in large pieces.
    pub(crate) const BULK: Self = Self(1 << 13);
    /// The armed receive is one for large pieces.
    pub(crate) const BULK_ARMED: Self = Self(1 << 14);
    /// An owned send took less than given; it goes on when the socket is writable.
    pub(crate) const WANTS_WRITABLE: Self = Self(1 << 12);

    /// Whether any of `flags` holds.
    #[inline]
    pub(crate) fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    #[inline]
    pub(crate) fn set(&mut self, flags: Self) {
        self.0 |= flags.0;
    }

    #[inline]
    pub(crate) fn toggle(&mut self, flags: Self) {
        self.0 ^= flags.0;
    }

    #[inline]
    pub(crate) fn clear(&mut self, flags: Self) {
        self.0 &= !flags.0;
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a connection waits for, which decides its deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A request's first byte.
    #[default]
    Request,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// The rest of a long body, which nobody holds: it may come in pieces as large as there is room for.
    Bulk,
    /// Its own answer, from a handler: input is kept until then, up to a limit.
    Answer,
    /// The reader of its body: no input is taken meanwhile.
    Reader,
    /// The next frame of a WebSocket.
    Socket,
}

impl Waiting {
    /// Whether it is this side's turn.
    #[inline]
    pub(crate) fn is_for_handler(self) -> bool {
        matches!(self, Self::Answer | Self::Reader)
    }
}

/// A piece of a batch buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Range {
    #[inline]
    pub(crate) fn as_usize(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// Memory of a connection that has something left over; an idle one has none.
#[derive(Debug, Default)]
pub(crate) struct Cold {
    /// Bytes received and not consumed.
    pub(crate) input: Vec<u8>,
    /// Bytes being sent: unchanged while a send is in flight.
    pub(crate) sending: Vec<u8>,
    /// How many of `sending` are gone. Never more than its length.
    pub(crate) sent: usize,
    /// Bytes to be sent after `sending`.
    pub(crate) queued: Vec<u8>,
    /// Bytes in the kernel's send queue when progress was last looked for.
    pub(crate) kernel_queue: Option<u32>,
    /// Times in a row that there was none.
    pub(crate) looks_in_vain: u32,
}

impl Cold {
    /// Bytes that the peer has not taken.
    pub(crate) fn unsent(&self) -> usize {
        self.sending.len() - self.sent + self.queued.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.input.is_empty() && self.unsent() == 0
    }
}

/// A cache line of every machine that io_uring is common on.
const LINE: usize = 64;
/// The most that a slot may take: what a million idle connections cost.
const SLOT_BYTES_MAX: usize = 384;
/// Bytes of the protocol's own state that are in a slot's first line, which is all that a small request touches.
/// Input that is taken while a request waits for its answer.
const HELD_INPUT_BYTES_MAX: usize = 64 * 1024;

pub(crate) const CONN_HOT_BYTES: usize = 16;

/// One slot of the pool: who it is (dispatch), until when (deadlines), what it sends (output), and the protocol's state.
/// Everything that is rare is behind `cold`.
#[repr(C, align(64))]
pub(crate) struct Slot<C> {
    /// Compared with a completion's: what is late for an earlier connection is recognised.
    pub(crate) generation: u32,
    pub(crate) fd: RawFd,
    pub(crate) flags: Flags,
    pub(crate) waiting: Waiting,
    /// Which of the two batch buffers `fired` lies in.
    pub(crate) fired_batch: u8,
    /// Tick at which the connection has waited too long.
    pub(crate) deadline: u32,
    /// Tick of this slot's valid entry in the wheel; `u32::MAX`: none.
    pub(crate) wheel_tick: u32,
    /// Output of this turn.
    pub(crate) range: Range,
    /// Output of the last batch send.
    pub(crate) fired: Range,
    pub(crate) cold: Option<Box<Cold>>,
    pub(crate) conn: C,
}

/// The layout as it was meant, whatever the protocol; [`Slot::FITS`] is for the one that is served.
const _: () = {
    type Smallest = Slot<[u64; CONN_HOT_BYTES / 8]>;
    assert!(size_of::<Smallest>() == LINE && align_of::<Smallest>() == LINE);
    assert!(offset_of!(Smallest, generation) == 0 && offset_of!(Smallest, fd) == 4);
    assert!(offset_of!(Smallest, flags) == 8 && offset_of!(Smallest, deadline) == 12);
    assert!(offset_of!(Smallest, range) == 20 && offset_of!(Smallest, fired) == 28);
    assert!(offset_of!(Smallest, cold) == 40);
    assert!(offset_of!(Smallest, conn) == LINE - CONN_HOT_BYTES);
};

impl<C> Slot<C> {
    /// Named where slots are made, so that a protocol whose state is too large does not compile.
    pub(crate) const FITS: () = assert!(size_of::<Self>() <= SLOT_BYTES_MAX);

    #[inline]
    pub(crate) fn token(&self, index: u32) -> Token {
        Token::new(self.generation, 0, index)
    }

    /// Bytes that the peer has not taken, this turn's output aside.
    #[inline]
    pub(crate) fn unsent(&self) -> usize {
        self.cold.as_ref().map_or(0, |cold| cold.unsent())
    }

    /// Whether no more input is taken for now, because a handler has to do something first.
    pub(crate) fn held(&self) -> bool {
        match self.waiting {
            Waiting::Reader => true,
            Waiting::Answer => self
                .cold
                .as_ref()
                .is_some_and(|cold| cold.input.len() >= HELD_INPUT_BYTES_MAX),
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn has_input(&self) -> bool {
        self.cold
            .as_ref()
            .is_some_and(|cold| !cold.input.is_empty())
    }
}
