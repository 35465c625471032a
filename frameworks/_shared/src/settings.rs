//! What `run.sh start` is given, and the listeners that follow from it.

use std::{
    env, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
};

pub use core_affinity::CoreId;
use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 4096;

/// The environment of `run.sh start`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `PORT`, 8080 when missing.
    pub port: u16,
    /// `DATA_DIR`, `/data` when missing.
    pub data_dir: PathBuf,
    /// The CPUs that this process may run on; at least one.
    pub cpus: Vec<CoreId>,
}

impl Settings {
    /// # Errors
    /// A sentence that names the variable, or that the affinity mask cannot be
    /// read.
    pub fn from_environment() -> Result<Self, String> {
        let port = match env::var("PORT") {
            Ok(text) => text
                .parse()
                .map_err(|_| format!("PORT is not a port number: {text:?}"))?,
            Err(_) => 8080,
        };
        let data_dir = PathBuf::from(env::var_os("DATA_DIR").unwrap_or_else(|| "/data".into()));
        let cpus = core_affinity::get_core_ids().unwrap_or_default();
        if cpus.is_empty() {
            return Err("the affinity mask of this process cannot be read".to_owned());
        }
        Ok(Self {
            port,
            data_dir,
            cpus,
        })
    }

    /// One listener per CPU, all on `port`. Every one exists before the first
    /// accepts: a port that is taken is reported once, and no early connection
    /// lands on a lone thread.
    ///
    /// # Errors
    /// A sentence that names the port.
    pub fn listeners(&self) -> Result<Vec<TcpListener>, String> {
        self.cpus
            .iter()
            .map(|_| listen(self.port))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("cannot listen on port {}: {error}", self.port))
    }
}

/// A listener that shares `port` with others. Linux hands `TCP_NODELAY` down to
/// the connections that it accepts.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
