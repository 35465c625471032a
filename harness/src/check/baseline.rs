//! `/baseline11`: sums.

use super::fault::Verdict;
use super::target::Target;
use super::web::{Ask, Body};
use super::wire::request;
use super::{Area, Check};
use crate::rng::Rng;

const AREAS: &[Area] = &[Area::Baseline, Area::LimitedConn];
const WRONG_SUM: &str = "the sum is wrong";
const FIXED: &str = "/baseline11?a=13&b=42";

pub(super) const CHECKS: &[Check] = &[
    Check::new("baseline/get", AREAS, get),
    Check::new("baseline/post", AREAS, post),
    Check::new("baseline/post-chunked", AREAS, post_chunked),
    Check::new("baseline/get-random", AREAS, get_random),
    Check::new("baseline/post-random", AREAS, post_random),
    Check::new("baseline/parameters", AREAS, parameters),
    Check::new("baseline/concurrent", AREAS, concurrent),
];

fn get(target: &Target<'_>) -> Verdict {
    target.get(FIXED)?.expect_text("55", WRONG_SUM)
}

fn post(target: &Target<'_>) -> Verdict {
    target
        .ask(&Ask::post(FIXED, Body::Sized(b"20".to_vec())))?
        .expect_text("75", WRONG_SUM)
}

fn post_chunked(target: &Target<'_>) -> Verdict {
    target
        .ask(&Ask::post(FIXED, Body::Chunked(b"20".to_vec(), 8)))?
        .expect_text("75", WRONG_SUM)?;
    // The same body in two chunks.
    target
        .ask(&Ask::post(FIXED, Body::Chunked(b"20".to_vec(), 1)))?
        .expect_text("75", WRONG_SUM)
}

fn get_random(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("baseline/get-random");
    for _ in 0..target.times(5, 20) {
        let (a, b) = (rng.within(100, 999), rng.within(100, 999));
        let path = format!("/baseline11?a={a}&b={b}");
        target
            .get(&path)?
            .expect_text(&(a + b).to_string(), WRONG_SUM)?;
    }
    Ok(())
}

/// The same URL with different bodies: an answer that is remembered by URL is
/// wrong from the second one on.
fn post_random(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("baseline/post-random");
    for _ in 0..target.times(5, 20) {
        let number = rng.within(100, 999);
        let body = Body::Sized(number.to_string().into_bytes());
        target.ask(&Ask::post(FIXED, body))?.expect_text(
            &(55 + number).to_string(),
            "the sum does not follow the body",
        )?;
    }
    Ok(())
}

/// Order, sign and size of the operands are not fixed.
fn parameters(target: &Target<'_>) -> Verdict {
    let cases = [
        ("/baseline11?b=42&a=13", "55"),
        ("/baseline11?a=-50&b=8", "-42"),
        ("/baseline11?a=0&b=0", "0"),
        ("/baseline11?a=2000000000&b=2000000000", "4000000000"),
    ];
    for (path, sum) in cases {
        target.get(path)?.expect_text(sum, WRONG_SUM)?;
    }
    Ok(())
}

/// Many connections at once, each with numbers of its own.
fn concurrent(target: &Target<'_>) -> Verdict {
    let connections = target.times(16, 64);
    let mut rng = target.rng("baseline/concurrent");
    let streams: Vec<Rng> = (0..connections).map(|_| Rng::new(rng.bits())).collect();
    std::thread::scope(|scope| {
        let clients: Vec<_> = streams
            .into_iter()
            .map(|rng| scope.spawn(move || one_client(target, rng)))
            .collect();
        clients.into_iter().try_for_each(|client| {
            client
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

fn one_client(target: &Target<'_>, mut rng: Rng) -> Verdict {
    let mut wire = target.wire()?;
    for _ in 0..target.times(10, 30) {
        let (a, b) = (rng.within(1, 99_999), rng.within(1, 99_999));
        wire.send(&request(
            "GET",
            &format!("/baseline11?a={a}&b={b}"),
            "",
            b"",
        ))?;
        let says = "the sum is wrong while other connections are busy";
        wire.answer()?.expect_text(&(a + b).to_string(), says)?;
    }
    Ok(())
}
