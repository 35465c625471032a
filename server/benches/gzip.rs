//! Time and size of gzip bodies at each level, on the bodies that the endpoints
//! produce: serialised and compressed in one go, as the server does it.
//!
//! `cargo bench -p sws-server --bench gzip`; for another backend of flate2 add
//! `--no-default-features --features gzip-miniz`, `gzip-zlib` or `gzip-zlib-ng`
//! (which is not in the table: it needs cmake).
//!
//! µs and bytes as one run gave them on two shared CPUs of an AMD EPYC (AVX-512)
//! with flate2 1.1.10; other machines will differ in both ratios and figures:
//!
//! | body | level | zlib-rs 0.6.8 | miniz_oxide 0.9.1 | zlib 1.2.13 |
//! |---|---|---|---|---|
//! | 25 items | 1 | 10.5 / 1400 | 13.2 / 1250 | 13.7 / 1162 |
//! |  | 2 | 17.0 / 1111 | 19.9 / 1121 | 13.8 / 1132 |
//! |  | 3 | 20.1 / 1055 | 20.3 / 1078 | 13.7 / 1118 |
//! |  | 4 | 20.4 / 1036 | 23.7 / 1009 | 17.6 / 1058 |
//! |  | 5 | 21.5 / 1007 | 25.1 / 998 | 19.1 / 1021 |
//! |  | 6 | 21.5 / 1007 | 26.6 / 991 | 20.7 / 998 |
//! | 50 items | 1 | 19.3 / 2580 | 22.8 / 2302 | 23.3 / 2095 |
//! |  | 2 | 27.6 / 2010 | 33.2 / 2000 | 22.8 / 2000 |
//! |  | 3 | 32.4 / 1880 | 36.2 / 1873 | 23.9 / 1958 |
//! |  | 4 | 34.6 / 1826 | 43.5 / 1735 | 31.9 / 1873 |
//! |  | 5 | 37.5 / 1736 | 44.2 / 1707 | 34.8 / 1756 |
//! |  | 6 | 38.6 / 1729 | 59.1 / 1677 | 40.4 / 1701 |
//! | 6000 items | 1 | 2859 / 297659 | 4390 / 259428 | 5733 / 233227 |
//! |  | 2 | 4028 / 218323 | 5835 / 216117 | 6142 / 216667 |
//! |  | 3 | 5363 / 198340 | 8897 / 192351 | 7418 / 207131 |
//! |  | 4 | 7006 / 186184 | 9686 / 182364 | 8354 / 197435 |
//! |  | 5 | 7593 / 181417 | 12354 / 176729 | 10623 / 183775 |
//! |  | 6 | 10492 / 177773 | 24304 / 168152 | 15417 / 177592 |
//!
//! HttpArena ranks compressed answers by rate / (bytes per answer)^2. With some
//! 10 µs for everything else about a request and 170 bytes of head, level 2 of
//! zlib-rs comes out best where both lists and the large body count: on lists its
//! levels 2, 5 and 6 are level with each other and zlib 3 is about a tenth ahead,
//! on the large body zlib-rs 2 is half as good again as the best of zlib. It is
//! also memory-safe. Make the table anew before choosing another.

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
