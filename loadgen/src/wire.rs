//! The operations that carry pointers. With `signals` the only unsafe code of this crate.
//!
//! What makes them sound lies outside: the plan (address and static requests) outlives every ring, a rendered
//! batch of requests is neither changed nor freed while a send of it is under way, and a worker takes its ring
//! down before its memory (see `worker`). What the sink of `calibrate` sends is never freed.
#![expect(
    unsafe_code,
    reason = "pushing an operation that carries a pointer is unsafe"
)]

use std::os::fd::RawFd;
use sws_ring::{Ring, Token, op, sys::SocketAddress};

/// Connects `fd`. `address` belongs to the plan.
pub(crate) fn connect(ring: &mut Ring, fd: RawFd, address: &SocketAddress, token: Token) {
    // SAFETY: the plan outlives the ring and is never changed.
    let sqe = unsafe { op::connect(fd, address.as_ptr(), address.len()) };
    ring.push(sqe.token(token));
}

/// Sends `bytes`; the completion says how many were taken. They stay untouched until then.
pub(crate) fn send(ring: &mut Ring, fd: RawFd, bytes: &[u8], token: Token) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: the bytes belong to the plan, or to a batch that is kept until the send's completion.
    let sqe = unsafe { op::send(fd, bytes.as_ptr(), len) };
    ring.push(sqe.token(token));
}

/// Sends `bytes` without a completion unless it fails. They stay untouched until the ring is settled.
#[inline]
pub(crate) fn send_fire(ring: &mut Ring, fd: RawFd, bytes: &[u8], token: Token) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: the bytes belong to the plan, or to a batch that is rendered anew only when the ring is settled.
    let sqe = unsafe { op::send_fire(fd, bytes.as_ptr(), len) };
    ring.push(sqe.token(token));
}
