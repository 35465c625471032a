//! The last head, remembered byte by byte.

use super::RequestKind;
use super::head::{BodyEnd, Head};

/// Remembers the last complete head of one kind of request, so that an equal one is recognised by comparing
/// bytes. One cache serves any number of connections; answers to requests of another kind need another one.
#[derive(Debug)]
pub struct HeadCache {
    kind: RequestKind,
    /// Bytes of `bytes` in use; `usize::MAX` while nothing is remembered, so that no input is long enough.
    len: usize,
    head: Head,
    bytes: [u8; Self::BYTES_MAX],
}

impl HeadCache {
    /// Longer heads are parsed each time.
    const BYTES_MAX: usize = 512;

    /// An empty cache for answers to requests of this kind.
    #[must_use]
    pub fn new(kind: RequestKind) -> Self {
        Self {
            kind,
            len: usize::MAX,
            head: Head {
                status: 0,
                body: BodyEnd::Length(0),
                close: false,
                accepted: true,
            },
            bytes: [0; Self::BYTES_MAX],
        }
    }

    /// The kind of request whose answers this cache is for.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        self.kind
    }

    /// The remembered head, byte by byte; none if there was none yet, or none short enough.
    #[must_use]
    pub fn head(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }

    /// The remembered head and its length, when `input` begins with the same bytes.
    #[inline]
    pub(super) fn find(&self, input: &[u8]) -> Option<(Head, usize)> {
        let same = input.len() >= self.len && input[..self.len] == self.bytes[..self.len];
        same.then_some((self.head, self.len))
    }

    pub(super) fn remember(&mut self, bytes: &[u8], head: Head) {
        if let Some(place) = self.bytes.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
            self.len = bytes.len();
            self.head = head;
        }
    }
}
