//! One thread: a listener, an epoll instance, the connections that it accepted.

use std::{
    collections::VecDeque,
    io,
    net::TcpListener,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    io::Errno,
    net::{SocketFlags, accept_with},
};
use slab::Slab;

use crate::{
    connection::{Buffers, Connection, Gone, Wait},
    routes::App,
};

/// The listener's place; connections have those of the slab.
const LISTENER: u64 = u64::MAX;
const EVENTS_MAX: usize = 1024;
/// Connections accepted per wake-up.
const ACCEPTS_MAX: usize = 256;
/// One read takes a window of an upload, and stays within a level 2 cache.
const INPUT_BYTES: usize = 256 * 1024;
/// How long a peer may take to end a connection on which all is said.
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) struct Worker {
    poll: OwnedFd,
    listener: TcpListener,
    app: App,
    slots: Slab<Slot>,
    buffers: Buffers,
    /// Connections that wait for their end, the earliest first.
    leaving: VecDeque<(Instant, usize, u64)>,
    serial: u64,
}

struct Slot {
    connection: Connection,
    waits: Wait,
    /// Tells this connection from others that had its place.
    serial: u64,
}

fn interest(waits: Wait) -> epoll::EventFlags {
    match waits {
        Wait::Input | Wait::End => epoll::EventFlags::IN,
        Wait::Room => epoll::EventFlags::OUT,
    }
}

impl Worker {
    pub(crate) fn new(listener: TcpListener, app: App) -> io::Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(LISTENER);
        epoll::add(&poll, &listener, data, epoll::EventFlags::IN)?;
        Ok(Self {
            poll,
            listener,
            app,
            slots: Slab::new(),
            buffers: Buffers {
                input: vec![0; INPUT_BYTES].into(),
                output: Vec::new(),
            },
            leaving: VecDeque::new(),
            serial: 0,
        })
    }

    /// Serves for the life of the process.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
        loop {
            let timeout = self.until_farewell();
            match epoll::wait(&self.poll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.app.clock.look();
            // A descriptor comes up once per wait, so no event is about a place
            // that an earlier one has freed.
            for event in events.drain(..) {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    place => self.serve(place as usize),
                }
            }
            self.end_overdue();
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_MAX {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match accept_with(&self.listener, flags) {
                Ok(stream) => self.admit(stream),
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // Without a descriptor to spare, accepting again at once would
                // only spin.
                Err(_) => return std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn admit(&mut self, stream: OwnedFd) {
        self.serial += 1;
        let entry = self.slots.vacant_entry();
        let data = epoll::EventData::new_u64(entry.key() as u64);
        if epoll::add(&self.poll, &stream, data, interest(Wait::Input)).is_ok() {
            entry.insert(Slot {
                connection: Connection::new(stream),
                waits: Wait::Input,
                serial: self.serial,
            });
        }
    }

    fn serve(&mut self, place: usize) {
        let Some(slot) = self.slots.get_mut(place) else {
            return;
        };
        let done = slot
            .connection
            .proceed(&mut self.app, &mut self.buffers)
            .and_then(|()| {
                let waits = slot.connection.waits();
                if interest(waits) != interest(slot.waits) {
                    let data = epoll::EventData::new_u64(place as u64);
                    epoll::modify(&self.poll, slot.connection.fd(), data, interest(waits))?;
                }
                Ok(std::mem::replace(&mut slot.waits, waits))
            });
        match done {
            Ok(before) if before != Wait::End && slot.waits == Wait::End => {
                let deadline = Instant::now() + FAREWELL;
                self.leaving.push_back((deadline, place, slot.serial));
            }
            Ok(_) => {}
            Err(Gone) => {
                // A failed connection may have left an answer behind.
                self.buffers.output.clear();
                // Closing the descriptor takes it out of the epoll instance.
                self.slots.remove(place);
            }
        }
    }

    fn until_farewell(&self) -> Option<Timespec> {
        let (deadline, ..) = self.leaving.front()?;
        let left = deadline.saturating_duration_since(Instant::now());
        left.try_into().ok()
    }

    fn end_overdue(&mut self) {
        while let Some((deadline, place, serial)) = self.leaving.front() {
            let there = self
                .slots
                .get(*place)
                .is_some_and(|slot| slot.serial == *serial);
            if there && *deadline > Instant::now() {
                return;
            }
            if there {
                self.slots.remove(*place);
            }
            self.leaving.pop_front();
        }
    }
}
