//! `/upload`: counts a body while it arrives and keeps none of it.

use sws::{Answered, BodySink, Request, Response};

use crate::app::App;

/// The number of bytes received so far.
#[derive(Debug)]
pub(super) struct Count(u64);

pub(super) fn open(_app: &mut App, _request: &Request<'_>) -> Count {
    Count(0)
}

impl BodySink<App> for Count {
    fn chunk(&mut self, _app: &mut App, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }

    fn end(self: Box<Self>, _app: &mut App, response: Response<'_>) -> Answered {
        response.text(itoa::Buffer::new().format(self.0))
    }
}
