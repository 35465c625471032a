//! Listening sockets: one for each reactor, all on one port.

use crate::{Config, Error};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Binds `count` listeners to one port and says where.
pub(crate) fn bind(config: &Config, count: usize) -> Result<(SocketAddr, Vec<TcpListener>), Error> {
    let asked = SocketAddr::new(config.host, config.port);
    let refuse = |source| Error::Listen {
        address: asked,
        source,
    };
    // Two servers of one user may share a port by SO_REUSEPORT without either noticing, and each would get a part of the
    // other's connections. So the port is first asked for without it, which any other holder makes fail.
    let probe = socket(asked, false).map_err(refuse)?;
    let address = probe
        .local_addr()
        .map_err(refuse)?
        .as_socket()
        .unwrap_or(asked);
    drop(probe);
    let listeners = (0..count)
        .map(|_| {
            let socket = socket(address, true)?;
            socket.listen(config.backlog.min(i32::MAX as u32) as i32)?;
            Ok(TcpListener::from(socket))
        })
        .collect::<io::Result<_>>()
        .map_err(refuse)?;
    Ok((address, listeners))
}

fn socket(address: SocketAddr, reuse_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn config(port: u16) -> Config {
        Config {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port,
            ..Config::default()
        }
    }

    #[test]
    fn listeners_share_the_port_that_the_kernel_chose() {
        let (address, listeners) = bind(&config(0), 3).unwrap();
        assert_ne!(address.port(), 0);
        assert!(listeners.iter().all(|l| l.local_addr().unwrap() == address));
    }

    #[test]
    fn a_port_in_use_is_refused_even_by_another_reuseport_server() {
        let (address, _listeners) = bind(&config(0), 2).unwrap();
        let error = bind(&config(address.port()), 1).unwrap_err().to_string();
        assert!(
            error.contains("in use") && error.contains("ss -ltnp"),
            "{error}"
        );
    }
}
