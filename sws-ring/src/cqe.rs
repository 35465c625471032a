//! A completion.

use crate::{Lease, Token};
use io_uring::cqueue;

/// One completion, copied out of the queue.
#[derive(Clone, Copy, Debug)]
pub struct Cqe {
    /// The token of the operation.
    pub token: Token,
    /// A count or descriptor when not negative, else `-errno`.
    pub result: i32,
    /// `IORING_CQE_F_*`.
    pub flags: u32,
}

impl Cqe {
    /// Whether a multishot operation stays armed. Without it this is the operation's last completion,
    /// whatever the result says.
    #[inline]
    pub fn more(self) -> bool {
        cqueue::more(self.flags)
    }

    /// Whether the socket had more to read when this completion was made.
    #[inline]
    pub fn sock_nonempty(self) -> bool {
        cqueue::sock_nonempty(self.flags)
    }

    /// The provided buffer that the kernel filled, which the receiver of this completion now owes back to
    /// its [`BufRing`](crate::BufRing). Call it once for a completion.
    #[inline]
    pub fn lease(self) -> Option<Lease> {
        let id = cqueue::buffer_select(self.flags)?;
        Some(Lease::new(id, self.result.max(0) as u32))
    }
}

impl From<cqueue::Entry> for Cqe {
    #[inline]
    fn from(entry: cqueue::Entry) -> Self {
        Self {
            token: Token::from_user_data(entry.user_data()),
            result: entry.result(),
            flags: entry.flags(),
        }
    }
}
