//! `/ws`: every message comes back as it was.

use sws::{
    Request,
    ws::{Message, Socket, WebSocket},
};

use crate::app::App;

/// A connection that echoes; it keeps nothing.
pub(super) struct Echo;

impl WebSocket<App> for Echo {
    fn message(&mut self, _app: &mut App, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

pub(super) fn open(_app: &mut App, _request: &Request<'_>) -> Echo {
    Echo
}
