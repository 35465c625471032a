//! Names of system errors.

use std::io;

/// What the system calls an error, without its number.
pub(crate) fn text(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    match text.rsplit_once(" (os error") {
        Some((text, _)) => text.into(),
        None => text,
    }
}

/// Its name in manuals.
pub(crate) fn name(errno: i32) -> String {
    macro_rules! names {
        ($($name:ident)*) => {
            match errno {
                $(libc::$name => stringify!($name).into(),)*
                other => format!("errno {other}"),
            }
        };
    }
    names! {
        EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECANCELED ECONNABORTED ECONNREFUSED ECONNRESET
        EFAULT EHOSTDOWN EHOSTUNREACH EINPROGRESS EINTR EINVAL EIO EISCONN EMFILE EMSGSIZE ENETDOWN ENETRESET
        ENETUNREACH ENFILE ENOBUFS ENOENT ENOMEM ENOTCONN ENOTSOCK EPERM EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE
        ETIMEDOUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_names() {
        assert_eq!(text(libc::ECONNREFUSED), "Connection refused");
        assert_eq!(name(libc::ECONNREFUSED), "ECONNREFUSED");
        assert_eq!(name(4095), "errno 4095");
    }
}
