//! What other threads may do with a reactor: run something on it, answer one of its requests.

use crate::{
    caught::discard,
    connection::ConnId,
    local,
    reply::{IntoReply, Reply},
    ws::Command,
};
use std::{
    any::Any,
    cell::RefCell,
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

type Invoke = Box<dyn FnOnce(&mut dyn Any) + Send>;

/// Something for a reactor to do.
pub(crate) enum Mail {
    /// An exchange's answer.
    Answer(ConnId, u32, Box<Reply>),
    /// A stream of an exchange has something, or has room again.
    Pump(ConnId, u32),
    /// Something to run with the state.
    Invoke(Invoke),
    /// Something for a WebSocket to do.
    WebSocket(ConnId, Command),
    /// An encoded message for every member of a topic.
    Publish(Arc<crate::ws::TopicMembers>, Arc<[u8]>),
}

/// A reactor's inbox: first in, first out, from any thread.
pub(crate) struct Inbox {
    mail: Mutex<Mailbox>,
    /// Whether there is mail; may be late, never for ever.
    filled: AtomicBool,
    notify: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Mailbox {
    mail: VecDeque<Mail>,
    closed: bool,
}

impl Inbox {
    /// `notify` wakes the reactor.
    pub(crate) fn new(notify: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            mail: Mutex::default(),
            filled: AtomicBool::new(false),
            notify: Box::new(notify),
        }
    }

    /// Whether it was taken: not after the reactor has ended.
    pub(crate) fn push(&self, mail: Mail) -> bool {
        let was_empty = {
            let mut mailbox = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
            if mailbox.closed {
                return false;
            }
            mailbox.mail.push_back(mail);
            mailbox.mail.len() == 1
        };
        if was_empty {
            self.filled.store(true, Ordering::Release);
            // The reactor's own thread looks before it waits.
            if !local::is_inbox(self) {
                (self.notify)();
            }
        }
        true
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    /// Swaps what has come for `empty`.
    pub(crate) fn take(&self, empty: &mut VecDeque<Mail>) {
        if self.filled.swap(false, Ordering::AcqRel) {
            let mut mailbox = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut mailbox.mail, empty);
        }
    }

    /// Takes no more; what is in it is dropped.
    pub(crate) fn close(&self) {
        let mail = {
            let mut mailbox = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
            mailbox.closed = true;
            std::mem::take(&mut mailbox.mail)
        };
        // Each may hold what is a user's.
        for letter in mail {
            discard(letter);
        }
    }
}

/// A reactor as other threads see it: `Send`, `Sync`, cheap to clone.
///
/// What one thread sends arrives in the order in which it was sent, and wakes an idle reactor at once.
pub struct Remote<S> {
    inbox: Arc<Inbox>,
    // Of the state only the type is meant: it stays on its thread.
    state: PhantomData<fn(&mut S)>,
}

impl<S: 'static> Remote<S> {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            state: PhantomData,
        }
    }

    /// Runs `act` on the reactor's thread, with its state. It must not block.
    ///
    /// # Errors
    /// [`Stopped`] when the reactor has ended. One that ends before `act` had its turn drops it.
    pub fn invoke(&self, act: impl FnOnce(&mut S) + Send + 'static) -> Result<(), Stopped> {
        let mail = Mail::Invoke(Box::new(|state| {
            if let Some(state) = state.downcast_mut() {
                act(state);
            }
        }));
        if self.inbox.push(mail) {
            Ok(())
        } else {
            Err(Stopped)
        }
    }
}

/// The reactor that runs on this thread, for other threads.
///
/// ```
/// use sws::{Answered, Request, Response, remote};
///
/// struct App {
///     found: Option<String>,
/// }
///
/// fn search(_: &mut App, _: &Request<'_>, response: Response<'_>) -> Answered {
///     let remote = remote::<App>();
///     std::thread::spawn(move || {
///         let found = "what took long to find".to_owned();
///         // An error: the server has stopped meanwhile.
///         let _ = remote.invoke(move |app| app.found = Some(found));
///     });
///     response.text("it is being searched for\n")
/// }
/// ```
///
/// # Panics
/// On a thread that is no reactor, or if the server's state is not an `S`.
#[expect(
    clippy::panic,
    reason = "a mistake of the program's, with a way out of it"
)]
pub fn remote<S: 'static>() -> Remote<S> {
    let Some(local) = local::current() else {
        panic!("sws::remote: this thread is no reactor; Running::remote gives one to any thread");
    };
    assert!(
        local.state.is::<RefCell<S>>(),
        "sws::remote: the server's state is not a {}",
        std::any::type_name::<S>()
    );
    Remote::new(Arc::clone(&local.inbox))
}

impl<S> Clone for Remote<S> {
    fn clone(&self) -> Self {
        Self {
            inbox: Arc::clone(&self.inbox),
            state: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Remote<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

/// The reactor has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server has stopped")
    }
}

impl std::error::Error for Stopped {}

/// Answers one request later, from any thread: [`Response::defer`](crate::Response::defer) makes it.
///
/// Exactly one answer, by construction: [`send`](Self::send) uses it up, and dropping it answers 500. While it lives, the
/// connection waits.
pub struct Responder {
    inbox: Arc<Inbox>,
    conn: ConnId,
    exchange: u32,
    gone: Arc<AtomicBool>,
    answered: bool,
}

impl Responder {
    pub(crate) fn new(
        inbox: Arc<Inbox>,
        conn: ConnId,
        exchange: u32,
        gone: Arc<AtomicBool>,
    ) -> Self {
        Self {
            inbox,
            conn,
            exchange,
            gone,
            answered: false,
        }
    }

    /// Answers. If the client has gone meanwhile the answer is dropped.
    pub fn send(mut self, reply: impl IntoReply) {
        self.answered = true;
        self.give(reply.into_reply());
    }

    /// Whether nobody waits for the answer any more: the client has gone or the server has given the request up.
    pub fn is_closed(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn give(&self, reply: Reply) {
        self.inbox
            .push(Mail::Answer(self.conn, self.exchange, Box::new(reply)));
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            self.give(Reply::text("the request was not answered\n").status(500));
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::atomic::AtomicUsize, thread};

    #[test]
    fn first_in_first_out_for_each_sender_and_one_wake_for_many() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let inbox = Arc::new(Inbox::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let remote: Remote<Vec<(usize, usize)>> = Remote::new(Arc::clone(&inbox));
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                let remote = remote.clone();
                thread::spawn(move || {
                    for n in 0..1000 {
                        remote.invoke(move |seen| seen.push((sender, n))).unwrap();
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|s| s.join().unwrap());
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        let (mut mail, mut seen) = (VecDeque::new(), Vec::<(usize, usize)>::new());
        assert!(inbox.has_mail());
        inbox.take(&mut mail);
        for mail in mail {
            let Mail::Invoke(act) = mail else { panic!() };
            act(&mut seen);
        }
        assert_eq!(seen.len(), 8000);
        for sender in 0..8 {
            let its: Vec<usize> = seen
                .iter()
                .filter(|(s, _)| *s == sender)
                .map(|(_, n)| *n)
                .collect();
            assert!(its.is_sorted() && its.len() == 1000);
        }
        inbox.close();
        assert_eq!(remote.invoke(|_| ()), Err(Stopped));
    }

    #[test]
    fn a_dropped_responder_answers() {
        let inbox = Arc::new(Inbox::new(|| ()));
        let gone = Arc::new(AtomicBool::new(false));
        let responder = || Responder::new(Arc::clone(&inbox), ConnId::new(1, 2), 3, gone.clone());
        drop(responder());
        responder().send("fine");
        let mut mail = VecDeque::new();
        inbox.take(&mut mail);
        let statuses: Vec<u16> = mail
            .iter()
            .map(|mail| match mail {
                Mail::Answer(_, 3, reply) => reply.status_code(),
                _ => panic!(),
            })
            .collect();
        assert_eq!(statuses, [500, 200]);
        gone.store(true, Ordering::Release);
        let responder = responder();
        assert!(responder.is_closed());
    }
}
