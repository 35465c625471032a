//! Socket calls on the raw descriptors that completions carry.

use super::SocketAddress;
use std::{io, os::fd::RawFd};

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Makes a stream socket (close-on-exec) for an address family: TCP for `AF_INET` and `AF_INET6`, or `AF_UNIX`.
pub fn tcp_socket(family: libc::c_int) -> io::Result<RawFd> {
    // SAFETY: touches no memory.
    let fd = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(fd)
}

/// Lets a socket connect from an address, whose port is only chosen by the connect (`IP_BIND_ADDRESS_NO_PORT`, for
/// both families), so that the same port serves connections to different targets. The address's port is 0.
pub fn bind_source(fd: RawFd, source: &SocketAddress) -> io::Result<()> {
    set(
        fd,
        libc::SOL_IP,
        libc::IP_BIND_ADDRESS_NO_PORT,
        1 as libc::c_int,
    )?;
    // SAFETY: the pointer and the length are those of one address, which lives through the call.
    check(unsafe { libc::bind(fd, source.as_ptr(), source.len()) })
}

/// Closes a descriptor that the caller owns. The descriptor is gone whatever is returned.
#[inline]
pub fn close(fd: RawFd) {
    // SAFETY: closing touches no memory; a wrong number is an error of the caller's bookkeeping, which the
    // debug assertion shows.
    let result = unsafe { libc::close(fd) };
    debug_assert!(result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EBADF));
}

/// Sends FIN after what is queued; receiving goes on.
pub fn shutdown_write(fd: RawFd) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::shutdown(fd, libc::SHUT_WR) })
}

/// Ends both directions; an armed receive completes with 0.
pub fn shutdown_both(fd: RawFd) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::shutdown(fd, libc::SHUT_RDWR) })
}

/// Sends what the socket takes at once, and returns how many bytes that were. A peer that has gone raises no signal.
pub fn send_now(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the call reads `bytes` and is over when it returns.
    let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Bytes that were sent and the peer has not acknowledged (`SIOCOUTQ`).
pub fn send_queue(fd: RawFd) -> io::Result<u32> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the call writes one int to `bytes`.
    check(unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut bytes) })?;
    Ok(bytes.max(0) as u32)
}

/// Whether the peer will send no more: its FIN or a reset has come, whatever it sent before and nobody has read.
/// `broken`: a reset alone counts.
pub fn hung_up(fd: RawFd, broken: bool) -> bool {
    let events = if broken { 0 } else { libc::POLLRDHUP };
    let mut poll = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: the call reads and writes one `pollfd`; it does not wait.
    let count = unsafe { libc::poll(&raw mut poll, 1, 0) };
    // Errors and hang-ups of both directions are reported unasked.
    count > 0 && poll.revents != 0
}

/// Makes `close` reset the connection instead of lingering in TIME_WAIT.
pub fn set_linger_zero(fd: RawFd) -> io::Result<()> {
    set(
        fd,
        libc::SOL_SOCKET,
        libc::SO_LINGER,
        libc::linger {
            l_onoff: 1,
            l_linger: 0,
        },
    )
}

/// Resets a TCP connection now, while the descriptor stays open: what waits on it ends, and the peer sees no end of the
/// stream. (`connect(2)` to `AF_UNSPEC` dissolves the association; on TCP that is an abort, RFC 9293, 3.10.5.)
pub fn reset(fd: RawFd) -> io::Result<()> {
    let nobody = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    let len = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: `nobody` is a valid address of that length for the call.
    match unsafe { libc::connect(fd, &raw const nobody, len) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Turns Nagle's algorithm off. Accepted sockets inherit it from their listener.
pub fn set_nodelay(fd: RawFd) -> io::Result<()> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1 as libc::c_int)
}

/// Bounds the bytes that wait in the socket to be sent; the kernel doubles the value for its bookkeeping and
/// stops tuning it.
pub fn set_send_buffer(fd: RawFd, bytes: u32) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes)
}

/// Bounds the bytes that wait in the socket to be read; for accepted sockets it is set on their listener.
pub fn set_receive_buffer(fd: RawFd, bytes: u32) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes)
}

fn set<T>(fd: RawFd, level: libc::c_int, name: libc::c_int, value: T) -> io::Result<()> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes of `value`, which lives through the call.
    check(unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            (&raw const value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })
}
