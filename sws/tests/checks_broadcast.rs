//! One message to ten thousand WebSockets in one turn: many times more sends than a submission queue holds.
//!
//! It takes most descriptors that a process usually may have, so there is one test in this file.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines, eventually, expect_clean, frames};
use sws::{
    Request, Server,
    ws::{Message, Socket, Topic, WebSocket},
};

const MEMBERS: usize = 10_000;
/// Each member takes two, and others need some.
const SPARE_DESCRIPTORS: usize = 600;

struct Member(Topic);

impl WebSocket<()> for Member {
    fn open(&mut self, _: &mut (), socket: &mut Socket<'_>) {
        socket.join(&self.0);
    }

    fn message(&mut self, _: &mut (), _: &mut Socket<'_>, message: Message<'_>) {
        if let Message::Text(text) = message {
            self.0.send(text);
        }
    }
}

/// As many as wanted, if the machine's limit allows that.
fn members() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit.
    assert_eq!(0, unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit)
    });
    let files = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX);
    let members = MEMBERS.min((files - SPARE_DESCRIPTORS) / 2);
    if members < MEMBERS {
        println!("{members} members: this process may have {files} descriptors");
    }
    members
}

#[test]
fn check_22_a_broadcast_to_more_than_the_queue_holds() {
    for engine in engines() {
        let topic = Topic::new();
        let shared = topic.clone();
        let server = Server::builder()
            .config(config(engine))
            .ws("/", move |_: &mut (), _: &Request<'_>| {
                Member(shared.clone())
            })
            .start()
            .unwrap();
        let mut clients = Vec::new();
        for _ in 0..members() {
            let mut client = Client::new(server.addr());
            client.send(frames::request("/"));
            clients.push(client);
        }
        clients.iter_mut().for_each(frames::opened);
        assert_eq!(topic.len(), clients.len(), "{engine}");
        // Several in one turn, from outside and from a member.
        let count = 5;
        for number in 0..count {
            topic.send(&*format!("message {number}"));
        }
        for client in &mut clients {
            for number in 0..count {
                let text = frames::next_text(client);
                assert_eq!(text, format!("message {number}"), "{engine}");
            }
        }
        clients[0].send(frames::text("to all"));
        for client in &mut clients {
            assert_eq!(frames::next_text(client), "to all", "{engine}");
        }
        assert_eq!(server.counters().websocket_overflows, 0);
        drop(clients);
        expect_clean(&server);
        eventually(&server, "all have left", |_| topic.is_empty());
        server.stop().unwrap();
    }
}
