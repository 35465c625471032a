//! `/pipeline`: the smallest answer.

use sws::{Answered, Request, Response};

use crate::app::App;

pub(super) fn get(_app: &mut App, _request: &Request<'_>, response: Response<'_>) -> Answered {
    response.text("ok")
}
