//! The mixed profile: everything of 2026-03 on one server, and `/db`.

use super::database::Database;
use super::encodings::{expect_coding, unpacked};
use super::fault::{Fault, Verdict};
use super::items::{Total, compare_item, list};
use super::json::{dataset, expect_items};
use super::reply::Reply;
use super::target::Target;
use super::{Area, Check};
use crate::profiles::{Generation, Load, find};

const AREAS: &[Area] = &[Area::Mixed];
/// The largest number of items that `/db` answers with.
const LIMIT: usize = 50;

pub(super) const CHECKS: &[Check] = &[
    Check::new("mixed/db", AREAS, usual_range).only(Generation::March2026),
    Check::new("mixed/db-random-ranges", AREAS, random_ranges).only(Generation::March2026),
    Check::new("mixed/db-narrow-range", AREAS, narrow_range).only(Generation::March2026),
    Check::new("mixed/db-empty-range", AREAS, empty_range).only(Generation::March2026),
    Check::new("mixed/db-defaults", AREAS, defaults).only(Generation::March2026),
    Check::new("mixed/rotation", AREAS, rotation).only(Generation::March2026),
];

/// Asks for a price range and compares every item with its row.
fn range(target: &Target<'_>, min: f64, max: f64) -> Verdict {
    let reply = target.get(&format!("/db?min={min}&max={max}"))?;
    check_range(target, &reply, min, max)
}

fn check_range(target: &Target<'_>, reply: &Reply, min: f64, max: f64) -> Verdict {
    reply.expect_status(200)?;
    reply.expect_type("application/json")?;
    reply.expect_uncompressed()?;
    let database = Database::open(target)?;
    let wanted = database.count(min, max)?.min(LIMIT);
    let answer = reply.json()?;
    let compared = list(&answer, wanted).and_then(|items| {
        let mut ids = Vec::new();
        for item in items {
            let id = item.get("id").and_then(serde_json::Value::as_i64);
            let id = id.ok_or_else(|| "an item has no whole number `id`".to_owned())?;
            if ids.contains(&id) {
                return Err(format!("item {id} is there twice"));
            }
            ids.push(id);
            let row = database
                .row(id)?
                .ok_or_else(|| format!("there is no row {id}"))?;
            compare_item(item, &row, Total::Absent).map_err(|why| format!("item {id}: {why}"))?;
            let price = row["price"].as_f64().unwrap_or(f64::NAN);
            if !(min..=max).contains(&price) {
                return Err(format!(
                    "item {id} costs {price}, outside of {min} to {max}"
                ));
            }
        }
        Ok(())
    });
    compared.map_err(|why| {
        reply.fault(
            why,
            format!("{wanted} rows with prices from {min} to {max}"),
        )
    })
}

fn usual_range(target: &Target<'_>) -> Verdict {
    range(target, 10.0, 50.0)
}

fn random_ranges(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("mixed/db-random-ranges");
    for _ in 0..target.times(3, 10) {
        let min = rng.decimal(100, 45_000, 100);
        range(target, min, min + rng.decimal(100, 5_000, 100))?;
    }
    Ok(())
}

/// A range of one price: fewer rows than the limit, and both ends inclusive.
fn narrow_range(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("mixed/db-narrow-range");
    for _ in 0..target.times(2, 5) {
        let row = Database::open(target)?.row(rng.within(1, 1000) as i64);
        let row = row.map_err(Fault::skip)?;
        let price = row.and_then(|row| row["price"].as_f64()).unwrap_or(10.0);
        range(target, price, price)?;
    }
    Ok(())
}

fn empty_range(target: &Target<'_>) -> Verdict {
    range(target, 9999.0, 9999.0)
}

fn defaults(target: &Target<'_>) -> Verdict {
    check_range(target, &target.get("/db")?, 10.0, 50.0)
}

/// The templates of the profile in their order, five requests per connection.
fn rotation(target: &Target<'_>) -> Verdict {
    let Some(Load::Raw(stems)) = find("mixed", Generation::March2026).map(|row| row.load) else {
        return Err(Fault::skip("the profile has no templates"));
    };
    for stem in stems {
        let bytes = target.template(stem)?;
        let mut wire = target.wire()?;
        for _ in 0..target.times(2, 5) {
            wire.write(&bytes)?;
            wire.describe(format!("template {stem}"));
            let reply = wire.answer()?;
            reply.expect_small_head()?;
            expect_template(target, stem, &reply)?;
        }
        wire.reset();
    }
    Ok(())
}

fn expect_template(target: &Target<'_>, stem: &str, reply: &Reply) -> Verdict {
    match stem {
        "get" => reply.expect_text("55", "the sum is wrong"),
        "post_cl" => reply.expect_text("75", "the sum is wrong"),
        "upload-small" => reply.expect_text("1048576", "the number of bytes is wrong"),
        "db-get" => check_range(target, reply, 10.0, 50.0),
        "json-get" => {
            reply.expect_status(200)?;
            reply.expect_uncompressed()?;
            expect_items(reply, &dataset(target, "dataset.json")?, Total::Cents)
        }
        "json-gzip" => {
            reply.expect_status(200)?;
            expect_coding(reply, &["gzip"])?;
            let expected = dataset(target, "dataset-large.json")?;
            expect_items(&unpacked(reply)?, &expected, Total::Cents)
        }
        other => Err(Fault::skip(format!(
            "there is no expectation for template {other}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_of_the_profile_has_an_expectation() {
        let Some(Load::Raw(stems)) = find("mixed", Generation::March2026).map(|row| row.load)
        else {
            panic!("no templates")
        };
        let known = [
            "get",
            "post_cl",
            "upload-small",
            "db-get",
            "json-get",
            "json-gzip",
        ];
        assert!(stems.iter().all(|stem| known.contains(stem)));
    }
}
