//! `/baseline11` and `/baseline2`: sums of integers.

use sws::{Answered, Request, Response};

use crate::{app::App, query};

pub(super) fn get(_app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    integer(response, query::sum(request.query_pairs()))
}

pub(super) fn post(_app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    let body = query::body_integer(request.body());
    integer(
        response,
        query::sum(request.query_pairs()).wrapping_add(body),
    )
}

fn integer(response: Response<'_>, value: i64) -> Answered {
    response.text(itoa::Buffer::new().format(value))
}
