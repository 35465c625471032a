//! Clocks and descriptors of the simulated world.

use super::{FIRST_FD, World, client::Server};
use crate::reactor::Host;
use std::{cell::RefCell, io, os::fd::RawFd, rc::Rc, time::Duration};

/// The [`Host`] of a [`World`].
pub(crate) struct SimHost(pub(crate) Rc<RefCell<World>>);

impl SimHost {
    /// The server gives a connection up or has done with it: that must not be early or late.
    fn ends(world: &World, index: usize) {
        if !world.stopping {
            let client = &world.clients[index];
            client.check_deadline(world.looked, world.looked_before, &world.timeouts);
        }
    }
}

fn not_connected() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOTCONN)
}

impl Host for SimHost {
    fn monotonic(&self) -> Duration {
        let world = &mut *self.0.borrow_mut();
        world.looked_before = world.looked;
        world.looked = world.coarse();
        Duration::from_millis(world.looked)
    }

    /// Set back and forth, which must not matter.
    fn unix_seconds(&self) -> u64 {
        let world = &mut *self.0.borrow_mut();
        1_700_000_000 + world.random.below(100_000) as u64
    }

    fn close(&self, fd: RawFd) {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        if !world.engine_gone {
            let client = &world.clients[index];
            assert!(client.receive.is_none(), "closed under a receive");
            let sends = world.batch.iter().any(|&(other, _)| other == index);
            assert!(!sends && client.send.is_none(), "closed under a send");
            if !client.shut {
                Self::ends(world, index);
            }
        }
        world.clients[index].close();
        world.old.extend(world.clients[index].token);
        world.closed += 1;
        world.wake(index);
    }

    fn shutdown_write(&self, fd: RawFd) -> io::Result<()> {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        Self::ends(world, index);
        let now = world.looked;
        let client = &mut world.clients[index];
        assert!(client.server == Server::Open, "a second FIN");
        assert!(client.send.is_none(), "FIN overtakes a send");
        let fires = world.batch.iter().any(|&(other, _)| other == index);
        assert!(!fires, "FIN overtakes a send");
        if client.broken() {
            return Err(not_connected());
        }
        client.server = Server::Fin;
        client.times.fin = now;
        world.wake(index);
        Ok(())
    }

    fn shutdown_both(&self, fd: RawFd) -> io::Result<()> {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        Self::ends(world, index);
        world.clients[index].shut = true;
        world.wake(index);
        if world.clients[index].reset {
            return Err(not_connected());
        }
        Ok(())
    }

    fn send_queue(&self, fd: RawFd) -> io::Result<u32> {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        Ok(world.clients[index].queued() as u32)
    }

    fn hung_up(&self, fd: RawFd, broken: bool) -> bool {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        let client = &world.clients[index];
        client.reset || (client.fin && !broken)
    }

    fn reset(&self, fd: RawFd) {
        let world = &mut *self.0.borrow_mut();
        let index = world.open(fd);
        world.clients[index].linger_zero = true;
    }
}

impl Drop for SimHost {
    /// Whatever was opened has been closed.
    fn drop(&mut self) {
        let world = self.0.borrow();
        if std::thread::panicking() {
            return;
        }
        for (index, client) in world.clients.iter().enumerate() {
            let fd = FIRST_FD + index as RawFd;
            let open = matches!(client.server, Server::Open | Server::Fin);
            assert!(!open, "descriptor {fd} is left open");
        }
    }
}
