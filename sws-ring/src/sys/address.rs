//! Socket addresses in the form that the kernel reads.

use std::{fmt, mem, net::SocketAddr};

/// An IPv4 or IPv6 address and port as a `sockaddr`, for [`op::connect`](crate::op::connect).
#[derive(Clone, Copy)]
pub struct SocketAddress {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl SocketAddress {
    /// The address's family, `AF_INET` or `AF_INET6`.
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

    #[test]
    fn both_families_have_their_length() {
        let v4 = SocketAddress::from(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!((v4.family(), v4.len()), (libc::AF_INET, 16));
        let v6 = SocketAddress::from(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 8080)));
        assert_eq!((v6.family(), v6.len()), (libc::AF_INET6, 28));
    }
}
