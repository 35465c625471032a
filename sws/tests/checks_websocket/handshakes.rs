//! Who gets a WebSocket.

use crate::{
    common::{Client, config, engines, frames},
    start,
};

#[test]
fn handshakes_are_checked() {
    let request = frames::request("/options");
    let with = |field: &str| request.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    let refused = [
        (request.replace("13", "12"), 426),
        (request.replace("Upgrade: websocket\r\n", ""), 426),
        (request.replace("dGhl", "d"), 400),
        (request.replace("GET", "POST"), 405),
        (with("Origin: https://evil.example"), 403),
        (frames::request("/refuse"), 403),
        (frames::request("/none"), 404),
    ];
    for engine in engines() {
        let started = start(config(engine));
        for (request, status) in &refused {
            let mut client = Client::new(started.server.addr());
            client.send(request);
            let answer = client.answer();
            assert_eq!(answer.status, *status, "{engine}: {request}");
            if answer.status == 426 {
                assert_eq!(answer.field("upgrade"), Some("websocket"), "{request}");
            }
            // It goes on as HTTP.
            assert_eq!(client.get("/").status, 200, "{engine}: {request}");
        }
        for (offered, agreed) in [("chat.v1, chat.v2", "chat.v2"), ("chat.v1", "chat.v1")] {
            let mut client = Client::new(started.server.addr());
            client.send(with(&format!(
                "Origin: https://example.org\r\nSec-WebSocket-Protocol: {offered}"
            )));
            let head = client.take_through(b"\r\n\r\n");
            let field = format!("Sec-WebSocket-Protocol: {agreed}\r\n");
            assert!(head.contains(&field), "{engine}: {head}");
        }
    }
}
