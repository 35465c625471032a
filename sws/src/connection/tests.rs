//! The protocol by itself.

use super::{ConnId, ConnRef, Protocol, http::Http};
use crate::{
    Config, Request, Router,
    ws::{Message, Socket, Topic, WebSocket},
};

pub(crate) const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

struct Member(Topic);

impl WebSocket<()> for Member {
    fn open(&mut self, (): &mut (), socket: &mut Socket<'_>) {
        socket.join(&self.0);
    }

    fn message(&mut self, (): &mut (), _: &mut Socket<'_>, _: Message<'_>) {}
}

#[test]
fn messages_for_many_are_told_a_bounded_number_at_a_time() {
    const MEMBERS: u32 = 300;
    const MESSAGES: usize = 200;
    let topic = Topic::new();
    let joins = topic.clone();
    let open = move |_: &mut (), _: &Request<'_>| Member(joins.clone());
    let router = Router::new().ws("/ws", open);
    let (mut http, _alone) = Http::alone(&Config::default(), router, ());
    let mut out = Vec::new();
    let mut conns: Vec<_> = (0..MEMBERS)
        .map(|index| {
            let (mut conn, id) = (Default::default(), ConnId::new(index, 1));
            let at = ConnRef {
                id,
                fd: -1,
                unsent: 0,
            };
            let _ = http.data(at, &mut conn, UPGRADE, 0, &mut out);
            (id, conn)
        })
        .collect();
    assert_eq!(topic.len(), MEMBERS as usize);
    for _ in 0..MESSAGES {
        topic.send("x");
    }
    let (mut events, mut all) = (Vec::new(), 0);
    loop {
        let more = http.read_mail(&mut events);
        assert!(events.len() < 4096 + MEMBERS as usize);
        all += events.drain(..).count();
        if !more {
            break;
        }
    }
    assert_eq!(all, MEMBERS as usize * MESSAGES);
    for (id, conn) in conns.drain(..) {
        http.closed(id, conn);
    }
    assert!(topic.is_empty());
}
