//! One io_uring, and what a network program needs of it.
//!
//! The crate knows the kernel and nothing else: no HTTP, no connections. A [`Ring`] belongs to the thread
//! that builds it (`SINGLE_ISSUER`, `DEFER_TASKRUN`: completions run inside that thread's own
//! [`Ring::enter`]), so neither it nor a [`BufRing`] is `Send`.
//!
//! The order of one turn:
//!
//! 1. [`Ring::push`] operations, each with a [`Token`] that says which operation on which slot it is;
//! 2. [`Ring::enter`] once: submits, waits, runs completions;
//! 3. [`Ring::next_cqe`] until `None`; each [`Cqe`] that carries a [`Lease`] gives it to
//!    [`BufRing::recycle`], stale or not;
//! 4. [`BufRing::publish`] once.
//!
//! The floor is kernel 6.1. What the running kernel really does is found out by [`Features::detect`],
//! which tries each feature on a socket pair rather than trusting a version string.
#![warn(unsafe_op_in_unsafe_fn)]

mod buf_ring;
mod cqe;
mod error;
mod features;
pub mod op;
mod ring;
pub mod sys;
mod token;

pub use buf_ring::{BufRing, Lease};
pub use cqe::Cqe;
pub use error::SetupError;
pub use features::Features;
pub use op::Sqe;
pub use ring::{Builder, Ring};
pub use token::{INDEX_MAX, Token};
