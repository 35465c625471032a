//! `/pipeline`: many requests in flight on one connection.

use super::fault::Verdict;
use super::target::Target;
use super::wire::request;
use super::{Area, Check};
use std::time::Duration;

const AREAS: &[Area] = &[Area::Pipelined];
const DEPTH: usize = 16;

pub(super) const CHECKS: &[Check] = &[
    Check::new("pipelined/get", AREAS, get),
    Check::new("pipelined/sixteen-in-one-write", AREAS, sixteen),
    Check::new("pipelined/cut-anywhere", AREAS, cut_anywhere),
    Check::new("pipelined/deep", AREAS, deep),
];

fn get(target: &Target<'_>) -> Verdict {
    target
        .get("/pipeline")?
        .expect_text("ok", "the body is not `ok`")
}

fn one() -> Vec<u8> {
    request("GET", "/pipeline", "", b"")
}

fn sixteen(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    let batch = one().repeat(DEPTH);
    for _ in 0..target.times(3, 10) {
        wire.describe(format!("{DEPTH} times GET /pipeline in one write"));
        wire.write(&batch)?;
        for _ in 0..DEPTH {
            let reply = wire.answer()?;
            reply.expect_text("ok", "a pipelined body is not `ok`")?;
            reply.expect_small_head()?;
        }
    }
    wire.expect_silence(
        Duration::from_millis(100),
        "more answers came than requests were sent: an unsolicited answer",
    )
}

/// The segments of a busy network end anywhere.
fn cut_anywhere(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("pipelined/cut-anywhere");
    let batch = one().repeat(DEPTH);
    for _ in 0..target.times(5, 20) {
        let first = rng.within(1, batch.len() as u64 / 2) as usize;
        let second = rng.within(first as u64 + 1, batch.len() as u64 - 1) as usize;
        let mut wire = target.wire()?;
        let parts = [&batch[..first], &batch[first..second], &batch[second..]];
        wire.send_parts(&parts, Duration::from_millis(2))?;
        wire.describe(format!(
            "{DEPTH} pipelined requests, cut at bytes {first} and {second}"
        ));
        for _ in 0..DEPTH {
            wire.answer()?
                .expect_text("ok", "a pipelined body is not `ok`")?;
        }
    }
    Ok(())
}

/// More requests than any buffer holds, all written before an answer is read,
/// but fewer than would fill the sockets of both sides.
fn deep(target: &Target<'_>) -> Verdict {
    let count = target.times(200, 500);
    let mut wire = target.wire()?;
    wire.describe(format!("{count} times GET /pipeline in one write"));
    wire.write(&one().repeat(count))?;
    for _ in 0..count {
        wire.answer()?
            .expect_text("ok", "a pipelined body is not `ok`")?;
    }
    Ok(())
}
