//! Nanoseconds per operation for the requests and answers of a benchmark run, printed as a table.
//!
//! `cargo bench -p sws-proto --bench head`: the best of several rounds, because anything else that
//! runs on the machine only ever adds time.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use sws_proto::http1::date::HttpDate;
use sws_proto::http1::negotiate::{self, Coding};
use sws_proto::http1::{BodyDecoder, Framing, Limits, head, query, response};

const ROUNDS: usize = 15;
const ROUND_MIN: Duration = Duration::from_millis(20);

const GET: &[u8] = b"GET /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
const PIPELINE: &[u8] = b"GET /pipeline HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
const POST: &[u8] =
    b"POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 2\r\n\r\n20";
const POST_CHUNKED: &[u8] = b"POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost:8080\r\n\
    Transfer-Encoding: chunked\r\n\r\n2\r\n20\r\n0\r\n\r\n";
const JSON_GZIP: &[u8] =
    b"GET /json/50?m=6 HTTP/1.1\r\nHost: localhost:8080\r\nAccept-Encoding: gzip, br\r\n\r\n";
const BROWSER: &[u8] = b"GET /static/app.js HTTP/1.1\r\nHost: www.example.org\r\n\
    Connection: keep-alive\r\nCache-Control: max-age=0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: http://www.example.org/index.html\r\nUpgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";

fn main() {
    // `cargo test --all-targets` runs benches too, without this argument: nothing is tested here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let limits = Limits::default();
    for (name, request) in [
        ("GET", GET),
        ("GET pipeline", PIPELINE),
        ("POST with length", POST),
        ("POST chunked", POST_CHUNKED),
        ("GET json, gzip", JSON_GZIP),
        ("GET of a browser", BROWSER),
    ] {
        report(name, request.len(), || one_request(request, &limits));
    }
    for (name, cut) in [
        ("GET, first 20 bytes", 20),
        ("GET, last CRLF missing", GET.len() - 2),
    ] {
        let part = &GET[..cut];
        report(name, cut, || one_request(part, &limits));
    }
    others();
}

fn others() {
    let mut out = Vec::with_capacity(1 << 10);
    report("answer head", 0, || {
        out.clear();
        response::begin(&mut out, 200);
        response::header(&mut out, "content-type", "text/plain");
        response::content_length(&mut out, black_box(2));
        response::end(&mut out);
        out.len() as u64
    });
    let mut date = HttpDate::new(0);
    let mut now = 1_700_000_000;
    report("date, next second", 29, || {
        now += 1;
        date.update(black_box(now));
        u64::from(date.as_bytes()[24])
    });
    let accepted: &[u8] = b"gzip, br";
    report("choose of gzip, br", accepted.len(), || {
        let values = [black_box(accepted)].into_iter();
        u64::from(negotiate::choose(values, &[Coding::Gzip]) == Some(Coding::Gzip))
    });
    let query = "a=13&b=42";
    report("query pairs", query.len(), || {
        query::pairs(black_box(query))
            .map(|(_, value)| value.len() as u64)
            .sum()
    });
    let mut chunked = Vec::new();
    for _ in 0..64 {
        chunked.extend_from_slice(b"400\r\n");
        chunked.extend_from_slice(&[b'x'; 1024]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    report("chunked, 64 x 1 KiB", chunked.len(), || {
        body(Framing::Chunked, black_box(&chunked))
    });
}

/// Parses one request with its body; returns something that depends on all of it.
fn one_request(bytes: &[u8], limits: &Limits) -> u64 {
    let mut slots = [const { MaybeUninit::uninit() }; 64];
    match head::parse(black_box(bytes), &mut slots, limits) {
        Ok(Some((head, length))) => {
            let body = body(head.framing, &bytes[length..]);
            black_box(&head).headers.len() as u64 + body
        }
        Ok(None) => 0,
        Err(error) => u64::from(error.status()),
    }
}

fn body(framing: Framing, mut bytes: &[u8]) -> u64 {
    if !framing.has_body() {
        return 0;
    }
    let mut decoder = BodyDecoder::new(framing, u64::MAX);
    let mut length = 0;
    while let Ok(decoded) = decoder.decode(bytes) {
        length += decoded.data.len() as u64;
        bytes = &bytes[decoded.consumed..];
        if decoded.done || decoded.consumed == 0 {
            break;
        }
    }
    length
}

fn report(name: &str, bytes: usize, mut operation: impl FnMut() -> u64) {
    let mut repeats: u32 = 1;
    let mut best = f64::MAX;
    let mut round = 0;
    while round < ROUNDS {
        let start = Instant::now();
        for _ in 0..repeats {
            black_box(operation());
        }
        let elapsed = start.elapsed();
        if elapsed < ROUND_MIN {
            repeats *= 2;
            continue;
        }
        best = best.min(elapsed.as_secs_f64() * 1e9 / f64::from(repeats));
        round += 1;
    }
    println!("{name:24} {bytes:6} bytes {best:9.1} ns");
}
