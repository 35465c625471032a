//! One constructor for each operation in use.
//!
//! Constructors that take a pointer are `unsafe`: from the push until the operation's last completion the
//! memory belongs to the kernel, whatever happens to the connection meanwhile.

use crate::Token;
use io_uring::{opcode, squeue, squeue::Flags, types};
use std::os::fd::RawFd;

/// An operation ready to be pushed.
#[derive(Clone, Debug)]
pub struct Sqe {
    pub(crate) entry: squeue::Entry,
}

impl Sqe {
    /// Sets the token that the completion will carry.
    #[inline]
    pub fn token(self, token: Token) -> Self {
        Self {
            entry: self.entry.user_data(token.user_data()),
        }
    }

    /// Suppresses the completion unless the operation fails.
    #[inline]
    pub fn skip_success(self) -> Self {
        Self {
            entry: self.entry.flags(Flags::SKIP_SUCCESS),
        }
    }

    #[inline]
    fn new(entry: squeue::Entry) -> Self {
        Self { entry }
    }
}

/// Accepts until an error or cancel; each completion is a new descriptor (close-on-exec). Linux 5.19.
///
/// `RLIMIT_NOFILE` is the one in force when this is armed: raise it before.
#[inline]
pub fn accept_multishot(listener: RawFd) -> Sqe {
    Sqe::new(
        opcode::AcceptMulti::new(types::Fd(listener))
            .flags(libc::SOCK_CLOEXEC)
            .build(),
    )
}

/// Receives into buffers of `group` until EOF, an error, `ENOBUFS` or cancel. Linux 6.0.
#[inline]
pub fn recv_multishot(fd: RawFd, group: u16) -> Sqe {
    Sqe::new(opcode::RecvMulti::new(types::Fd(fd), group).build())
}

/// Sends; the completion says how many bytes were taken, which may be fewer than `len`.
///
/// # Safety
/// - `data..data + len` stays valid and unchanged until the completion.
#[inline]
pub unsafe fn send(fd: RawFd, data: *const u8, len: u32) -> Sqe {
    Sqe::new(
        opcode::Send::new(types::Fd(fd), data, len)
            .flags(libc::MSG_NOSIGNAL)
            .build(),
    )
}

/// Sends without a completion unless something goes wrong ("fire and forget").
///
/// `MSG_DONTWAIT | MSG_WAITALL` makes a short send a failure, so `SKIP_SUCCESS` cannot hide it: all sent → no
/// completion; part sent → its count; nothing → `-EAGAIN`. The completion comes with the enter that submits
/// the send, so the memory is free once that has returned and the ring is
/// [`settled`](crate::Ring::settled). Use it only where
/// [`Features::fire_and_forget`](crate::Features::fire_and_forget) holds.
///
/// # Safety
/// - `data..data + len` stays valid and unchanged until the ring is settled.
#[inline]
pub unsafe fn send_fire(fd: RawFd, data: *const u8, len: u32) -> Sqe {
    let flags = libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
    Sqe::new(
        opcode::Send::new(types::Fd(fd), data, len)
            .flags(flags)
            .build()
            .flags(Flags::SKIP_SUCCESS),
    )
}

/// Cancels the operation that carries `target`; its own completion says `-ECANCELED`.
#[inline]
pub fn cancel(target: Token) -> Sqe {
    Sqe::new(opcode::AsyncCancel::new(target.user_data()).build())
}

/// Connects a socket.
///
/// # Safety
/// - `address..address + len` stays valid and unchanged until the completion.
#[inline]
pub unsafe fn connect(fd: RawFd, address: *const libc::sockaddr, len: libc::socklen_t) -> Sqe {
    Sqe::new(opcode::Connect::new(types::Fd(fd), address, len).build())
}

/// Reports readability of `fd` again and again until cancelled. Linux 5.13.
#[inline]
pub fn poll_multishot(fd: RawFd) -> Sqe {
    Sqe::new(
        opcode::PollAdd::new(types::Fd(fd), libc::POLLIN as u32)
            .multi(true)
            .build(),
    )
}

/// Reports readability of `fd` once.
#[inline]
pub fn poll_once(fd: RawFd) -> Sqe {
    Sqe::new(opcode::PollAdd::new(types::Fd(fd), libc::POLLIN as u32).build())
}

/// Puts a completion with `result` and `token` into another ring. Linux 5.18.
#[inline]
pub fn msg_ring(ring: RawFd, result: i32, token: Token) -> Sqe {
    Sqe::new(opcode::MsgRingData::new(types::Fd(ring), result, token.user_data(), None).build())
}
