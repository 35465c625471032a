//! `/json` and `/json/{count}?m=factor`: items of the small dataset.

use sws::{Answered, Request, Response};

use super::{answer_list, no_data};
use crate::{app::App, gzip::Gzip, item_list::ItemList, query};

pub(super) fn all(app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    let Some(dataset) = &app.data.small else {
        return no_data(response, "dataset.json");
    };
    let list = ItemList {
        items: dataset.items(),
        factor: 1,
    };
    let level = app.gzip_level.unwrap_or(Gzip::LEVEL_DEFAULT);
    answer_list(&mut app.gzip, level, request, response, &list)
}

pub(super) fn first(app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    let Some(dataset) = &app.data.small else {
        return no_data(response, "dataset.json");
    };
    let Some(count) = request.param("count").and_then(|count| count.parse().ok()) else {
        return response
            .status(400)
            .text("the number of items is not a number\n");
    };
    let factor = match query::value_or(request.query_pairs(), "m", 1_i64) {
        Ok(factor) if factor.unsigned_abs() <= dataset.factor_max() => factor,
        Ok(_) => return response.status(400).text("m is too large\n"),
        Err(_) => return response.status(400).text("m is not an integer\n"),
    };
    let list = ItemList {
        items: dataset.first(count),
        factor,
    };
    let level = app.gzip_level.unwrap_or(Gzip::LEVEL_DEFAULT);
    answer_list(&mut app.gzip, level, request, response, &list)
}
