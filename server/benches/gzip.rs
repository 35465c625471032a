//! Time and size of gzip bodies: libdeflate, which the server uses, beside
//! flate2 with the backend that the workspace selects, on the bodies that the
//! endpoints produce.
//!
//! `cargo bench -p sws-server --bench gzip`; other backends of flate2 by
//! adding `--features flate2/zlib` (or another; the one that flate2 prefers
//! among the enabled ones is measured).

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor};
use sws_server::{
    dataset::Dataset,
    item_list::ItemList,
    testdata::{self, Generation},
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!(
        "{:<14} {:>5} {:<10} {:>10} {:>8}",
        "body", "level", "library", "µs", "bytes"
    );
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
        let body = serde_json::to_vec(&list)?;
        let mut out = vec![0; body.len() * 2 + 1024];
        let serialised =
            fastest(|| black_box(serde_json::to_vec(&list)).map_or(0, |body| body.len()));
        report(name, 0, "none", serialised);
        for level in 1..=6 {
            let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap_or_default());
            let packed = fastest(|| compressor.gzip_compress(&body, &mut out).unwrap_or(0));
            report(name, level, "libdeflate", packed);

            let mut compressor = Compress::new(Compression::new(level.unsigned_abs()), false);
            let packed = fastest(|| {
                compressor.reset();
                let done = compressor.compress(&body, &mut out, FlushCompress::Finish);
                done.map_or(0, |_| compressor.total_out())
            });
            report(name, level, "flate2", packed);
        }
    }
    Ok(())
}

fn report(body: &str, level: i32, library: &str, (time, bytes): (Duration, u64)) {
    let micros = time.as_secs_f64() * 1e6;
    println!("{body:<14} {level:>5} {library:<10} {micros:>10.1} {bytes:>8}");
}

/// The fastest of five rounds of about 20 ms, and what the work returned.
fn fastest<N: TryInto<u64>>(mut work: impl FnMut() -> N) -> (Duration, u64) {
    let (mut best, mut bytes) = (Duration::MAX, 0);
    for _ in 0..5 {
        let (start, mut rounds) = (Instant::now(), 0);
        while rounds == 0 || start.elapsed() < Duration::from_millis(20) {
            bytes = work().try_into().unwrap_or(0);
            rounds += 1;
        }
        best = best.min(start.elapsed() / rounds);
    }
    (best, bytes)
}
