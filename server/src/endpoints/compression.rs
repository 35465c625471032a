//! `/compression`: the large dataset, compressed anew for each request.

use sws::{Answered, Request, Response};

use super::{answer_list, no_data};
use crate::{app::App, item_list::ItemList};

/// The arena's rules for this endpoint name the level.
const LEVEL: u8 = 1;

pub(super) fn get(app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    let Some(dataset) = &app.data.large else {
        return no_data(response, "dataset-large.json");
    };
    let list = ItemList {
        items: dataset.items(),
        factor: 1,
    };
    let level = app.gzip_level.unwrap_or(LEVEL);
    answer_list(&mut app.gzip, level, request, response, &list)
}
