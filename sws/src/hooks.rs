//! What runs on every reactor besides requests: before deferred answers, and from time to time.

use crate::{caught::caught, connection::ConnId, reply::Reply};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// A deferred answer that is about to be sent, as a hook sees it.
pub struct DeferredEvent<'a> {
    conn: ConnId,
    reply: &'a Reply,
}

impl<'a> DeferredEvent<'a> {
    /// The connection that it goes to, which may have gone meanwhile.
    pub fn connection(&self) -> ConnId {
        self.conn
    }

    /// The answer.
    pub fn reply(&self) -> &'a Reply {
        self.reply
    }

    /// The answer's body, if it is in memory.
    pub fn body(&self) -> &'a [u8] {
        self.reply.body().unwrap_or_default()
    }
}

impl fmt::Debug for DeferredEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredEvent")
            .field("connection", &self.conn)
            .field("reply", &self.reply)
            .finish()
    }
}

type OnDeferred<S> = Box<dyn Fn(&mut S, &DeferredEvent<'_>) + Send + Sync>;
type OnTick<S> = Box<dyn Fn(&mut S) + Send + Sync>;

pub(crate) struct Hooks<S> {
    deferred: Vec<OnDeferred<S>>,
    ticks: Vec<(Duration, OnTick<S>)>,
}

/// When one reactor's tick hooks are due.
#[derive(Debug)]
pub(crate) struct Ticks(Vec<Instant>);

impl Ticks {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().min().copied()
    }
}

impl<S> Hooks<S> {
    pub(crate) fn new() -> Self {
        Self {
            deferred: Vec::new(),
            ticks: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deferred.is_empty() && self.ticks.is_empty()
    }

    pub(crate) fn add_deferred(&mut self, hook: OnDeferred<S>) {
        self.deferred.push(hook);
    }

    pub(crate) fn add_tick(&mut self, period: Duration, hook: OnTick<S>) {
        self.ticks.push((period, hook));
    }

    pub(crate) fn ticks(&self, now: Instant) -> Ticks {
        Ticks(self.ticks.iter().map(|(period, _)| now + *period).collect())
    }

    /// Runs the hooks for a deferred answer, in order. Returns how many panicked.
    pub(crate) fn deferred(&self, state: &mut S, conn: ConnId, reply: &Reply) -> u64 {
        let event = DeferredEvent { conn, reply };
        let mut panics = 0;
        for hook in &self.deferred {
            let run = || hook(state, &event);
            panics += u64::from(caught(run).is_none());
        }
        panics
    }

    /// Runs the tick hooks that are due. Ticks that were missed are not made up for. Returns how many panicked.
    pub(crate) fn tick(&self, ticks: &mut Ticks, state: &mut S) -> u64 {
        let now = Instant::now();
        let mut panics = 0;
        for (due, (period, hook)) in ticks.0.iter_mut().zip(&self.ticks) {
            if *due > now {
                continue;
            }
            *due = (*due + *period).max(now + *period / 2);
            let run = || hook(state);
            panics += u64::from(caught(run).is_none());
        }
        panics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_run_in_order_and_a_panic_stops_none_of_the_others() {
        let mut hooks: Hooks<Vec<String>> = Hooks::new();
        hooks.add_deferred(Box::new(|seen, event| {
            seen.push(format!("a {}", event.reply().status_code()));
        }));
        hooks.add_deferred(Box::new(|_, _| panic!("on purpose")));
        hooks.add_deferred(Box::new(|seen, event| {
            seen.push(format!("b {}", event.body().len()));
        }));
        let mut seen = Vec::new();
        let reply = Reply::text("four");
        let panics = hooks.deferred(&mut seen, ConnId::new(1, 1), &reply);
        assert_eq!((panics, seen), (1, vec!["a 200".to_owned(), "b 4".into()]));
    }

    #[test]
    fn ticks_are_not_made_up_for() {
        let mut hooks: Hooks<u32> = Hooks::new();
        hooks.add_tick(Duration::from_millis(10), Box::new(|count| *count += 1));
        let long_ago = Instant::now().checked_sub(Duration::from_millis(500));
        let (mut ticks, mut count) = (hooks.ticks(long_ago.unwrap()), 0);
        for _ in 0..3 {
            hooks.tick(&mut ticks, &mut count);
        }
        assert_eq!(count, 1);
        assert!(ticks.next().unwrap() > Instant::now() - Duration::from_millis(5));
    }
}
