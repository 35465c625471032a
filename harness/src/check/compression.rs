//! `/compression`: 6000 items, packed on request.

use super::encodings::{expect_coding, unpacked};
use super::fault::{Fault, Verdict};
use super::items::Total;
use super::json::{dataset, expect_items};
use super::reply::Reply;
use super::target::Target;
use super::web::Ask;
use super::{Area, Check};
use crate::profiles::Generation;

const AREAS: &[Area] = &[Area::Compression, Area::Mixed];
/// The arena's limit of the packed answer, in bytes.
const PACKED_MAX: usize = 500_000;

pub(super) const CHECKS: &[Check] = &[
    Check::new("compression/packed", AREAS, packed).only(Generation::March2026),
    Check::new("compression/items", AREAS, items).only(Generation::March2026),
    Check::new("compression/only-when-asked", AREAS, only_when_asked).only(Generation::March2026),
    Check::new("compression/negotiation", AREAS, negotiation).only(Generation::March2026),
];

fn ask(target: &Target<'_>, accept: &str) -> Result<Reply, Fault> {
    let reply = target.ask(&Ask::get("/compression").header("Accept-Encoding", accept))?;
    reply.expect_status(200)?;
    reply.expect_type("application/json")?;
    Ok(reply)
}

fn packed(target: &Target<'_>) -> Verdict {
    let reply = ask(target, "gzip")?;
    expect_coding(&reply, &["gzip"])?;
    if reply.body.len() >= PACKED_MAX {
        let says = format!("the packed answer has {} bytes", reply.body.len());
        return Err(reply.fault(says, format!("fewer than {PACKED_MAX} bytes")));
    }
    Ok(())
}

fn items(target: &Target<'_>) -> Verdict {
    let expected = dataset(target, "dataset-large.json")?;
    for _ in 0..target.times(1, 3) {
        let reply = unpacked(&ask(target, "gzip")?)?;
        expect_items(&reply, &expected, Total::Cents)?;
    }
    Ok(())
}

fn only_when_asked(target: &Target<'_>) -> Verdict {
    let reply = target.get("/compression")?;
    reply.expect_status(200)?;
    reply.expect_uncompressed()?;
    expect_items(
        &reply,
        &dataset(target, "dataset-large.json")?,
        Total::Cents,
    )
}

/// RFC 9110 12.5.3: a weight of zero forbids.
fn negotiation(target: &Target<'_>) -> Verdict {
    for accept in ["gzip;q=0", "identity", "gzip; q=0.0, identity"] {
        expect_coding(&ask(target, accept)?, &["identity"])?;
    }
    expect_coding(&ask(target, "identity;q=0.1, gzip;q=0.9")?, &["gzip"])
}
