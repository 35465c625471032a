//! `/upload`: the number of bytes that were really read.

use super::curl;
use super::fault::{Fault, Verdict};
use super::target::Target;
use super::web::{Ask, Body};
use super::wire::{Fate, request};
use super::{Area, Check};
use crate::data::requests::UPLOADS;
use std::time::Duration;

const AREAS: &[Area] = &[Area::Upload, Area::Mixed];
const UPLOAD: &[Area] = &[Area::Upload];
const WRONG_COUNT: &str = "the number of bytes is wrong";

pub(super) const CHECKS: &[Check] = &[
    Check::new("upload/small", AREAS, small),
    Check::new("upload/random-text", AREAS, random_text),
    Check::new("upload/empty", AREAS, empty),
    Check::new("upload/one-mebibyte", AREAS, one_mebibyte),
    Check::new("upload/arena-sizes", UPLOAD, arena_sizes),
    Check::new("upload/random-sizes", UPLOAD, random_sizes),
    Check::new("upload/chunked", AREAS, chunked),
    Check::new("upload/chunked-large", UPLOAD, chunked_large),
    Check::new(
        "upload/not-the-declared-length",
        AREAS,
        not_the_declared_length,
    ),
    Check::new("upload/no-early-answer", AREAS, no_early_answer),
    Check::new("upload/followed-by-a-request", AREAS, followed_by_a_request),
    Check::new("upload/concurrent", UPLOAD, concurrent),
    Check::new("upload/curl", UPLOAD, with_curl),
];

fn counted(target: &Target<'_>, body: Body) -> Verdict {
    let (Body::Sized(bytes) | Body::Chunked(bytes, _)) = &body else {
        return Ok(());
    };
    let count = bytes.len().to_string();
    target
        .ask(&Ask::post("/upload", body))?
        .expect_text(&count, WRONG_COUNT)
}

fn small(target: &Target<'_>) -> Verdict {
    counted(target, Body::Sized(b"Hello, HttpArena!".to_vec()))
}

fn random_text(target: &Target<'_>) -> Verdict {
    let text = target.rng("upload/random-text").text(48);
    counted(target, Body::Sized(text.into_bytes()))
}

fn empty(target: &Target<'_>) -> Verdict {
    counted(target, Body::Sized(Vec::new()))
}

fn one_mebibyte(target: &Target<'_>) -> Verdict {
    counted(
        target,
        Body::Sized(target.rng("upload/one-mebibyte").bytes(1 << 20)),
    )
}

fn arena_sizes(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("upload/arena-sizes");
    UPLOADS
        .into_iter()
        .try_for_each(|(_, size)| counted(target, Body::Sized(rng.bytes(size))))
}

fn random_sizes(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("upload/random-sizes");
    // Around the sizes of buffers and segments, where counting goes wrong.
    let edges = [
        1_usize, 2, 4095, 4096, 4097, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537,
    ];
    for size in edges {
        counted(target, Body::Sized(rng.bytes(size)))?;
    }
    for _ in 0..target.times(3, 15) {
        let size = rng.within(1, 300_000) as usize;
        counted(target, Body::Sized(rng.bytes(size)))?;
    }
    Ok(())
}

fn chunked(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("upload/chunked");
    for (size, piece) in [(1, 1), (17, 5), (1000, 333), (50_000, 4096), (100_001, 999)] {
        counted(target, Body::Chunked(rng.bytes(size), piece))?;
    }
    Ok(())
}

fn chunked_large(target: &Target<'_>) -> Verdict {
    let body = target.rng("upload/chunked-large").bytes(3_000_017);
    counted(target, Body::Chunked(body, 60_000))
}

/// Half of the declared bytes come, then the end. Whoever answers the declared
/// number has not read the body.
fn not_the_declared_length(target: &Target<'_>) -> Verdict {
    let mut wire = target.wire()?;
    let body = target.rng("upload/not-the-declared-length").bytes(500);
    wire.send(&request(
        "POST",
        "/upload",
        "Content-Length: 1000\r\n",
        &body,
    ))?;
    wire.half_close();
    wire.describe("POST /upload with Content-Length 1000, 500 bytes of body, then the end");
    let fate = wire.fate(Duration::from_secs(5));
    if let Fate::Answered(200) = fate {
        let reply = wire.answer()?;
        let says = if reply.text() == b"1000" {
            "a truncated upload is answered with its declared length: the Content-Length is echoed"
        } else {
            "a truncated upload is answered with 200"
        };
        return Err(reply.fault(says, "an error status or the end of the connection"));
    }
    if fate == Fate::Silent {
        let says = "the connection stays open after the client ended it in the middle of an upload";
        return Err(wire.fault(says, "the end of the connection within 5 s"));
    }
    Ok(())
}

/// The number of bytes cannot be known before they have come.
fn no_early_answer(target: &Target<'_>) -> Verdict {
    let body = target.rng("upload/no-early-answer").bytes(2000);
    let mut wire = target.wire()?;
    wire.send(&request(
        "POST",
        "/upload",
        "Content-Length: 2000\r\n",
        &body[..1000],
    ))?;
    wire.describe("POST /upload with Content-Length 2000 and half of the body");
    let says = "an upload is answered before its body has come: the Content-Length is echoed";
    wire.expect_silence(Duration::from_millis(150), says)?;
    wire.write(&body[1000..])?;
    wire.answer()?.expect_text("2000", WRONG_COUNT)
}

/// Body and next request in one write: the body ends where it says.
fn followed_by_a_request(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("upload/followed-by-a-request");
    let mut wire = target.wire()?;
    for size in [10_usize, 5000, 70_000, 200_000] {
        let head = format!("Content-Length: {size}\r\n");
        let mut bytes = request("POST", "/upload", &head, &rng.bytes(size));
        bytes.extend(request("POST", "/upload", "Content-Length: 3\r\n", b"abc"));
        wire.write(&bytes)?;
        wire.describe(format!(
            "POST /upload of {size} bytes and another of 3 in one write"
        ));
        wire.answer()?.expect_text(&size.to_string(), WRONG_COUNT)?;
        wire.answer()?
            .expect_text("3", "the request after an upload is answered wrongly")?;
    }
    Ok(())
}

fn concurrent(target: &Target<'_>) -> Verdict {
    let mut rng = target.rng("upload/concurrent");
    let bodies: Vec<Vec<u8>> = (0..8_usize)
        .map(|i| rng.bytes(400_000 + 77_777 * i))
        .collect();
    std::thread::scope(|scope| {
        let uploads: Vec<_> = bodies
            .into_iter()
            .map(|body| scope.spawn(move || counted(target, Body::Sized(body))))
            .collect();
        uploads.into_iter().try_for_each(|upload| {
            upload
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
    .map_err(|fault: Fault| fault.because(|says| format!("eight uploads at once: {says}")))
}

/// curl announces bodies above a mebibyte with `Expect: 100-continue`.
fn with_curl(target: &Target<'_>) -> Verdict {
    let body = target.rng("upload/curl").bytes(2_097_152);
    let reply = curl::post(target.address(), "/upload", &body)?;
    reply.expect_text("2097152", WRONG_COUNT)
}
