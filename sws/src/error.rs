//! Why a server did not start or had to stop.

use std::{fmt, io, net::SocketAddr};
use sws_ring::SetupError;

/// A server could not be started, or one of its reactors failed. `Display` says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A configuration value that cannot work.
    Config {
        /// The key, as in [`Config`](crate::Config).
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// Two routes that match the same paths, or a pattern that cannot be read.
    Route {
        /// The path as it was given.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The address could not be listened on.
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// io_uring was asked for and could not be had.
    Engine(SetupError),
    /// A thread could not be started or its event loop broke.
    Reactor(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { key, problem } => write!(f, "configuration: {key}: {problem}"),
            Self::Route { path, problem } => write!(f, "route {path:?}: {problem}"),
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "cannot listen on {address}: the port is in use; choose another port, or find who holds it \
                 with `ss -ltnp 'sport = :{}'`",
                    address.port()
                )
            }
            Self::Listen { address, source }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                write!(
                    f,
                    "cannot listen on {address}: permission denied; ports below 1024 need CAP_NET_BIND_SERVICE"
                )
            }
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::Engine(source) => write!(f, "{source}; or use the epoll engine"),
            Self::Reactor(source) => write!(f, "event loop: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config { .. } | Self::Route { .. } => None,
            Self::Listen { source, .. } | Self::Reactor(source) => Some(source),
            Self::Engine(source) => Some(source),
        }
    }
}
