//! `/json` (2026-03) and `/json/{count}?m=` (2026-04).

use super::fault::{Fault, Verdict};
use super::items::{Total, compare_list};
use super::reply::Reply;
use super::target::Target;
use super::wire::request;
use super::{Area, Check};
use crate::data::requests::JSON_PAIRS;
use crate::profiles::Generation;
use serde_json::Value;

const JSON: &[Area] = &[Area::Json];
const MIXED: &[Area] = &[Area::Json, Area::Mixed];

pub(super) const CHECKS: &[Check] = &[
    Check::new("json/items", MIXED, march_items).only(Generation::March2026),
    Check::new("json/content-type", MIXED, march_type).only(Generation::March2026),
    Check::new("json/again-and-again", JSON, march_again).only(Generation::March2026),
    Check::new("json/arena-counts", JSON, april_arena).only(Generation::April2026),
    Check::new("json/benchmark-counts", JSON, april_benchmark).only(Generation::April2026),
    Check::new("json/random-counts", JSON, april_random).only(Generation::April2026),
    Check::new("json/multiplier-missing", JSON, april_without_m).only(Generation::April2026),
    Check::new("json/content-type", JSON, april_type).only(Generation::April2026),
    Check::new("json/pipelined", JSON, april_pipelined).only(Generation::April2026),
];

/// The items of this run's `dataset.json`.
pub(super) fn dataset(target: &Target<'_>, file: &str) -> Result<Vec<Value>, Fault> {
    let text = target.data_text(file)?;
    serde_json::from_str(&text).map_err(|error| Fault::skip(format!("cannot read {file}: {error}")))
}

/// Compares the body with the expected items.
pub(super) fn expect_items(reply: &Reply, expected: &[Value], total: Total) -> Verdict {
    let answer = reply.json()?;
    compare_list(&answer, expected, total).map_err(|why| {
        let expected = format!(
            "{} items of this run's data with their totals",
            expected.len()
        );
        reply.fault(why, expected)
    })
}

fn march_items(target: &Target<'_>) -> Verdict {
    let reply = target.get("/json")?;
    reply.expect_status(200)?;
    reply.expect_uncompressed()?;
    expect_items(&reply, &dataset(target, "dataset.json")?, Total::Cents)
}

fn march_type(target: &Target<'_>) -> Verdict {
    target.get("/json")?.expect_exact_type("application/json")
}

fn march_again(target: &Target<'_>) -> Verdict {
    let expected = dataset(target, "dataset.json")?;
    let mut wire = target.wire()?;
    for _ in 0..target.times(3, 10) {
        wire.send(&request("GET", "/json", "", b""))?;
        let reply = wire.answer()?;
        reply.expect_status(200)?;
        reply.expect_small_head()?;
        expect_items(&reply, &expected, Total::Cents)?;
    }
    Ok(())
}

fn april(target: &Target<'_>, count: u32, m: u32) -> Verdict {
    let reply = target.get(&format!("/json/{count}?m={m}"))?;
    april_answer(target, &reply, count, m)
}

/// 200, JSON, not compressed, and the right items.
pub(super) fn april_answer(target: &Target<'_>, reply: &Reply, count: u32, m: u32) -> Verdict {
    reply.expect_status(200)?;
    reply.expect_type("application/json")?;
    reply.expect_uncompressed()?;
    let items = dataset(target, "dataset.json")?;
    expect_items(
        reply,
        &items[..items.len().min(count as usize)],
        Total::Times(m.into()),
    )
}

fn april_arena(target: &Target<'_>) -> Verdict {
    [(12, 3), (22, 7), (31, 2), (50, 5)]
        .into_iter()
        .try_for_each(|(n, m)| april(target, n, m))
}

fn april_benchmark(target: &Target<'_>) -> Verdict {
    JSON_PAIRS
        .into_iter()
        .try_for_each(|(count, m)| april(target, count, m))
}

fn april_random(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("json/random-counts");
    (0..target.times(5, 20))
        .try_for_each(|_| april(target, rng.within(1, 50) as u32, rng.within(1, 99) as u32))
}

/// The gateway's and the readiness probe's requests have no multiplier; it
/// must act as 1.
fn april_without_m(target: &Target<'_>) -> Verdict {
    for count in [1, 50] {
        let reply = target.get(&format!("/json/{count}"))?;
        april_answer(target, &reply, count, 1)?;
    }
    Ok(())
}

fn april_type(target: &Target<'_>) -> Verdict {
    target.get("/json/50?m=1")?.expect_type("application/json")
}

fn april_pipelined(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("json/pipelined");
    let pairs: Vec<(u32, u32)> = (0..16)
        .map(|_| (rng.within(1, 50) as u32, rng.within(1, 9) as u32))
        .collect();
    let batch: Vec<u8> = pairs
        .iter()
        .flat_map(|(count, m)| request("GET", &format!("/json/{count}?m={m}"), "", b""))
        .collect();
    let mut wire = target.wire()?;
    wire.write(&batch)?;
    for (count, m) in pairs {
        wire.describe(format!("16 pipelined GETs, of them /json/{count}?m={m}"));
        let reply = wire.answer()?;
        reply.expect_small_head()?;
        april_answer(target, &reply, count, m)?;
    }
    Ok(())
}
