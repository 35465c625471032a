//! `/db?min=a&max=b`: a range query on SQLite.

use sws::{Answered, Request, Response};

use crate::{app::App, db, query};

const MIN_DEFAULT: f64 = 10.0;
const MAX_DEFAULT: f64 = 50.0;

pub(super) fn get(app: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
    let Ok(min) = query::value_or(request.query_pairs(), "min", MIN_DEFAULT) else {
        return response.status(400).text("min is not a number\n");
    };
    let Ok(max) = query::value_or(request.query_pairs(), "max", MAX_DEFAULT) else {
        return response.status(400).text("max is not a number\n");
    };
    let Some(database) = &app.database else {
        return response.body("application/json", db::EMPTY);
    };
    response.write("application/json", |out| {
        database
            .write_list(min, max, out.as_vec())
            .inspect_err(|error| {
                eprintln!("sws: /db: {error}");
            })
    })
}
