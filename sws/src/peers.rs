//! What the reactors of one server know of each other: how many connections each has, and how to reach it.
//!
//! `SO_REUSEPORT` spreads connections by hash, so with few connections a reactor some of them get several
//! times the mean. A reactor that is above the mean hands new connections to the one with the fewest. The cost is
//! per connection, never per request.

use std::{
    io,
    os::fd::RawFd,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering},
    },
};
use sws_ring::sys::{self, EventFd};

use crate::counters::{Counters, Published};

/// One reactor as the others see it; aligned so that its counter shares a cache line with nobody.
#[repr(align(128))]
struct Peer {
    /// Connections that it has or that are on their way to it.
    open: AtomicU32,
    ring: AtomicI32,
    wake: EventFd,
    mail: Mutex<Vec<RawFd>>,
}

/// All reactors of a server.
pub(crate) struct Peers {
    peers: Vec<Peer>,
    published: Vec<Published>,
    stopping: AtomicBool,
}

impl Peers {
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let peer = || -> io::Result<Peer> {
            Ok(Peer {
                open: AtomicU32::new(0),
                ring: AtomicI32::new(-1),
                wake: EventFd::new()?,
                mail: Mutex::new(Vec::new()),
            })
        };
        Ok(Self {
            peers: (0..count).map(|_| peer()).collect::<io::Result<_>>()?,
            published: (0..count).map(|_| Published::default()).collect(),
            stopping: AtomicBool::new(false),
        })
    }

    pub(crate) fn wake(&self, reactor: usize) -> &EventFd {
        &self.peers[reactor].wake
    }

    pub(crate) fn ring(&self, reactor: usize) -> RawFd {
        self.peers[reactor].ring.load(Ordering::Acquire)
    }

    pub(crate) fn set_ring(&self, reactor: usize, fd: RawFd) {
        self.peers[reactor].ring.store(fd, Ordering::Release);
    }

    pub(crate) fn post_mail(&self, reactor: usize, fd: RawFd) {
        self.peers[reactor]
            .mail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fd);
        self.peers[reactor].wake.notify();
    }

    pub(crate) fn take_mail(&self, reactor: usize) -> Vec<RawFd> {
        std::mem::take(
            &mut *self.peers[reactor]
                .mail
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Asks every reactor to stop gracefully.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for peer in &self.peers {
            peer.wake.notify();
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Connections of `reactor`, those on their way to it included. None will be added by others if it is asked after
    /// [`stopping`](Self::stopping) has said yes.
    pub(crate) fn open(&self, reactor: usize) -> u32 {
        self.peers[reactor].open.load(Ordering::SeqCst)
    }

    pub(crate) fn publish(&self, reactor: usize, counters: &Counters) {
        self.published[reactor].store(counters);
    }

    /// The counters of all reactors together.
    pub(crate) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for published in &self.published {
            sum.add(&published.load());
        }
        sum
    }

    /// Counts a connection for `me`, or for the reactor that should have it instead: the one with the fewest, if
    /// `me` would be more than one above the mean.
    pub(crate) fn place(&self, me: usize) -> usize {
        let mine = self.peers[me].open.load(Ordering::Relaxed);
        let mut target = me;
        if self.peers.len() > 1 && !self.stopping() {
            let mut total = 0u64;
            let (mut fewest, mut fewest_at) = (mine, me);
            for (index, peer) in self.peers.iter().enumerate() {
                let open = peer.open.load(Ordering::Relaxed);
                total += u64::from(open);
                if open < fewest {
                    (fewest, fewest_at) = (open, index);
                }
            }
            if u64::from(mine) * self.peers.len() as u64 > total {
                target = fewest_at;
            }
        }
        // In this order, so that a reactor which is stopping either sees the connection that comes to it or is not
        // given it.
        self.peers[target].open.fetch_add(1, Ordering::SeqCst);
        if target != me && self.stopping() {
            self.moved(target, me);
            target = me;
        }
        target
    }

    /// Counts a connection for `me` without asking who else might have it.
    pub(crate) fn keep(&self, me: usize) {
        self.peers[me].open.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that was counted for `from` is `to`'s after all.
    pub(crate) fn moved(&self, from: usize, to: usize) {
        self.peers[to].open.fetch_add(1, Ordering::Relaxed);
        self.peers[from].open.fetch_sub(1, Ordering::SeqCst);
        if self.stopping() {
            // It may have been the last that it waited for.
            self.peers[from].wake.notify();
        }
    }

    /// A connection of `me` has closed.
    pub(crate) fn left(&self, me: usize) {
        self.peers[me].open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        for reactor in 0..self.peers.len() {
            self.take_mail(reactor).into_iter().for_each(sys::close);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_even_out() {
        let peers = Peers::new(4).unwrap();
        // All of them arrive at one reactor: the worst that the kernel's hash can do.
        let mut per = [0u32; 4];
        for _ in 0..400 {
            per[peers.place(2)] += 1;
        }
        assert!(per.iter().all(|&n| (99..=102).contains(&n)), "{per:?}");
    }

    #[test]
    fn one_reactor_keeps_all() {
        let peers = Peers::new(1).unwrap();
        assert!((0..10).all(|_| peers.place(0) == 0));
    }

    #[test]
    fn nothing_is_handed_over_while_stopping() {
        let peers = Peers::new(2).unwrap();
        peers.place(0);
        peers.stop();
        assert_eq!(peers.place(0), 0);
    }
}
