//! The 64 bits that travel with an operation.

/// The largest slot index that a [`Token`] can carry (24 bits).
pub const INDEX_MAX: u32 = (1 << 24) - 1;

/// An operation's identity: `generation (32) | operation (8) | slot index (24)`.
///
/// The kind of operation is in the token, so that no one has to guess it from a connection's state. A slot
/// changes its generation when it is released, so a completion that arrives late fails one comparison.
/// Generation 0 is never live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u64);

impl Token {
    /// Packs the three parts. `index` is at most [`INDEX_MAX`].
    #[inline]
    pub const fn new(generation: u32, op: u8, index: u32) -> Self {
        debug_assert!(index <= INDEX_MAX);
        Self((generation as u64) << 32 | (op as u64) << 24 | (index & INDEX_MAX) as u64)
    }

    /// The token that came back in a completion.
    #[inline]
    pub const fn from_user_data(user_data: u64) -> Self {
        Self(user_data)
    }

    /// What is stored in the operation.
    #[inline]
    pub const fn user_data(self) -> u64 {
        self.0
    }

    /// The generation of the slot when the operation was made.
    #[inline]
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The kind of operation, as its user numbers them.
    #[inline]
    pub const fn op(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// The slot index.
    #[inline]
    pub const fn index(self) -> u32 {
        self.0 as u32 & INDEX_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        for (generation, op, index) in [
            (0, 0, 0),
            (1, 255, INDEX_MAX),
            (u32::MAX, 7, 12345),
            (0x8000_0000, 128, 1),
        ] {
            let token = Token::from_user_data(Token::new(generation, op, index).user_data());
            assert_eq!(
                (token.generation(), token.op(), token.index()),
                (generation, op, index)
            );
        }
    }
}
