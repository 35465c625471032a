//! Socket addresses in the form that the kernel reads.

use std::{
    fmt, mem,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::{fd::RawFd, unix::ffi::OsStrExt},
    path::Path,
};

/// An IPv4 or IPv6 address and port, or the path of a unix socket, as a `sockaddr`, for [`op::connect`](crate::op::connect).
#[derive(Clone, Copy)]
pub struct SocketAddress {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl SocketAddress {
    /// The address of a unix socket in the file system; `None` when the path is too long (107 bytes fit), empty or has
    /// a NUL in it.
    pub fn unix(path: &Path) -> Option<Self> {
        let bytes = path.as_os_str().as_bytes();
        let mut address = libc::sockaddr_un {
            sun_family: libc::AF_UNIX as libc::sa_family_t,
            sun_path: [0; 108],
        };
        // The last byte stays 0.
        let room = address.sun_path.len() - 1;
        if bytes.is_empty() || bytes.len() > room || bytes.contains(&0) {
            return None;
        }
        for (to, from) in address.sun_path.iter_mut().zip(bytes) {
            *to = from.cast_signed() as libc::c_char;
        }
        Some(Self::holding(address))
    }

    /// The address's family, `AF_INET`, `AF_INET6` or `AF_UNIX`.
    pub fn family(&self) -> libc::c_int {
        libc::c_int::from(self.storage.ss_family)
    }

    /// The first byte of the `sockaddr`; valid as long as `self` stays where it is.
    pub fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    /// Bytes of the `sockaddr`.
    pub fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// Whether there is no address; there always is one.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn holding<T>(address: T) -> Self {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        const { assert!(align_of::<T>() <= align_of::<libc::sockaddr_storage>()) };
        // SAFETY: all-zero is a valid sockaddr_storage.
        let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
        // SAFETY: the storage is large enough and aligned for every kind of sockaddr, asserted above.
        unsafe { (&raw mut storage).cast::<T>().write(address) };
        Self {
            storage,
            len: size_of::<T>() as libc::socklen_t,
        }
    }
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self::holding(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => Self::holding(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            }),
        }
    }
}

/// The address at a connection's other end; `None` if there is none or it is neither IPv4 nor IPv6.
pub fn peer_address(fd: RawFd) -> Option<SocketAddr> {
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: both pointers are valid for the call, and `len` is the storage's size.
    let result = unsafe { libc::getpeername(fd, (&raw mut storage).cast(), &raw mut len) };
    (result == 0).then(|| internet_address(&storage))?
}

/// The address of a socket on this side; `None` if it is neither IPv4 nor IPv6.
pub fn local_address(fd: RawFd) -> Option<SocketAddr> {
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: both pointers are valid for the call, and `len` is the storage's size.
    let result = unsafe { libc::getsockname(fd, (&raw mut storage).cast(), &raw mut len) };
    (result == 0).then(|| internet_address(&storage))?
}

fn internet_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and the storage is large and aligned enough for it.
            let v4 = unsafe { (&raw const *storage).cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::from((ip, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { (&raw const *storage).cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::from((ip, u16::from_be(v6.sin6_port))))
        }
        _ => None,
    }
}

impl fmt::Debug for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketAddress")
            .field("family", &self.family())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::{TcpListener, TcpStream},
        os::fd::AsRawFd,
    };

    #[test]
    fn a_peer_has_the_address_that_it_connects_from() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(any) else {
                println!("skipped: {any}: no such addresses here");
                continue;
            };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            assert_eq!(
                peer_address(server.as_raw_fd()),
                Some(client.local_addr().unwrap())
            );
            assert_eq!(
                local_address(client.as_raw_fd()),
                Some(client.local_addr().unwrap())
            );
            assert_eq!(peer_address(listener.as_raw_fd()), None);
        }
    }

    #[test]
    fn paths_have_to_fit() {
        let at = |path: &str| SocketAddress::unix(Path::new(path));
        assert_eq!(at("/tmp/x").map(|at| at.family()), Some(libc::AF_UNIX));
        assert!(at(&"x".repeat(107)).is_some());
        for path in ["", "a\0b", &"x".repeat(108)] {
            assert!(at(path).is_none(), "{path}");
        }
    }

    #[test]
    fn both_families_have_their_length() {
        let v4 = SocketAddress::from(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!((v4.family(), v4.len()), (libc::AF_INET, 16));
        let v6 = SocketAddress::from(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 8080)));
        assert_eq!((v6.family(), v6.len()), (libc::AF_INET6, 28));
    }
}
