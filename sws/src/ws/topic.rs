//! Sending to many connections at once.

use super::Frame;
use crate::{
    connection::ConnId,
    remote::{Inbox, Mail},
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use sws_proto::ws::{Message, encode};

/// A set of connections, on whatever reactors, that are sent the same messages. Cheap to clone; `Send`.
#[derive(Clone, Default)]
pub struct Topic(pub(crate) Arc<TopicMembers>);

impl Topic {
    /// A topic without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a message to every member. It is encoded once; a member that is too slow is treated as
    /// [`Config::websocket_overflow`](crate::Config::websocket_overflow) says. From any thread.
    pub fn send<'m>(&self, message: impl Into<Message<'m>>) {
        let mut frame = Vec::new();
        encode::message(&mut frame, message, None);
        let frame: Frame = frame.into();
        let inboxes: Vec<Arc<Inbox>> = {
            let members = self.0.lock();
            members.iter().map(|m| Arc::clone(&m.inbox)).collect()
        };
        for inbox in inboxes {
            inbox.push(Mail::Publish(Arc::clone(&self.0), Arc::clone(&frame)));
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.lock().iter().map(|m| m.conns.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("members", &self.len())
            .finish()
    }
}

/// The members of a topic, by reactor.
#[derive(Default)]
pub(crate) struct TopicMembers(Mutex<Vec<Members>>);

struct Members {
    inbox: Arc<Inbox>,
    conns: Vec<ConnId>,
}

impl TopicMembers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Members>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn join(&self, inbox: &Arc<Inbox>, conn: ConnId) -> bool {
        let mut all = self.lock();
        match all.iter_mut().find(|m| Arc::ptr_eq(&m.inbox, inbox)) {
            Some(members) if members.conns.contains(&conn) => return false,
            Some(members) => members.conns.push(conn),
            None => all.push(Members {
                inbox: Arc::clone(inbox),
                conns: vec![conn],
            }),
        }
        true
    }

    pub(crate) fn leave(&self, inbox: &Arc<Inbox>, conn: ConnId) {
        let mut all = self.lock();
        if let Some(at) = all.iter().position(|m| Arc::ptr_eq(&m.inbox, inbox)) {
            all[at].conns.retain(|other| *other != conn);
            if all[at].conns.is_empty() {
                all.swap_remove(at);
            }
        }
    }

    /// Those of one reactor.
    pub(crate) fn of(&self, inbox: &Arc<Inbox>) -> Vec<ConnId> {
        let all = self.lock();
        all.iter()
            .find(|m| Arc::ptr_eq(&m.inbox, inbox))
            .map_or_else(Vec::new, |members| members.conns.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go_by_reactor() {
        let (here, there) = (Arc::new(Inbox::new(|| ())), Arc::new(Inbox::new(|| ())));
        let topic = Topic::new();
        let conn = |index| ConnId::new(index, 1);
        assert!(topic.0.join(&here, conn(1)) && topic.0.join(&here, conn(2)));
        assert!(!topic.0.join(&here, conn(1)), "a member already");
        topic.0.join(&there, conn(1));
        assert_eq!((topic.len(), topic.0.of(&here).len()), (3, 2));
        topic.send("x");
        assert!(here.has_mail() && there.has_mail());
        topic.0.leave(&there, conn(1));
        topic.0.leave(&there, conn(1));
        assert_eq!(topic.0.of(&there), []);
        assert_eq!(topic.len(), 2);
    }
}
