//! What a reactor counts, and how others read it.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What the reactors of a server have counted, summed over them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counters {
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }

        /// One reactor's counters where other threads can read them. Written by the reactor alone, once a
        /// turn, so a plain store is enough.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(crate) struct Published {
            $($name: AtomicU64,)+
        }

        impl Published {
            pub(crate) fn store(&self, counters: &Counters) {
                $(self.$name.store(counters.$name, Relaxed);)+
            }

            pub(crate) fn load(&self) -> Counters {
                Counters { $($name: self.$name.load(Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Requests whose head was accepted.
    requests,
    /// Requests that were refused for breaking the protocol or a limit.
    bad_requests,
    /// Connections accepted.
    accepted,
    /// Connections given to another reactor.
    handed_over,
    /// Connections closed.
    closed,
    /// Slots in use now.
    slots_open,
    /// Slots that exist.
    slots_total,
    /// Receive buffers in the ring (0 for epoll).
    buffers_total,
    /// Receive buffers that are not with the kernel now.
    buffers_leased,
    /// Connections that hold unsent bytes or an incomplete request now.
    connections_buffering,
    /// Bytes kept of the memory that such connections have given back.
    buffer_cache_bytes,
    /// Connections closed for want of progress.
    timeouts,
    /// Times that no receive buffer was free.
    no_buffers,
    /// Times that accepting had to wait for descriptors or slots.
    accept_waits,
    /// Sends that took fewer bytes than given.
    short_sends,
    /// Completions for a slot that had moved on.
    stale_completions,
    /// Turns of the event loop.
    turns,
    /// Handlers, tasks and hooks that panicked.
    panics,
    /// Tasks that are not over.
    tasks,
    /// Large blocks in use.
    large_blocks_used,
    /// Messages that WebSockets have received.
    websocket_messages,
    /// Messages that were not sent to a WebSocket because its peer is too slow.
    websocket_overflows,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_counters_come_back_and_add_up() {
        let counters = Counters {
            requests: 3,
            panics: 1,
            ..Counters::default()
        };
        let published = Published::default();
        published.store(&counters);
        let mut sum = published.load();
        assert_eq!(sum, counters);
        sum.add(&counters);
        assert_eq!((sum.requests, sum.panics, sum.accepted), (6, 2, 0));
    }
}
