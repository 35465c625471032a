//! Time and size of gzip bodies at each level, on the bodies that the endpoints
//! produce: serialised and compressed in one go, as the server does it.
//!
//! `cargo bench -p sws-server --bench gzip`; for another backend of flate2 add
//! `--no-default-features --features gzip-miniz`, `gzip-zlib` or `gzip-zlib-ng`
//! (which needs cmake).
#![doc = include_str!("gzip.md")]

use std::{
    hint::black_box,
    io,
    time::{Duration, Instant},
};

use sws_server::{
    dataset::Dataset,
    gzip::Gzip,
    item_list::ItemList,
    testdata::{self, Generation},
};

type Failure = Box<dyn std::error::Error>;

/// The one that flate2 takes among those that are enabled.
const BACKEND: &str = if cfg!(feature = "gzip-zlib-ng") {
    "zlib-ng"
} else if cfg!(feature = "gzip-zlib") {
    "zlib"
} else if cfg!(feature = "gzip-zlib-rs") {
    "zlib-rs"
} else {
    "miniz_oxide"
};

fn main() -> Result<(), Failure> {
    println!("{BACKEND}");
    println!("{:<12} {:>5} {:>10} {:>8}", "body", "level", "µs", "bytes");
    for (name, generation, count, factor) in [
        ("25 items", Generation::Ints, 25, 4),
        ("50 items", Generation::Ints, 50, 6),
        ("6000 items", Generation::Floats, 6000, 1),
    ] {
        let dataset = Dataset::parse(testdata::dataset(generation, count).as_bytes())?;
        let list = ItemList {
            items: dataset.items(),
            factor,
        };
        report(name, 0, fastest(|out| list.write(out))?);
        let mut gzip = Gzip::new();
        for level in Gzip::LEVELS {
            let work = |out: &mut Vec<u8>| gzip.write(level, out, |packer| list.write(packer));
            report(name, level, fastest(work)?);
        }
    }
    Ok(())
}

/// Level 0 stands for the plain text.
fn report(body: &str, level: u8, (time, bytes): (Duration, usize)) {
    let micros = time.as_secs_f64() * 1e6;
    println!("{body:<12} {level:>5} {micros:>10.1} {bytes:>8}");
}

/// The fastest of many short rounds, which other processes do not all disturb,
/// and how much was written in one.
fn fastest(mut work: impl FnMut(&mut Vec<u8>) -> io::Result<()>) -> io::Result<(Duration, usize)> {
    const WHOLE: Duration = Duration::from_millis(500);
    let (mut best, mut out, begin) = (Duration::MAX, Vec::new(), Instant::now());
    while begin.elapsed() < WHOLE {
        out.clear();
        let start = Instant::now();
        work(&mut out)?;
        black_box(&out);
        best = best.min(start.elapsed());
    }
    Ok((best, out.len()))
}
