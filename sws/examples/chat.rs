//! A chat room: everything that anybody says goes to everybody.
//!
//! `cargo run --release -p sws --example chat`, then open <http://localhost:8080> in two windows; or
//!
//! ```text
//! websocat 'ws://localhost:8080/chat?name=ann'
//! ```

use serde::Deserialize;
use sws::{
    Answered, Config, ConnId, Rejection, Request, Response, Server,
    ws::{CloseCode, Closed, Message, Socket, Topic, WebSocket},
};

const NAME_CHARS_MAX: usize = 20;
const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>chat</title>
<pre id="log"></pre>
<form id="form"><input id="text" autofocus autocomplete="off"> <button>Say</button></form>
<script>
  const name = prompt("Your name?") || "somebody";
  const log = line => document.getElementById("log").append(line + "\n");
  const address = location.href.replace(/^http/, "ws").replace(/\/*$/, "/chat?name=");
  const socket = new WebSocket(address + encodeURIComponent(name));
  socket.onmessage = event => log(event.data);
  socket.onclose = event => log("-- the connection has ended: " + (event.reason || event.code));
  document.getElementById("form").onsubmit = event => {
    event.preventDefault();
    const text = document.getElementById("text");
    socket.send(text.value);
    text.value = "";
  };
</script>
"#;

struct Chat {
    /// Shared by all reactors: a topic may have members on each of them.
    room: Topic,
}

#[derive(Deserialize)]
struct Guest {
    name: String,
}

fn page(_: &mut Chat, _: &Request<'_>, response: Response<'_>) -> Answered {
    response.html(PAGE)
}

/// Takes a connection or refuses it.
fn enter(_: &mut Chat, request: &Request<'_>) -> Result<Guest, Rejection> {
    let guest: Guest = request.query_as()?;
    match guest.name.chars().count() {
        1..=NAME_CHARS_MAX => Ok(guest),
        _ => Err(Rejection::bad_request("name: too short or too long")),
    }
}

impl WebSocket<Chat> for Guest {
    fn open(&mut self, chat: &mut Chat, socket: &mut Socket<'_>) {
        socket.join(&chat.room);
        chat.room.send(&format!("-- {} is here", self.name));
    }

    fn message(&mut self, chat: &mut Chat, socket: &mut Socket<'_>, message: Message<'_>) {
        match message {
            Message::Text(text) => chat.room.send(&format!("{}: {text}", self.name)),
            Message::Binary(_) => socket.close(CloseCode::UNSUPPORTED, "text only"),
        }
    }

    fn close(&mut self, chat: &mut Chat, _: ConnId, _: &Closed) {
        chat.room.send(&format!("-- {} has left", self.name));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let room = Topic::new();
    Server::builder()
        .config(Config {
            port,
            websocket_message_bytes_max: 1000,
            ..Config::default()
        })
        .state(move |_reactor| Chat { room: room.clone() })
        .get("/", page)
        .ws("/chat", enter)
        .run()?;
    Ok(())
}
