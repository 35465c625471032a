//! What a reactor that ends leaves behind: nothing.

use crate::{
    Config, Request, Router,
    connection::{ConnId, http::Http, tests::UPGRADE},
    engine::Sink,
    peers::Peers,
    reactor::{Core, Os},
    ws::{Closed, Message, Sender, Socket, Topic, WebSocket},
};
use std::{
    cell::RefCell,
    net::{TcpListener, TcpStream},
    os::fd::IntoRawFd,
    rc::Rc,
    sync::Arc,
};

#[derive(Default)]
struct Seen {
    sender: Option<Sender>,
    closed: Vec<Closed>,
}

type State = Rc<RefCell<Seen>>;

struct Member(Topic);

impl WebSocket<State> for Member {
    fn open(&mut self, state: &mut State, socket: &mut Socket<'_>) {
        socket.join(&self.0);
        state.borrow_mut().sender = Some(socket.sender());
    }

    fn message(&mut self, _: &mut State, _: &mut Socket<'_>, _: Message<'_>) {}

    fn close(&mut self, state: &mut State, _: ConnId, reason: &Closed) {
        state.borrow_mut().closed.push(reason.clone());
    }
}

/// As when its engine fails.
#[test]
fn sockets_learn_that_their_reactor_has_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let (topic, state) = (Topic::new(), State::default());
    let joins = topic.clone();
    let open = move |_: &mut State, _: &Request<'_>| Member(joins.clone());
    let config = Config::default();
    let router = Router::new().ws("/ws", open);
    let (http, _alone) = Http::alone(&config, router, Rc::clone(&state));
    let peers = Arc::new(Peers::new(1).unwrap());
    let mut core = Core::new(&config, http, Arc::clone(&peers), 0, 1, Os);
    core.accepted(stream.into_raw_fd(), false);
    let token = core.slots[0].token(0);
    core.received(token, UPGRADE);
    assert_eq!(topic.len(), 1);
    drop(core);
    assert!(topic.is_empty());
    let seen = state.borrow();
    assert_eq!(seen.closed, [Closed::Lost]);
    assert!(seen.sender.as_ref().unwrap().is_closed());
}
