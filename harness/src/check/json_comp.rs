//! `/json/{count}?m=` with compression.

use super::encodings::{expect_coding, unpacked};
use super::fault::{Fault, Verdict};
use super::json::april_answer;
use super::reply::Reply;
use super::target::Target;
use super::web::Ask;
use super::{Area, Check};
use crate::profiles::Generation;

const AREAS: &[Area] = &[Area::JsonComp];

pub(super) const CHECKS: &[Check] = &[
    Check::new("json-comp/compressed", AREAS, compressed).only(Generation::April2026),
    Check::new("json-comp/items", AREAS, items).only(Generation::April2026),
    Check::new("json-comp/random-items", AREAS, random_items).only(Generation::April2026),
    Check::new("json-comp/only-when-asked", AREAS, only_when_asked).only(Generation::April2026),
    Check::new("json-comp/negotiation", AREAS, negotiation).only(Generation::April2026),
];

const BOTH: &str = "gzip, br";

fn ask(target: &Target<'_>, count: u32, m: u32, accept: &str) -> Result<Reply, Fault> {
    let ask = Ask::get(&format!("/json/{count}?m={m}")).header("Accept-Encoding", accept);
    let reply = target.ask(&ask)?;
    reply.expect_status(200)?;
    reply.expect_type("application/json")?;
    Ok(reply)
}

fn compressed(target: &Target<'_>) -> Verdict {
    let reply = ask(target, 50, 1, BOTH)?;
    expect_coding(&reply, &["gzip", "br"])?;
    april_answer(target, &unpacked(&reply)?, 50, 1)
}

fn items(target: &Target<'_>) -> Verdict {
    for (count, m) in [(25, 3), (40, 7), (50, 2), (25, 4), (40, 8), (50, 6)] {
        let reply = ask(target, count, m, BOTH)?;
        expect_coding(&reply, &["gzip", "br"])?;
        april_answer(target, &unpacked(&reply)?, count, m)?;
    }
    Ok(())
}

fn random_items(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("json-comp/random-items");
    for _ in 0..target.times(5, 20) {
        // Small answers may be left as they are: compressing them costs more
        // than it saves, and no load asks for fewer than 25 items.
        let (count, m) = (rng.within(25, 50) as u32, rng.within(1, 99) as u32);
        let reply = ask(target, count, m, "gzip")?;
        expect_coding(&reply, &["gzip"])?;
        april_answer(target, &unpacked(&reply)?, count, m)?;
    }
    Ok(())
}

fn only_when_asked(target: &Target<'_>) -> Verdict {
    for count in [1, 25, 50] {
        let reply = target.get(&format!("/json/{count}?m=1"))?;
        april_answer(target, &reply, count, 1)?;
    }
    Ok(())
}

/// RFC 9110 12.5.3: a weight of zero forbids, an unknown coding allows nothing.
fn negotiation(target: &Target<'_>) -> Verdict {
    let cases: [(&str, &[&str]); 10] = [
        ("gzip", &["gzip"]),
        ("br;q=1, gzip;q=0.8", &["gzip", "br"]),
        ("identity;q=0.5, gzip;q=1.0", &["gzip"]),
        ("gzip;q=0", &["identity"]),
        ("gzip;q=0.000, identity", &["identity"]),
        ("gzip; q=0", &["identity"]),
        ("identity", &["identity"]),
        ("br", &["br", "identity"]),
        ("deflate", &["deflate", "identity"]),
        ("gzipped, not-gzip", &["identity"]),
    ];
    for (accept, allowed) in cases {
        let reply = ask(target, 50, 3, accept)?;
        expect_coding(&reply, allowed)?;
        if reply.header("content-encoding") != Some("deflate") {
            april_answer(target, &unpacked(&reply)?, 50, 3)?;
        }
    }
    Ok(())
}
