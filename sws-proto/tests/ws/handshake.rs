//! Tables of handshakes, from both ends.

mod answers;
mod requests;

use std::mem::MaybeUninit;
use sws_proto::{
    http1::{Limits, head, response},
    ws::handshake::{
        Key,
        client::{self, Rejected},
        server,
    },
};

const UPGRADE: &str = "Upgrade: websocket";
const CONNECTION: &str = "Connection: Upgrade";

/// Each side takes what the other writes.
#[test]
fn client_and_server_understand_each_other() {
    for (nonce, offered, supported, chosen) in [
        ([0; 16], &[][..], &["x"][..], None),
        ([0xff; 16], &["x"], &["y"], None),
        (*b"0123456789abcdef", &["x", "y"], &["y", "x"], Some("y")),
    ] {
        let key = Key::from_nonce(nonce);
        let mut request = b"GET /ws HTTP/1.1\r\nHost: h\r\n".to_vec();
        client::request_fields(&mut request, &key, offered);
        request.extend_from_slice(b"\r\n");
        let mut slots = [const { MaybeUninit::uninit() }; 16];
        let (head, _) = head::parse(&request, &mut slots, &Limits::default())
            .unwrap()
            .unwrap();
        assert_eq!(server::check(&head), Ok(key));
        let protocol = server::select_protocol(&head, supported);
        let mut out = Vec::new();
        server::answer(&mut out, &key, protocol);
        response::end(&mut out);
        let accepted = client::check_answer(&out, &key, offered).unwrap().unwrap();
        assert_eq!(accepted.protocol, chosen);
        assert_eq!(accepted.length, out.len());
        let other = Key::from_nonce([1; 16]);
        let refused = client::check_answer(&out, &other, offered);
        assert_eq!(refused, Err(Rejected::WrongAccept));
    }
}
