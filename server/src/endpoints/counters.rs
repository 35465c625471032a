//! `/debug/counters`: what the reactors have counted so far.

use sws::{Answered, Request, Response};

use crate::app::App;

pub(super) fn get(app: &mut App, _request: &Request<'_>, response: Response<'_>) -> Answered {
    match app.counters.get() {
        Some(counters) => response.json(&counters.get()),
        None => response.status(503).text("the server is still starting\n"),
    }
}
